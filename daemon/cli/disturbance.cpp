// SPDX-License-Identifier: Apache-2.0
#include <cli/disturbance.hpp>
#include <cli/link_cut.hpp>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <optional>
#include <utility>

namespace dyad::cli {
namespace {

using system_time = std::int64_t; ///< ns of CLOCK_MONOTONIC, which steady_clock is

/// What the other process says: when it was done, and when it was put right.
struct told {
    system_time at = 0;
    int failure = 0; ///< of errno; then nothing was done
};

system_time monotonic_ns() {
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

int open_process(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

int signal_process(int process, int what) { return static_cast<int>(::syscall(SYS_pidfd_send_signal, process, what, nullptr, 0)); }

/// All that the other process needs, made before it is: between fork() and its end it may only make system calls, for this process
/// has threads.
struct ready_plan {
    drill_kind kind;
    std::vector<int> processes; ///< pidfds
    link_cut cut;
    int netfilter = -1;
    std::int64_t length_ms = 0;
};

/// So that nobody has time to react to another's fate.
void go_first() {
    sched_param first{};
    first.sched_priority = 90;
    ::sched_setscheduler(0, SCHED_FIFO, &first); // fails without the privilege: then as close together as it comes
}

void as_others_do() {
    sched_param const usual{};
    ::sched_setscheduler(0, SCHED_OTHER, &usual);
}

int cut_links(ready_plan const& plan) {
    if (::send(plan.netfilter, plan.cut.bytes.data(), plan.cut.bytes.size(), 0) < 0) {
        return errno;
    }
    std::array<char, 8192> answer{};
    for (std::size_t heard = 0; heard < plan.cut.acknowledged;) {
        auto const got = ::recv(plan.netfilter, answer.data(), answer.size(), 0);
        if (got < 0) {
            return errno;
        }
        for (std::size_t at = 0; at + sizeof(nlmsghdr) + sizeof(int) <= static_cast<std::size_t>(got);) {
            nlmsghdr header{};
            std::memcpy(&header, &answer[at], sizeof header);
            int code = 0;
            std::memcpy(&code, &answer[at + sizeof header], sizeof code);
            if (header.nlmsg_type == NLMSG_ERROR && code != 0) {
                return -code;
            }
            heard += header.nlmsg_type == NLMSG_ERROR ? 1 : 0;
            at += std::max<std::size_t>((header.nlmsg_len + 3) & ~3U, sizeof header);
        }
    }
    return 0;
}

int stop_processes(ready_plan const& plan) {
    for (std::size_t i = 0; i < plan.processes.size(); ++i) {
        if (signal_process(plan.processes[i], SIGSTOP) != 0 && errno != ESRCH) {
            auto const code = errno;
            for (std::size_t stopped = 0; stopped < i; ++stopped) {
                signal_process(plan.processes[stopped], SIGCONT);
            }
            return code;
        }
    }
    return 0;
}

/// Workers first: the guardian finds no stale word of a cluster process that has not run yet.
void continue_processes(std::vector<int> const& processes) {
    for (auto i = processes.rbegin(); i != processes.rend(); ++i) {
        signal_process(*i, SIGCONT);
    }
}

int do_it(ready_plan const& plan) {
    switch (plan.kind) {
    case drill_kind::process:
        return signal_process(plan.processes.front(), SIGKILL) == 0 ? 0 : errno;
    case drill_kind::freeze:
        return stop_processes(plan);
    case drill_kind::link:
        return cut_links(plan);
    case drill_kind::planned:
        break;
    }
    return EINVAL;
}

/// The other process. `parent` ends when the drill has ended, `say` is read by it.
[[noreturn]] void hurt_and_heal(ready_plan const& plan, int parent, int say) {
    ::setsid(); // what ends the drill's terminal does not end this
    for (int const deaf : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGTSTP}) {
        std::signal(deaf, SIG_IGN);
    }
    go_first();
    told const done{monotonic_ns(), do_it(plan)};
    as_others_do();
    [[maybe_unused]] auto said = ::write(say, &done, sizeof done);
    if (done.failure != 0) {
        ::_exit(1);
    }
    auto const end = done.at / 1'000'000 + plan.length_ms;
    pollfd watched{parent, POLLIN, 0};
    for (auto left = plan.length_ms; left > 0; left = end - monotonic_ns() / 1'000'000) {
        if (::poll(&watched, 1, static_cast<int>(left)) > 0) {
            break; // the drill is gone, or wants no more of it
        }
    }
    if (plan.kind == drill_kind::freeze) {
        go_first();
        continue_processes(plan.processes);
    } else if (plan.kind == drill_kind::link) {
        ::close(plan.netfilter);
    }
    told const healed{monotonic_ns(), 0};
    said = ::write(say, &healed, sizeof healed);
    ::_exit(0);
}

balance::error why_not(drill_kind kind, int code) {
    auto const words = std::string(std::strerror(code));
    if (kind == drill_kind::link) {
        bool const old = code == EOPNOTSUPP || code == EINVAL;
        return balance::make_error(old ? balance::errc::not_supported : balance::errc::io_error,
                                   "the links cannot be cut: " + words +
                                       (old ? "; that needs Linux 5.16 with nf_tables for network devices" : ""));
    }
    return balance::make_error(balance::errc::not_permitted, "dyadd's processes cannot be signalled: " + words + "; run the drill as root");
}

} // namespace

struct disturbance::impl {
    ~impl() {
        ::close(parent);
        if (helper > 0) {
            int ignored = 0;
            ::waitpid(helper, &ignored, 0);
        }
        if (plan.kind == drill_kind::freeze) {
            continue_processes(plan.processes); // should the helper have been killed; a process that runs is not disturbed
        }
        for (int const fd : plan.processes) {
            ::close(fd);
        }
        ::close(plan.netfilter);
        ::close(say);
    }

    /// The helper's next word; nothing when it was killed.
    [[nodiscard]] std::optional<told> hear() const {
        told out;
        auto const got = ::read(say, &out, sizeof out);
        return got == static_cast<ssize_t>(sizeof out) ? std::optional(out) : std::nullopt;
    }

    ready_plan plan{};
    int parent = -1; ///< open as long as this process lives
    int say = -1;
    pid_t helper = -1;
    clock::time_point begun{};
};

namespace {

balance::result<> prepare(ready_plan& ready, disturbance_plan const& plan) {
    ready.kind = plan.kind;
    ready.length_ms = plan.length.count();
    for (auto const pid : plan.processes) {
        int const fd = open_process(pid);
        if (fd >= 0) {
            ready.processes.push_back(fd);
        } else if (pid == plan.processes.front()) {
            return balance::make_error(balance::errc::not_found, "process " + std::to_string(pid) + ": " + std::strerror(errno));
        } // a child that has ended since
    }
    if (plan.kind == drill_kind::link) {
        ready.cut = cut_of("dyad_drill", plan.interfaces);
        ready.netfilter = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
        if (ready.netfilter < 0) {
            return why_not(plan.kind, errno);
        }
    }
    return {};
}

} // namespace

disturbance::disturbance(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
disturbance::~disturbance() = default;

balance::result<std::unique_ptr<disturbance>> disturbance::begin(disturbance_plan plan) {
    auto made = std::make_unique<impl>();
    if (auto const prepared = prepare(made->plan, plan); !prepared) {
        return prepared.error();
    }
    std::array<int, 2> life{-1, -1};
    std::array<int, 2> words{-1, -1};
    if (::pipe2(life.data(), O_CLOEXEC) != 0 || ::pipe2(words.data(), O_CLOEXEC) != 0) {
        return balance::make_error(balance::errc::io_error, std::string("pipe2: ") + std::strerror(errno));
    }
    made->parent = life[1];
    made->say = words[0];
    made->helper = ::fork();
    if (made->helper == 0) {
        ::close(life[1]);
        ::close(words[0]);
        hurt_and_heal(made->plan, life[0], words[1]);
    }
    auto const code = errno;
    ::close(life[0]);
    ::close(words[1]);
    if (made->helper < 0) {
        return balance::make_error(balance::errc::io_error, std::string("fork: ") + std::strerror(code));
    }
    // The kernel closes a socket when nobody has it any more: the cut must be the helper's alone.
    ::close(std::exchange(made->plan.netfilter, -1));
    auto const done = made->hear();
    if (!done || done->failure != 0) {
        return why_not(plan.kind, done ? done->failure : ECHILD);
    }
    made->begun = clock::time_point(std::chrono::nanoseconds(done->at));
    return std::unique_ptr<disturbance>(new disturbance(std::move(made)));
}

disturbance::clock::time_point disturbance::begun() const { return impl_->begun; }

balance::result<disturbance::clock::time_point> disturbance::wait_restored() {
    auto const healed = impl_->hear();
    if (!healed) {
        if (impl_->plan.kind == drill_kind::freeze) {
            continue_processes(impl_->plan.processes);
        }
        return balance::make_error(balance::errc::io_error, "the process that held the disturbance was killed; all is put right");
    }
    return clock::time_point(std::chrono::nanoseconds(healed->at));
}

} // namespace dyad::cli
