// SPDX-License-Identifier: Apache-2.0
#include "firewall/program.hpp"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace balance::firewall {
namespace {

constexpr std::size_t most_output = 4u << 20;
constexpr std::chrono::milliseconds stop_period{100}; ///< of looking whether a stop was asked for

class descriptor {
public:
    explicit descriptor(int fd) : fd_(fd) {}
    ~descriptor() {
        if (fd_ >= 0) {
            close(fd_);
        }
    }
    descriptor(descriptor const&) = delete;
    descriptor& operator=(descriptor const&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

error failed(std::string const& what) { return make_error(errc::io_error, what + ": " + std::strerror(errno)); }

std::optional<std::string> find(std::string_view name) {
    if (name.starts_with('/')) {
        std::string path(name);
        return access(path.c_str(), X_OK) == 0 ? std::optional(std::move(path)) : std::nullopt;
    }
    for (auto const* directory :
         {"/usr/local/sbin/", "/usr/sbin/", "/sbin/", "/usr/local/bin/", "/usr/bin/", "/bin/"}) {
        auto path = directory + std::string(name);
        if (access(path.c_str(), X_OK) == 0) {
            return path;
        }
    }
    return std::nullopt;
}

/// The child's three streams. Files in memory instead of pipes: nothing can block, whatever the child reads or prints.
struct streams {
    descriptor in{memfd_create("in", MFD_CLOEXEC)};
    descriptor out{memfd_create("out", MFD_CLOEXEC)};
    descriptor err{memfd_create("err", MFD_CLOEXEC)};

    [[nodiscard]] bool open() const { return in.get() >= 0 && out.get() >= 0 && err.get() >= 0; }

    [[nodiscard]] bool fill(std::string_view input) const {
        while (!input.empty()) {
            auto const n = write(in.get(), input.data(), input.size());
            if (n < 0) {
                return false;
            }
            input.remove_prefix(static_cast<std::size_t>(n));
        }
        return lseek(in.get(), 0, SEEK_SET) == 0;
    }
};

std::string content(descriptor const& file) {
    std::string out;
    std::array<char, 16384> chunk{};
    while (out.size() < most_output) {
        auto const n = pread(file.get(), chunk.data(), chunk.size(), static_cast<off_t>(out.size()));
        if (n <= 0) {
            break;
        }
        out.append(chunk.data(), static_cast<std::size_t>(n));
    }
    return out;
}

/// 0 or an errno.
int start(std::string const& path, std::vector<std::string> const& arguments, streams const& s, pid_t& pid) {
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (auto const& a : arguments) {
        argv.push_back(const_cast<char*>(a.c_str()));
    }
    argv.push_back(nullptr);
    std::array<char, 64> search{"PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"};
    std::array<char, 16> language{"LC_ALL=C"};
    std::array<char*, 3> environment{search.data(), language.data(), nullptr};

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, s.in.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, s.out.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, s.err.get(), STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int const code = posix_spawn(&pid, path.c_str(), &files, &attributes, argv.data(), environment.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return code;
}

/// Waits for the child's end; false when the limit was reached or a stop was asked for first.
bool ended(pid_t pid, std::chrono::milliseconds limit, std::stop_token const& stop) {
    descriptor const handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (handle.get() < 0) {
        return true; // a kernel before 5.3: waitpid() will wait, without a limit
    }
    auto const end = std::chrono::steady_clock::now() + limit;
    for (;;) {
        auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0 || stop.stop_requested()) {
            return false;
        }
        pollfd watched{handle.get(), POLLIN, 0};
        int const ready = poll(&watched, 1, static_cast<int>((stop.stop_possible() ? std::min(left, stop_period) : left).count()));
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return true;
        }
    }
}

} // namespace

result<finished> run_program(std::string_view name, std::vector<std::string> const& arguments, std::string_view input,
                             std::chrono::milliseconds limit, std::stop_token stop) {
    std::string const word(name);
    auto const path = find(name);
    if (!path) {
        return make_error(errc::not_found,
                          word + (word.starts_with('/') ? " is not there, or is no program that may be "
                                                          "run; check its path and its mode"
                                                        : " is not installed"));
    }
    streams const s;
    if (!s.open() || !s.fill(input)) {
        return failed("memfd for " + word);
    }
    pid_t pid = 0;
    if (int const code = start(*path, arguments, s, pid); code != 0) {
        errno = code;
        return failed("starting " + *path);
    }
    bool const in_time = ended(pid, limit, stop);
    if (!in_time) {
        kill(-pid, SIGKILL);
    }
    int status = 0;
    pid_t reaped = 0;
    while ((reaped = waitpid(pid, &status, 0)) < 0 && errno == EINTR) {
    }
    if (reaped < 0) {
        return failed("waiting for " + word); // somebody else in this process collects children
    }
    if (!in_time && stop.stop_requested()) {
        return make_error(errc::refused, word + " was killed before its end: whoever ran it leaves");
    }
    if (!in_time) {
        return make_error(errc::timed_out,
                          word + " did not end within " + std::to_string(limit.count()) + " ms and was killed");
    }
    return finished{WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), content(s.out), content(s.err)};
}

bool load_module(std::string const& name) {
    constexpr std::chrono::seconds limit(10);
    auto const done = run_program("modprobe", {"-q", name}, {}, limit);
    return done && done->exit_code == 0;
}

} // namespace balance::firewall
