// SPDX-License-Identifier: Apache-2.0
#include "guardian/child.hpp"

#include "ipc/channel.hpp"
#include "ipc/frame.hpp"
#include "ipc/socket.hpp"
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

int run(std::string const& name, child_entry const& entry, child_context ctx) {
    try {
        return entry(ctx);
    } catch (std::exception const& e) {
        spdlog::critical("{}: {}", name, e.what());
        return 1;
    }
}

void take_title(std::string const& name) {
    auto const title = "dyadd: " + name;
    ::prctl(PR_SET_NAME, title.c_str(), 0, 0, 0);
}

/// In the child. Tells the guardian why when that fails.
int run_program(program const& wanted, int socket) {
    ::fcntl(socket, F_SETFD, 0);
    program mine{ipc::descriptor(wanted.file.get()), wanted.arguments};
    mine.arguments.insert(mine.arguments.end(), {"--channel", std::to_string(socket)});
    become(mine);
    auto const why = failed(("cannot execute " + mine.arguments.front()).c_str()).detail;
    spdlog::critical("{}", why);
    if (auto const frame = ipc::encode_frame({{"type", not_a_program}, {"text", why}}, 0)) {
        ipc::transmit(socket, *frame, {});
    }
    return 1;
}

/// Everything of the child. The parent's objects stay in memory untouched: their destructors would take the parent's
/// descriptors out of the event queue that both processes still share.
[[noreturn]] void live(child_spec const& spec, int socket) {
    reset_signals();
    auto keep = spec.keep;
    keep.push_back(socket);
    if (spec.program) {
        keep.push_back(spec.program->file.get());
    }
    close_all_but(std::move(keep));
    take_title(spec.name);
    for (auto const* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
        ::unsetenv(name);
    }
    log::set_process(spec.name);
    auto const code = spec.program ? run_program(*spec.program, socket) : run(spec.name, spec.run, {socket, spec.liveness});
    std::fflush(nullptr);
    ::_exit(code);
}

} // namespace

int live_in_program(std::string const& name, child_entry const& entry, int socket) {
    take_title(name);
    ::fcntl(socket, F_SETFD, FD_CLOEXEC);
    return run(name, entry, {socket, nullptr});
}

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
