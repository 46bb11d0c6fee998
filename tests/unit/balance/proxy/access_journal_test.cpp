// SPDX-License-Identifier: Apache-2.0
// The access log: what is said of requests and connections, and what it costs.
#include "proxied_service.hpp"
#include "recording_server.hpp"

#include "proxy/access_journal.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <sstream>

#if defined(__SANITIZE_ADDRESS__)
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(void const volatile*, std::size_t), void (*)(void const volatile*)); // of g++'s runtime, without a header
#endif

namespace {

thread_local std::size_t allocations = 0; // of this thread

} // namespace

#if defined(__SANITIZE_ADDRESS__)
namespace {
void count_allocation(void const volatile*, std::size_t) { ++allocations; }
void count_nothing(void const volatile*) {}
bool const counts = __sanitizer_install_malloc_and_free_hooks(count_allocation, count_nothing) != 0;
} // namespace
#else
namespace {
bool const counts = true;
} // namespace
void* operator new(std::size_t n) {
    ++allocations;
    if (auto* const p = std::malloc(n))
        return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#endif

using namespace test;
using namespace std::chrono_literals;

namespace {

/// A proxy whose log lies in a file.
struct logged_service : proxied_service {
    explicit logged_service(balance::mode m, std::uint32_t rate = 0) : proxied_service({.threads = 2}) {
        service().mode = m;
        service().access_log = true;
        subject.log_to({open_log(), rate, {}});
    }
    [[nodiscard]] int open_log() const {
        return ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    }
    [[nodiscard]] std::string text() const {
        std::ostringstream out;
        out << std::ifstream(file).rdbuf();
        return out.str();
    }
    /// There is a line with all of these.
    [[nodiscard]] bool says(std::vector<std::string> const& words) const {
        return eventually([&] {
            std::istringstream lines(text());
            for (std::string line; std::getline(lines, line);)
                if (std::all_of(words.begin(), words.end(), [&](auto const& w) { return line.find(w) != line.npos; }))
                    return true;
            return false;
        });
    }

    temporary_directory directory;
    std::string file = (directory.path() / "access.log").string();
};

/// Has this process the file open?
bool is_open(std::string const& file) {
    for (auto const& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (std::filesystem::read_symlink(entry.path(), gone) == file)
            return true;
    }
    return false;
}

std::string const log_question = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n";

std::size_t lines_in(std::string const& text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

} // namespace

TEST_CASE("a request leaves a line in the access log", "[access]") {
    recording_server web{"one"};
    logged_service p(balance::mode::http);
    p.add_server("one", web.port());
    p.apply();
    tcp_client c(p.port);
    for (int i = 0; i < 2; ++i) {
        c.send(log_question);
        CHECK_FALSE(c.receive(http_answer("one").size()).empty());
    }
    INFO(p.text());
    CHECK(p.says({"client=127.0.0.1:", "service=\"web\" server=\"one\" method=\"GET\" host=\"b\" path=\"/a\" status=200", "ended=\"answered\""}));
    CHECK(eventually([&] { return lines_in(p.text()) == 2; }));
    c.send("GET /\x01 HTTP/1.1\r\n\r\n");
    CHECK(p.says({"server=- method=\"\" host=\"\" path=\"\" status=400", "ended=\"request was refused\""}));
    p.state("one").admin = balance::admin_state::halt;
    p.apply();
    tcp_client d(p.port);
    d.send(log_question);
    CHECK(p.says({"server=- method=\"GET\"", "status=503", "queue=- connect=- answer=-", "ended=\"no server was available\""}));
}

TEST_CASE("the access log says who is to blame", "[access]") {
    logged_service p(balance::mode::http);
    SECTION("a server that breaks off") {
        threaded_server server{reply("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")};
        p.add_server("one", server.port());
        p.apply();
        tcp_client c(p.port);
        c.send(log_question);
        CHECK(p.says({"server=\"one\"", "status=200", "ended=\"server broke off\""}));
    }
    SECTION("a server that is silent") {
        threaded_server server{stay_silent};
        p.service().timeouts.answer = 50ms;
        p.add_server("one", server.port());
        p.apply();
        tcp_client c(p.port);
        c.send(log_question);
        CHECK(p.says({"server=\"one\"", "status=504", "ended=\"server was too slow\""}));
    }
    SECTION("a client that does not wait") {
        threaded_server server{stay_silent};
        p.add_server("one", server.port());
        p.apply();
        tcp_client c(p.port);
        c.send(log_question);
        CHECK(eventually([&] { return p.status().servers[0].counters.connections == 1; }));
        c.reset();
        CHECK(p.says({"server=\"one\"", "status=-", "ended=\"client broke off\""}));
    }
    SECTION("nobody there") {
        p.add_server("one", free_port());
        p.apply();
        tcp_client c(p.port);
        c.send(log_question);
        CHECK(p.says({"status=503", "ended=\"no server could be connected\""}));
    }
}

TEST_CASE("a connection leaves a line in the access log", "[access]") {
    threaded_server echo{greet_and_echo("one")};
    logged_service p(balance::mode::tcp);
    p.add_server("one", echo.port());
    p.apply();
    {
        tcp_client c(p.port);
        CHECK(c.receive_line() == "one");
        c.send("abc");
        CHECK(c.receive(3) == "abc");
    }
    CHECK(p.says({"server=\"one\" in=3 out=7 ", "ended=\"client closed\""}));
    CHECK(p.text().find("method=") == std::string::npos);
    tcp_client d(p.port);
    CHECK(d.receive_line() == "one");
    p.state("one").health = balance::health::down;
    p.apply();
    CHECK(p.says({"ended=\"server was taken out of service\""}));
    tcp_client e(p.port);
    CHECK(p.says({"ended=\"no server was available\""}));
}

TEST_CASE("a log that is off leaves nothing, and one that was moved goes on elsewhere", "[access]") {
    recording_server web{"one"};
    logged_service p(balance::mode::http);
    p.service().access_log = false;
    p.add_server("one", web.port());
    p.apply();
    auto const ask = [&] {
        tcp_client c(p.port);
        c.send(log_question);
        return !c.receive(http_answer("one").size()).empty();
    };
    CHECK(ask());
    p.service().access_log = true;
    p.apply();
    CHECK(ask());
    CHECK(eventually([&] { return lines_in(p.text()) == 1; }));
    auto const old = p.file + ".1";
    REQUIRE(::rename(p.file.c_str(), old.c_str()) == 0);
    p.subject.log_to({p.open_log(), 0, "<6>"});
    CHECK(ask());
    CHECK(eventually([&] { return p.text().starts_with("<6>20"); }));
    p.subject.log_to({});
    CHECK(ask());
    CHECK(lines_in(p.text()) == 1);
    CHECK(eventually([&] { return !is_open(p.file) && !is_open(old); }));
}

TEST_CASE("what is beyond the rate is dropped, counted and confessed", "[access]") {
    logged_service p(balance::mode::tcp, 3); // no server: each connection ends at once
    p.apply();
    for (int i = 0; i < 20; ++i)
        CHECK(p.who_serves().empty());
    CHECK(eventually([&] { return p.subject.dropped_records() >= 10; }));
    CHECK(p.says({" dropped="}));
}

TEST_CASE("a reader that is too slow costs records, and nobody waits", "[access]") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    balance::core::access_record r;
    r.service = "web";
    {
        balance::layer7::access_journal subject(1);
        subject.write_to({ends[1], 0, {}});
        for (int i = 0; i < 20'000; ++i) // a full pipe and a full ring
            subject.add(0, r);
        CHECK(subject.dropped() > 0);
        auto const before = allocations;
        for (int i = 0; i < 1000; ++i)
            subject.add(0, r);
        REQUIRE(counts);
        CHECK(allocations == before);
        ::close(ends[0]); // else its thread would write for ever
    }
}

TEST_CASE("writing down a request allocates nothing", "[access]") {
    balance::layer7::access_journal subject(1);
    subject.write_to({::open("/dev/null", O_WRONLY | O_CLOEXEC), 0, {}});
    balance::core::access_record r;
    r.client = {boost::asio::ip::make_address("2001:db8::1"), 1};
    r.service = "web";
    r.http = true;
    r.target = "/";
    auto const before = allocations;
    for (int i = 0; i < 100; ++i)
        subject.add(0, r);
    CHECK(allocations == before);
    auto const proof = std::make_unique<std::string>(100, 'x');
    REQUIRE(counts);
    CHECK(allocations > before);
    CHECK(subject.dropped() == 0);
}
