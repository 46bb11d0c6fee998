// SPDX-License-Identifier: Apache-2.0
#include "guardian/lock_file.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <sys/wait.h>

#include <fstream>

using namespace dyad;
using namespace std::chrono_literals;

TEST_CASE("a directory is made and locked by one") {
    test::temporary_directory const dir;
    auto const state = dir.path() / "lib" / "dyad";
    auto const first = lock_directory(state, 0700, 0ms);
    REQUIRE(first.has_value());
    struct stat info {};
    REQUIRE(::stat(state.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0700);

    auto const second = lock_directory(state, 0700, 5s); // the owner lives: nothing is waited for
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == balance::errc::already_exists);
    CHECK(second.error().detail == "another dyadd (pid " + std::to_string(::getpid()) + ") runs on " + state.string() +
                                       "; stop it first, or give this one directories of its own with --state-dir and "
                                       "--run-dir");
}

TEST_CASE("a lock ends with its descriptor") {
    test::temporary_directory const dir;
    lock_directory(dir.path(), 0700, 0ms).value();
    CHECK(lock_directory(dir.path(), 0700, 0ms).has_value());
}

TEST_CASE("what a dead owner left behind is waited for") {
    test::temporary_directory const dir;
    int end_it[2];
    REQUIRE(::pipe(end_it) == 0);
    auto const owner = ::fork();
    if (owner == 0) {
        auto lock = lock_directory(dir.path(), 0700, 0ms);
        if (lock && ::fork() == 0) { // the one left behind keeps the lock until it is told
            ::close(end_it[1]);
            char byte = 0;
            [[maybe_unused]] auto const end = ::read(end_it[0], &byte, 1);
        }
        ::_exit(0);
    }
    ::waitpid(owner, nullptr, 0);
    ::close(end_it[0]);
    CHECK_FALSE(lock_directory(dir.path(), 0700, 0ms).has_value());
    ::close(end_it[1]);
    CHECK(lock_directory(dir.path(), 0700, 10s).has_value());
}

TEST_CASE("a directory that cannot be made is said with the remedy") {
    test::temporary_directory const dir;
    std::ofstream(dir.path() / "file") << "x";
    auto const lock = lock_directory(dir.path() / "file" / "state", 0700, 0ms);
    REQUIRE_FALSE(lock.has_value());
    CHECK(lock.error().detail.find("Not a directory; ") != std::string::npos);
    CHECK(lock.error().detail.find("--state-dir") != std::string::npos);
}
