// SPDX-License-Identifier: Apache-2.0
#include "firewall/program.hpp"
#include "support/slurp.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <signal.h>

#include <stop_token>
#include <thread>

using namespace balance;
using namespace balance::firewall;
using namespace std::chrono_literals;

TEST_CASE("a program gets its input and gives back what it prints and how it ended") {
    std::string const long_text(300'000, 'x');
    auto const copied = run_program("cat", {"-"}, long_text, 5s);
    REQUIRE(copied.has_value());
    CHECK(copied->exit_code == 0);
    CHECK(copied->out == long_text);
    auto const failed = run_program("sh", {"-c", "echo no >&2; exit 3"}, {}, 5s);
    CHECK(failed->exit_code == 3);
    CHECK(failed->err == "no\n");
    CHECK(run_program("sh", {"-c", "kill -TERM $$"}, {}, 5s)->exit_code == 128 + 15);
}

TEST_CASE("a program can open its input by name, as nft does") {
    CHECK(run_program("cat", {"/dev/stdin"}, "table", 5s)->out == "table");
}

TEST_CASE("arguments reach the program as they are") {
    CHECK(run_program("printf", {"%s|", "a b", "$(id)", "\"'"}, {}, 5s)->out == "a b|$(id)|\"'|");
}

TEST_CASE("a program that is missing or does not end is an error") {
    auto const missing = run_program("no-such-program", {}, {}, 5s);
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().code == errc::not_found);
    auto const endless = run_program("sleep", {"60"}, {}, 20ms);
    REQUIRE_FALSE(endless.has_value());
    CHECK(endless.error().code == errc::timed_out);
}

TEST_CASE("what a program has started is killed with it, at the limit and when a stop is asked for") {
    auto const left = [](std::chrono::milliseconds limit, std::stop_token stop) {
        test::temporary_directory const folder;
        auto const noted = folder.path() / "pid";
        auto const done = run_program("sh", {"-c", "sleep 60 & echo $! >" + noted.string() + "; wait"}, {}, limit, std::move(stop));
        auto const child = std::stoi(test::slurp(noted));
        for (int i = 0; i < 100 && ::kill(child, 0) == 0; ++i) { // until init has collected it
            std::this_thread::sleep_for(20ms);
        }
        return std::pair(done ? std::error_code() : std::error_code(done.error().code), ::kill(child, 0) == 0);
    };
    CHECK(left(500ms, {}) == std::pair(std::error_code(make_error_code(errc::timed_out)), false));
    std::stop_source stop;
    std::jthread const asks([&] {
        std::this_thread::sleep_for(500ms);
        stop.request_stop();
    });
    CHECK(left(60s, stop.get_token()) == std::pair(std::error_code(make_error_code(errc::refused)), false));
}
