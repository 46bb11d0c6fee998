// SPDX-License-Identifier: Apache-2.0
#include "probe/program.hpp"

#include "probe/reason.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace balance::probe {
namespace {

/// The attributes and actions of posix_spawn, which must be destroyed whatever happens.
struct spawn_plan {
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;

    explicit spawn_plan(int output) noexcept {
        posix_spawnattr_init(&attributes);
        posix_spawn_file_actions_init(&actions);
        sigset_t none;
        sigset_t all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
        posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    }
    ~spawn_plan() {
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    spawn_plan(spawn_plan const&) = delete;
    spawn_plan& operator=(spawn_plan const&) = delete;
};

std::string refusal(std::string const& command, int error) {
    std::string const name = excerpt(command, 100);
    if (error == ENOENT && ::access(command.c_str(), F_OK) == 0)
        return name + " cannot start: the interpreter its first line names does not exist";
    if (error == ENOENT || error == ENOTDIR)
        return name + " does not exist";
    if (error == EACCES)
        return name + " may not be executed; make it a file with chmod +x";
    if (error == ENOEXEC)
        return name + " is neither a program nor a script whose first line names an interpreter";
    return name + " cannot start: " + words_for(error);
}

} // namespace

std::string launch(std::string const& command, std::vector<std::string> const& arguments, program& started,
                   std::vector<std::pair<std::string, std::string>> const& more) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return "no pipe for the output: " + words_for(errno);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);

    std::vector<char*> argv{const_cast<char*>(command.c_str())};
    for (auto const& a : arguments)
        argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char language[] = "LANG=C";
    std::vector<std::string> texts;
    for (auto const& [name, value] : more)
        texts.push_back(name + "=" + value);
    std::vector<char*> environment{path, language};
    for (auto& text : texts)
        environment.push_back(text.data());
    environment.push_back(nullptr);

    spawn_plan const plan(ends[1]);
    pid_t pid = -1;
    int const error = ::posix_spawn(&pid, command.c_str(), &plan.actions, &plan.attributes, argv.data(), environment.data());
    ::close(ends[1]);
    if (error != 0) {
        ::close(ends[0]);
        return refusal(command, error);
    }
    started = {pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), ends[0]};
    if (started.pidfd >= 0)
        return {};
    std::string const why = "pidfd_open: " + words_for(errno);
    end_group(started);
    ::waitpid(pid, nullptr, 0);
    ::close(ends[0]);
    return why;
}

void end_group(program const& p) noexcept {
    if (p.pid > 0)
        ::kill(-p.pid, SIGKILL);
}

ending reap(program const& p) noexcept {
    siginfo_t info{};
    // Looked at first and reaped last: as long as it is a zombie, nobody else can get its process group's number.
    if (::waitid(P_PID, static_cast<id_t>(p.pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
        return {.reaped = true};
    if (info.si_pid == 0)
        return {};
    end_group(p);
    ::waitid(P_PID, static_cast<id_t>(p.pid), nullptr, WEXITED | WNOHANG);
    ending e{.reaped = true, .known = true};
    (info.si_code == CLD_EXITED ? e.exit_status : e.signal) = info.si_status;
    return e;
}

} // namespace balance::probe
