// SPDX-License-Identifier: Apache-2.0
// A commit is killed before its first system call, before its second, and so on until one comes through whole.
#include "support/temporary_directory.hpp"

#include <cluster/generation.hpp>

#include <catch2/catch.hpp>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

using namespace cluster;

namespace {

generation numbered(std::uint64_t number) {
    return {
        {1, number},
        {{"certificates/web.pem", std::string(3000, 'p')}, {"cluster.toml", "generation " + std::to_string(number)}},
        "test",
        0};
}

/// Runs `work` in a child that is killed at its stop number `stops` (a system call stops twice: before and after).
/// True when it ended by itself before that.
template <class Work>
bool run_until_stop(int stops, Work const& work) {
    auto const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        ::raise(SIGSTOP);
        ::_exit(work() ? 0 : 1);
    }
    int status = 0;
    for (int i = 0; i <= stops; ++i) {
        REQUIRE(::waitpid(child, &status, 0) == child);
        if (WIFEXITED(status)) {
            CHECK(WEXITSTATUS(status) == 0);
            return true;
        }
        REQUIRE(WIFSTOPPED(status));
        if (i < stops)
            REQUIRE(::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0);
    }
    ::kill(child, SIGKILL);
    REQUIRE(::waitpid(child, &status, 0) == child);
    return false;
}

} // namespace

TEST_CASE("a process that is killed at any system call of a commit leaves the old or the new generation") {
    ::setenv("TMPDIR", "/dev/shm", 1); // a process dies here, no disk: memory will do, and it is fast
    test::temporary_directory const home;
    ::unsetenv("TMPDIR");
    auto const directory = home.path() / "g";
    std::uint64_t number = 1;
    {
        auto store = generation_store::open(directory);
        REQUIRE(store.has_value());
        store->keep(2);
        REQUIRE(store->commit(numbered(number)));
        REQUIRE(store->commit(numbered(++number)));
    }
    unsigned old_ones = 0;
    unsigned new_ones = 0;
    for (int stops = 1;; ++stops) {
        INFO("killed at stop " << stops);
        bool const whole = run_until_stop(stops, [&] {
            auto store = generation_store::open(directory);
            if (!store)
                return false;
            store->keep(2); // so that pruning is interrupted too
            return store->commit(numbered(number + 1)).has_value();
        });
        auto const store = generation_store::open(directory);
        REQUIRE(store.has_value());
        CHECK(store->notice().empty());
        REQUIRE(store->current());
        bool const is_new = store->current() == numbered(number + 1);
        REQUIRE((is_new || store->current() == numbered(number)));
        for (auto const v : store->history())
            CHECK(store->load(v).value() == numbered(v.generation));
        (is_new ? new_ones : old_ones) += 1;
        if (is_new)
            ++number;
        if (whole) {
            CHECK(is_new);
            break;
        }
    }
    CHECK(old_ones > 20); // the steps before the commit
    CHECK(new_ones > 5);  // and after it
}
