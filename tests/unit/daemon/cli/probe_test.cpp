// SPDX-License-Identifier: Apache-2.0
#include "run_dyad.hpp"
#include "scripted_daemon.hpp"

#include <balance/text.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json/parse.hpp>

#include <catch2/catch.hpp>
#include <cli/probe_report.hpp>
#include <cli/prober.hpp>

#include <thread>

using dyad::cli::attempt;
using dyad::cli::report_of;
using dyad::cli::short_time;
using test::dyad_in;
using tcp = boost::asio::ip::tcp;

namespace {

/// Accepts on a free port of loopback; answers each connection with `answer` and closes it.
class small_server {
public:
    explicit small_server(std::string answer) : answer_(std::move(answer)), thread_([this] { serve(); }) {}
    ~small_server() {
        stopping_ = true;
        boost::system::error_code ignored;
        tcp::socket last(io_); // wakes accept()
        last.connect(acceptor_.local_endpoint(), ignored);
        thread_.join();
    }
    [[nodiscard]] std::string target() const { return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

private:
    void serve() {
        boost::system::error_code ec;
        while (!stopping_) {
            auto client = acceptor_.accept(ec);
            if (!ec && !stopping_ && !answer_.empty()) {
                std::string asked(4096, '\0');
                client.read_some(boost::asio::buffer(asked), ec);
                client.write_some(boost::asio::buffer(answer_), ec);
            }
        }
    }

    std::string answer_;
    boost::asio::io_context io_;
    tcp::acceptor acceptor_{io_, {boost::asio::ip::address_v4::loopback(), 0}};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

/// A port of loopback on which nobody listens.
std::string closed_target() {
    boost::asio::io_context io;
    tcp::socket taken(io);
    taken.open(tcp::v4());
    taken.bind({boost::asio::ip::address_v4::loopback(), 0});
    return "127.0.0.1:" + std::to_string(taken.local_endpoint().port());
}

} // namespace

TEST_CASE("a report counts what ended in its time, and the longest time without an answer") {
    std::vector<attempt> const seen{{0, 900, ""},
                                    {10'000, 11'000, ""},
                                    {20'000, 20'100, "refused"},
                                    {30'000, 30'100, "reset"},
                                    {40'000, 40'100, "reset"},
                                    {50'000, 53'000, ""},
                                    {60'000, 99'000, ""}};
    auto const all = report_of(seen, 0, 100'000);
    CHECK(all.attempts == 7);
    CHECK(all.failed == 3);
    CHECK(all.failures == std::vector<std::pair<std::string, std::size_t>>{{"reset", 2}, {"refused", 1}});
    CHECK(all.median == 1'000);
    CHECK(all.slowest == 39'000);
    CHECK(all.longest_gap == 46'000);
    CHECK(all.gap_begun == 53'000);
    auto const part = report_of(seen, 1'000, 52'000);
    CHECK(part.attempts == 4);
    CHECK(part.longest_gap == 41'000); // from the last answer to the end
    CHECK(part.gap_begun == 11'000);
}

TEST_CASE("a report of nothing is one long gap") {
    auto const r = report_of({}, 5'000, 25'000);
    CHECK(r.attempts == 0);
    CHECK(r.longest_gap == 20'000);
    CHECK(to_text(r) == "  failed       0 of 0\n  longest gap  20 ms without an answer, 0.0 ms after the start\n");
}

TEST_CASE("short times have the digits that matter") {
    CHECK(short_time(0) == "0.0 ms");
    CHECK(short_time(430) == "0.4 ms");
    CHECK(short_time(12'345) == "12 ms");
    CHECK(short_time(3'240'000) == "3.2 s");
}

TEST_CASE("dyad probe: connections that are served") {
    small_server const server("");
    auto const got = dyad_in("/nonexistent", {"probe", server.target(), "--for", "200ms", "--every", "10ms"});
    CHECK(got.code == 0);
    CHECK(got.err.empty());
    CHECK(got.out.starts_with(server.target() + ": "));
    CHECK(got.out.find("failed       0 of ") != std::string::npos);
    auto const document = dyad_in("/nonexistent", {"--json", "probe", server.target(), "--for", "100ms"});
    auto const o = boost::json::parse(document.out).as_object();
    CHECK(o.at("failed").as_int64() == 0);
    CHECK(o.at("target").as_string() == server.target());
}

TEST_CASE("a probe that is always behind its grid ends all the same") {
    for (int i = 0; i < 5; ++i) {
        dyad::cli::prober behind({balance::parse_endpoint(closed_target()).value(), {}, "", std::chrono::milliseconds(0)});
        while (behind.attempts().size() < 10) {
            std::this_thread::yield();
        }
        behind.stop();
        CHECK(behind.attempts().size() >= 10);
    }
}

TEST_CASE("dyad probe: nobody listens") {
    auto const got = dyad_in("/nonexistent", {"probe", closed_target(), "--for", "100ms"});
    CHECK(got.code == 1);
    CHECK(got.out.find("Connection refused") != std::string::npos);
}

TEST_CASE("dyad probe: what HTTP answers decides") {
    small_server const well("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    CHECK(dyad_in("/nonexistent", {"probe", well.target(), "--for", "100ms", "--http", "/"}).code == 0);
    small_server const ill("HTTP/1.1 503 Oh\r\nContent-Length: 0\r\n\r\n");
    auto const got = dyad_in("/nonexistent", {"probe", ill.target(), "--for", "100ms", "--http", "/"});
    CHECK(got.code == 1);
    CHECK(got.out.find("HTTP status 503") != std::string::npos);
    small_server const other("SSH-2.0-OpenSSH_9.2\r\n");
    CHECK(dyad_in("/nonexistent", {"probe", other.target(), "--for", "100ms", "--http", "/"}).code == 1);
}

TEST_CASE("dyad probe: wrong usage says what would be right") {
    using words = std::vector<std::string>;
    for (auto const& [arguments, reason] : std::vector<std::pair<words, std::string>>{
             {{"probe", "web"}, "write ADDRESS:PORT"},
             {{"probe", "192.0.2.1"}, "write ADDRESS:PORT"},
             {{"probe", "192.0.2.1:0"}, "write ADDRESS:PORT"},
             {{"probe", "192.0.2.1:80", "--every", "0s"}, "from 1ms to 1m"},
             {{"probe", "192.0.2.1:80", "--timeout", "2h"}, "from 1ms to 1m"},
             {{"probe", "192.0.2.1:80", "--for", "soon"}, "from 0s to "},
             {{"probe", "192.0.2.1:80", "--http", "index.html"}, "a path such as /health"}}) {
        CAPTURE(arguments);
        auto const got = dyad_in("/nonexistent", arguments);
        CHECK(got.code == 2);
        CHECK(got.err.find(reason) != std::string::npos);
    }
}

TEST_CASE("dyad drill: refused where it cannot go well, and nothing is moved") {
    constexpr auto status = R"json({"node":{"name":"lb1","state":"active","maintenance":false},"services":[],
        "peer":{"name":"lb2","alive":%,"ready":true,"state":"passive","maintenance":false},"addresses":[]})json";
    auto const with = [&](char const* alive) {
        std::string out(status);
        return out.replace(out.find('%'), 1, alive);
    };
    test::scripted_daemon const silent({{"GET /v1/status", {200, with("false")}}});
    auto const first = dyad_in(silent.run_dir(), {"drill", "--yes"});
    CHECK(first.code == 1);
    CHECK(first.err.find("the peer is silent") != std::string::npos);

    test::scripted_daemon const idle({{"GET /v1/status", {200, with("true")}}});
    auto const second = dyad_in(idle.run_dir(), {"drill", "--yes"});
    CHECK(second.code == 1);
    CHECK(second.err.find("name a target as ADDRESS:PORT") != std::string::npos);

    auto const third = dyad_in(idle.run_dir(), {"drill", "192.0.2.1:80"});
    CHECK(third.code == 1);
    CHECK(third.err.find("--yes") != std::string::npos);
    CHECK(idle.asked() == std::vector<std::string>{"GET /v1/status", "GET /v1/status"});

    CHECK(dyad_in("/nonexistent", {"drill", "--yes"}).code == 3);
    CHECK(dyad_in("/nonexistent", {"drill", "--rounds", "0"}).code == 2);
    CHECK(dyad_in("/nonexistent", {"drill", "nowhere", "--yes"}).code == 2);
}
