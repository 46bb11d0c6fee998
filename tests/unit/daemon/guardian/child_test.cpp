// SPDX-License-Identifier: Apache-2.0
#include "guardian/child.hpp"
#include "guardian/privileges.hpp"
#include "guardian/shared_word.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

using namespace dyad;

namespace {

child_end life_of(child_spec const& spec) {
    auto const c = start_child(spec);
    REQUIRE(c.has_value());
    pollfd end{c->pidfd.get(), POLLIN, 0};
    REQUIRE(::poll(&end, 1, 10'000) == 1);
    return reap(*c);
}

/// What is true in the child, as its exit code 0 or 1.
bool in_child(std::function<bool(child_context)> const& question, std::vector<int> keep = {}) {
    return life_of({"test", [&](child_context ctx) { return question(ctx) ? 0 : 1; }, std::move(keep), nullptr})
        .clean();
}

std::string status_line(std::string_view name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name)) {
            return line.substr(line.find('\t') + 1);
        }
    }
    return {};
}

} // namespace

TEST_CASE("how a child ended is told") {
    CHECK(life_of({"test", [](child_context) { return 0; }, {}, nullptr}).clean());
    CHECK(life_of({"test", [](child_context) { return 7; }, {}, nullptr}).text() == "ended with exit code 7");
    auto const killed = life_of({"test", [](child_context) { return ::raise(SIGKILL); }, {}, nullptr});
    CHECK_FALSE(killed.clean());
    CHECK(killed.text() == "was killed by signal 9 (Killed)");
    CHECK_FALSE(life_of({"test", [](child_context) -> int { throw std::runtime_error("out"); }, {}, nullptr}).clean());
}

TEST_CASE("a child has none of its parent's descriptors but those kept") {
    auto const file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    auto const kept = ::fcntl(file, F_DUPFD_CLOEXEC, 50);
    CHECK(in_child(
        [&](child_context ctx) {
            int others = 0;
            for (auto const& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
                auto const fd = std::stoi(entry.path().filename());
                bool const listing = entry.is_directory(); // the iterator's own
                others += fd > 2 && fd != ctx.guardian_fd && fd != kept && !listing ? 1 : 0;
            }
            return others == 0 && ::fcntl(kept, F_GETFD) >= 0;
        },
        {kept}));
    CHECK(in_child([&](child_context) { return ::fcntl(file, F_GETFD) < 0 && ::fcntl(kept, F_GETFD) < 0; }));
    ::close(file);
    ::close(kept);
}

TEST_CASE("a child starts with clean signals, a name and no tie to the service manager") {
    ::setenv("NOTIFY_SOCKET", "/nowhere", 1);
    sigset_t blocked;
    sigset_t before;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &blocked, &before);
    CHECK(in_child([](child_context) {
        sigset_t now;
        ::sigprocmask(SIG_SETMASK, nullptr, &now);
        return ::sigismember(&now, SIGTERM) == 0;
    }));
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    CHECK(in_child([](child_context) { return std::getenv("NOTIFY_SOCKET") == nullptr; }));
    CHECK(in_child([](child_context) { return status_line("Name:") == "dyadd: test"; }));
    CHECK(in_child([](child_context) { return ::raise(SIGINT) == 0 && ::raise(SIGHUP) == 0; }));
    ::unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("parent and child share the liveness word") {
    shared_word const word;
    life_of({"test",
             [](child_context ctx) {
                 ctx.liveness->store(42);
                 return 0;
             },
             {},
             word.get()});
    CHECK(word.get()->load() == 42);
}

TEST_CASE("privileges are given up for good") {
    CHECK(in_child([](child_context) {
        bool const was_root = ::geteuid() == 0;
        rlimit core{};
        return drop_privileges().has_value() && ::getuid() != 0 && ::getgid() != 0 && ::setuid(0) != 0 &&
               status_line("CapEff:") == "0000000000000000" && status_line("CapPrm:") == "0000000000000000" &&
               (!was_root || status_line("Groups:").find_first_not_of(' ') == std::string::npos) &&
               ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && ::getrlimit(RLIMIT_CORE, &core) == 0 &&
               core.rlim_max == 0;
    }));
    CHECK(in_child([](child_context) {
        int signal = 0;
        return drop_privileges().has_value() && ::prctl(PR_GET_PDEATHSIG, &signal) == 0 && signal == SIGKILL;
    }));
}

TEST_CASE("a worker is the first to go when memory is short") {
    CHECK(in_child([](child_context) {
        int score = 0;
        return drop_privileges().has_value() && std::ifstream("/proc/self/oom_score_adj") >> score && score == 200;
    }));
}
