// SPDX-License-Identifier: Apache-2.0
#include "guardian/child.hpp"

#include "ipc/channel.hpp"
#include "log/log.hpp"

#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

namespace dyad {

namespace {

balance::error failed(char const* what) {
    auto const why = boost::system::error_code(errno, boost::system::system_category()).message();
    return balance::make_error(balance::errc::io_error, std::string(what) + ": " + why);
}

void reset_signals() {
    for (int const number : {SIGINT, SIGHUP, SIGPIPE}) {
        ::signal(number, SIG_IGN);
    }
    for (int const number : {SIGTERM, SIGCHLD}) { // whatever the embedding program did with them
        ::signal(number, SIG_DFL);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void close_all_but(std::vector<int> keep) {
    std::sort(keep.begin(), keep.end());
    unsigned next = 3;
    for (auto const fd : keep) {
        auto const number = static_cast<unsigned>(fd);
        if (number > next) {
            ::close_range(next, number - 1, 0);
        }
        next = std::max(next, number + 1);
    }
    ::close_range(next, ~0u, 0);
}

int run(child_spec const& spec, int socket) {
    try {
        return spec.run({socket, spec.liveness});
    } catch (std::exception const& e) {
        spdlog::critical("{}: {}", spec.name, e.what());
        return 1;
    }
}

/// Everything of the child. The parent's objects stay in memory untouched: their destructors would take the parent's
/// descriptors out of the event queue that both processes still share.
[[noreturn]] void live(child_spec const& spec, int socket) {
    reset_signals();
    auto keep = spec.keep;
    keep.push_back(socket);
    close_all_but(std::move(keep));
    auto const title = "dyadd: " + spec.name;
    ::prctl(PR_SET_NAME, title.c_str(), 0, 0, 0);
    for (auto const* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
        ::unsetenv(name);
    }
    log::set_process(spec.name);
    auto const code = run(spec, socket);
    std::fflush(nullptr);
    ::_exit(code);
}

} // namespace

balance::result<child> start_child(child_spec const& spec) {
    auto sockets = ipc::socket_pair();
    if (!sockets) {
        return sockets.error();
    }
    std::fflush(nullptr); // or both processes would write what is buffered
    auto const pid = ::fork();
    if (pid < 0) {
        return failed("cannot start a process: fork");
    }
    if (pid == 0) {
        live(spec, sockets->second.release());
    }
    child started{pid, ipc::descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))), std::move(sockets->first)};
    if (!started.pidfd) {
        auto const error = failed("cannot watch a process: pidfd_open");
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return error;
    }
    ::fcntl(started.pidfd.get(), F_SETFD, FD_CLOEXEC);
    return started;
}

child_end reap(child const& c) {
    int status = 0;
    while (::waitpid(c.pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) {
        return {true, WEXITSTATUS(status)};
    }
    return {false, WTERMSIG(status)};
}

std::string child_end::text() const {
    if (exited) {
        return "ended with exit code " + std::to_string(code);
    }
    return "was killed by signal " + std::to_string(code) + " (" + ::strsignal(code) + ")";
}

} // namespace dyad
