// SPDX-License-Identifier: Apache-2.0
// A secondary that is killed at a random instant of an apply, 200 times. Each time it comes back with the whole old or the
// whole new generation, and then gets the newest.
#include "replication_crash.hpp"

#include "support/free_port.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <random>
#include <thread>

using namespace cluster;
using clock_type = std::chrono::steady_clock;

namespace {

/// The process, started anew whenever it was killed.
class secondary {
public:
    secondary(std::filesystem::path directory, std::uint16_t port) : directory_(std::move(directory)), port_(std::to_string(port)) {}
    ~secondary() { kill(); }

    /// Starts it and returns what it said that it holds.
    std::string start() {
        int out[2];
        REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
        child_ = ::fork();
        REQUIRE(child_ >= 0);
        if (child_ == 0) {
            ::dup2(out[1], STDOUT_FILENO);
            ::execl(REPLICATION_SECONDARY, REPLICATION_SECONDARY, directory_.c_str(), port_.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(out[1]);
        std::string line;
        for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';)
            line.push_back(c);
        ::close(out[0]);
        return line;
    }
    void kill() {
        if (child_ <= 0)
            return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
        child_ = -1;
    }
    void kill_after(std::chrono::nanoseconds delay) {
        timespec const wait{static_cast<time_t>(delay.count() / 1'000'000'000), static_cast<long>(delay.count() % 1'000'000'000)};
        ::clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, nullptr);
        kill();
    }

private:
    std::filesystem::path directory_;
    std::string port_;
    pid_t child_ = -1;
};

generation make(std::uint64_t number) {
    return {{1, number},
            {{"certificates/web.pem", std::string(2000, 'p')}, {"cluster.toml", "generation " + std::to_string(number)}},
            "test",
            static_cast<std::int64_t>(number)};
}

std::string text_of(generation const& g) { return crash::text_of({g.version, hash_of(g)}) + " "; }

struct primary {
    primary(std::filesystem::path const& directory, std::uint16_t port)
        : store(generation_store::open(directory).value()),
          unit(io.get_executor(), crash::settings(node_id::primary, port), store) {
        store.keep(3);
        REQUIRE(unit.start());
    }
    template <class Predicate>
    bool until(Predicate const& done) {
        auto const limit = clock_type::now() + std::chrono::seconds{10};
        while (!done() && clock_type::now() < limit) {
            io.restart();
            io.run_one_for(std::chrono::milliseconds{20});
        }
        return done();
    }
    boost::asio::io_context io{1};
    generation_store store;
    replicator unit;
};

} // namespace

TEST_CASE("a secondary that is killed at random instants of 200 applies comes back with a whole generation each time") {
    ::setenv("TMPDIR", "/dev/shm", 1); // a process dies here, no disk: memory will do, and it is fast
    test::temporary_directory const home;
    ::unsetenv("TMPDIR");
    auto const port = test::free_port({"127.0.0.1", "127.0.0.2"});
    primary here(home.path() / "primary", port);
    secondary there(home.path() / "secondary", port);
    REQUIRE(there.start() == crash::text_of({}) + " ");
    std::mt19937_64 random{20261121};
    auto usual = std::chrono::nanoseconds{2'000'000}; // what an apply takes, learned on the way
    unsigned old_ones = 0;
    unsigned new_ones = 0;
    for (std::uint64_t number = 1; number <= 200; ++number) {
        INFO("apply " << number);
        REQUIRE(here.until([&] { return here.unit.status().in_sync; }));

        auto const delay = std::chrono::nanoseconds{static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * usual.count()))};
        std::optional<result<replicator::outcome>> answer;
        auto const begin = clock_type::now();
        std::thread killer([&] { there.kill_after(delay); });
        here.unit.apply(make(number), [&](result<replicator::outcome> r) { answer = std::move(r); });
        bool const answered = here.until([&] { return answer.has_value(); });
        auto const took = clock_type::now() - begin;
        killer.join();
        REQUIRE(answered);
        REQUIRE(answer->has_value()); // a dying peer never stops the primary
        if ((*answer)->peer_committed)
            usual = (3 * usual + took) / 4;

        auto const holds = there.start();
        // Killed between its first generation and the first link to one, it has the generation and a notice that there is no link.
        auto const fresh = text_of(make(number));
        bool const is_new = number == 1 ? holds.starts_with(fresh) : holds == fresh;
        bool const is_old = holds == (number == 1 ? crash::text_of({}) + " " : text_of(make(number - 1)));
        INFO("it holds " << holds);
        REQUIRE((is_new || is_old));
        if ((*answer)->peer_committed)
            CHECK(is_new);
        (is_new ? new_ones : old_ones) += 1;
    }
    REQUIRE(here.until([&] { return here.unit.status().in_sync; }));
    CHECK(here.unit.status().peer_version == config_version{1, 200});
    CHECK(old_ones >= 10); // the instants do lie before
    CHECK(new_ones >= 10); // and after its commit
}
