// SPDX-License-Identifier: Apache-2.0
// A client's seat, and the thing it talks to. Plain sockets and nothing of Dyad, so that the same program measures
// every product alike; real-time priority where permitted, because a millisecond of its own delay would be counted
// as the product's.
//
//   dyad_lab_probe respond NAME ADDRESS PORT         answers UDP datagrams with NAME, accepts TCP; the address may come
//   and go dyad_lab_probe udp ADDRESS PORT PERIOD_US        a datagram every period; a line per answer: SENT RECEIVED
//   NAME dyad_lab_probe tcp ADDRESS PORT PERIOD_US LIMIT_US   a connect every period; a line per outcome: START END
//   ok|REASON
//
// Times are CLOCK_MONOTONIC nanoseconds. It ends when its standard input does; udp and tcp then print
// "# late P99 MAX": how many nanoseconds after its time a probe left, the instrument's own error.
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using nanoseconds = std::int64_t;
constexpr nanoseconds flush_every = 20'000'000;

nanoseconds now() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return nanoseconds{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

[[noreturn]] void fail(char const* what) {
    std::fprintf(stderr, "dyad_lab_probe: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

struct target {
    sockaddr_storage storage{};
    socklen_t size = 0;

    [[nodiscard]] int family() const { return storage.ss_family; }
    [[nodiscard]] sockaddr const* get() const { return reinterpret_cast<sockaddr const*>(&storage); }
};

target parse(char const* address, char const* port) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_DGRAM;
    addrinfo* found = nullptr;
    if (int const rc = getaddrinfo(address, port, &hints, &found); rc != 0) {
        std::fprintf(stderr, "dyad_lab_probe: %s port %s: %s\n", address, port, gai_strerror(rc));
        std::exit(2);
    }
    target t;
    std::memcpy(&t.storage, found->ai_addr, found->ai_addrlen);
    t.size = found->ai_addrlen;
    freeaddrinfo(found);
    return t;
}

int open_socket(target const& t, int type) {
    int const fd = socket(t.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail("socket");
    }
    return fd;
}

int open_bound(target const& t, int type) {
    int const fd = open_socket(t, type);
    int const on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool const v6 = t.family() == AF_INET6;
    setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, &on, sizeof on);
    if (bind(fd, t.get(), t.size) != 0) {
        fail("bind");
    }
    return fd;
}

/// epoll with the two things every role waits for: its input's end and, where there is a rhythm, the next beat.
class waiter {
public:
    waiter() : epoll_(epoll_create1(EPOLL_CLOEXEC)) { watch(STDIN_FILENO, EPOLLIN); }

    void watch(int fd, std::uint32_t what) const {
        epoll_event e{};
        e.events = what;
        e.data.fd = fd;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) != 0) {
            fail("epoll");
        }
    }

    void beat(nanoseconds period) {
        timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        period_ = period;
        due_ = now() + period;
        itimerspec spec{};
        spec.it_value = {due_ / 1'000'000'000, due_ % 1'000'000'000};
        spec.it_interval = {period / 1'000'000'000, period % 1'000'000'000};
        timerfd_settime(timer_, TFD_TIMER_ABSTIME, &spec, nullptr);
        watch(timer_, EPOLLIN);
    }

    /// Calls `ready(fd)` for sockets and `on_beat()` at each beat until the input ends; then no more beats, and it
    /// returns when there is `nothing_open()`.
    template <class Ready, class Beat, class NothingOpen>
    void run(Ready ready, Beat on_beat, NothingOpen nothing_open) {
        std::array<epoll_event, 64> events{};
        for (bool ending = false; !ending || !nothing_open();) {
            int const n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), ending ? 20 : -1);
            for (int i = 0; i < n; ++i) {
                int const fd = events[static_cast<std::size_t>(i)].data.fd;
                if (fd == timer_) {
                    tick(on_beat);
                } else if (fd == STDIN_FILENO) {
                    ending = true;
                    epoll_ctl(epoll_, EPOLL_CTL_DEL, STDIN_FILENO, nullptr);
                    epoll_ctl(epoll_, EPOLL_CTL_DEL, timer_, nullptr);
                } else {
                    ready(fd);
                }
            }
            if (now() - flushed_ > flush_every) {
                std::fflush(stdout);
                flushed_ = now();
            }
        }
    }

    void report() {
        std::sort(late_.begin(), late_.end());
        nanoseconds const p99 = late_.empty() ? 0 : late_[late_.size() * 99 / 100];
        std::printf("# late %lld %lld\n", static_cast<long long>(p99),
                    static_cast<long long>(late_.empty() ? 0 : late_.back()));
        std::fflush(stdout);
    }

private:
    template <class Beat>
    void tick(Beat& on_beat) {
        std::uint64_t expired = 0;
        if (read(timer_, &expired, sizeof expired) != sizeof expired) {
            return;
        }
        // A beat that was slept through is not made up for: the client was not there either.
        due_ += period_ * static_cast<nanoseconds>(expired);
        late_.push_back(now() - (due_ - period_) + period_ * static_cast<nanoseconds>(expired - 1));
        on_beat();
    }

    int epoll_;
    int timer_ = -1;
    nanoseconds period_ = 0;
    nanoseconds due_ = 0;
    nanoseconds flushed_ = 0;
    std::vector<nanoseconds> late_;
};

int respond(std::string const& name, target const& at) {
    int const udp = open_bound(at, SOCK_DGRAM);
    int const tcp = open_bound(at, SOCK_STREAM);
    if (listen(tcp, 1024) != 0) {
        fail("listen");
    }
    waiter w;
    w.watch(udp, EPOLLIN);
    w.watch(tcp, EPOLLIN);
    auto const answer = [&] {
        std::array<char, 64> data{};
        sockaddr_storage from{};
        socklen_t size = sizeof from;
        ssize_t const n = recvfrom(udp, data.data(), data.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
        if (n == 8) {
            std::string reply(data.data(), 8);
            reply += name;
            sendto(udp, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
        }
        return n >= 0;
    };
    w.run(
        [&](int fd) {
            if (fd == udp) {
                while (answer()) {
                }
            } else if (int const accepted = accept4(tcp, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                       accepted >= 0) {
                close(accepted);
            }
        },
        [] {}, [] { return true; });
    return 0;
}

int probe_udp(target const& to, nanoseconds period) {
    int const fd = open_socket(to, SOCK_DGRAM);
    waiter w;
    w.watch(fd, EPOLLIN);
    w.beat(period);
    auto const take = [&] {
        std::array<char, 64> data{};
        ssize_t const n = recv(fd, data.data(), data.size(), 0);
        if (n > 8) {
            nanoseconds sent = 0;
            std::memcpy(&sent, data.data(), sizeof sent);
            std::printf("%lld %lld %.*s\n", static_cast<long long>(sent), static_cast<long long>(now()),
                        static_cast<int>(n - 8), data.data() + 8);
        }
        return n >= 0;
    };
    w.run(
        [&](int) {
            while (take()) {
            }
        },
        [&] {
            nanoseconds const sent = now();
            sendto(fd, &sent, sizeof sent, 0, to.get(), to.size); // what cannot be sent is a probe without an answer
        },
        [] { return true; });
    w.report();
    return 0;
}

/// Connects under way, by descriptor. Each ends with its outcome or at its limit.
class connects {
public:
    connects(waiter& w, target const& to, nanoseconds limit) : waiter_(w), to_(to), limit_(limit) {}

    void begin() {
        expire();
        int const fd = open_socket(to_, SOCK_STREAM);
        linger const reset{1, 0}; // a reset instead of TIME_WAIT, or a long run has no ports left
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        started_[fd] = now();
        if (connect(fd, to_.get(), to_.size) == 0) {
            end(fd, 0);
        } else if (errno != EINPROGRESS) {
            end(fd, errno);
        } else {
            waiter_.watch(fd, EPOLLOUT);
        }
    }

    /// True when none is under way; ends those at their limit first.
    bool none() {
        expire();
        return started_.empty();
    }

    void ready(int fd) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
        end(fd, error);
    }

private:
    void end(int fd, int error) {
        nanoseconds const start = started_[fd];
        started_.erase(fd);
        close(fd);
        std::printf("%lld %lld %s\n", static_cast<long long>(start), static_cast<long long>(now()),
                    error == 0 ? "ok" : strerrorname_np(error));
    }

    void expire() {
        std::vector<int> late;
        for (auto const& [fd, start] : started_) {
            if (now() - start > limit_) {
                late.push_back(fd);
            }
        }
        for (int const fd : late) {
            end(fd, ETIMEDOUT);
        }
    }

    waiter& waiter_;
    target to_;
    nanoseconds limit_;
    std::unordered_map<int, nanoseconds> started_;
};

int probe_tcp(target const& to, nanoseconds period, nanoseconds limit) {
    waiter w;
    connects c(w, to, limit);
    w.beat(period);
    w.run([&](int fd) { c.ready(fd); }, [&] { c.begin(); }, [&] { return c.none(); });
    w.report();
    return 0;
}

nanoseconds microseconds(char const* text) { return std::strtoll(text, nullptr, 10) * 1000; }

} // namespace

int main(int argc, char** argv) {
    sched_param const priority{50};
    sched_setscheduler(0, SCHED_FIFO, &priority); // measured without it too, only less exactly
    mlockall(MCL_CURRENT | MCL_FUTURE);
    std::string const role = argc > 1 ? argv[1] : "";
    if (role == "respond" && argc == 5) {
        return respond(argv[2], parse(argv[3], argv[4]));
    }
    if (role == "udp" && argc == 5) {
        return probe_udp(parse(argv[2], argv[3]), microseconds(argv[4]));
    }
    if (role == "tcp" && argc == 6) {
        return probe_tcp(parse(argv[2], argv[3]), microseconds(argv[4]), microseconds(argv[5]));
    }
    std::fputs(
        "usage: dyad_lab_probe respond NAME ADDRESS PORT | udp ADDRESS PORT PERIOD_US | tcp ADDRESS PORT PERIOD_US "
        "LIMIT_US\n",
        stderr);
    return 2;
}
