// SPDX-License-Identifier: Apache-2.0
// Every real server of the bench "checks": listens on all addresses of its network and counts what arrives when.
//
//   dyad_checks_origin CONNECT_PORT HTTP_PORT
//
// "begin" on its input starts a count, "end" prints it as {"seconds", "arrivals", "worst_slot", "mean_slot"}: arrivals
// in the worst slot of 10 ms, and in the mean one. It ends with its input.
//
// It looks what came once a millisecond, which is about what a network takes. A program that waited for it would be woken at the
// sender's cost, the more often the more evenly it sends; a real server is woken on its own machine.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using wall = std::chrono::steady_clock;

constexpr auto slot = std::chrono::milliseconds(10);
constexpr auto look = std::chrono::milliseconds(1);
constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

[[noreturn]] void fail(char const* what) { throw std::system_error(errno, std::generic_category(), what); }

int listen_on(std::uint16_t port) {
    int const fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int const on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(port);
    if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 || listen(fd, 4096) != 0)
        fail("listening");
    return fd;
}

class arrivals {
public:
    void begin() {
        start_ = wall::now();
        slots_.clear();
        counting_ = true;
    }

    void note() {
        if (!counting_)
            return;
        auto const place = static_cast<std::size_t>((wall::now() - start_) / slot);
        slots_.resize(std::max(slots_.size(), place + 1));
        ++slots_[place];
    }

    void end() {
        counting_ = false;
        double const seconds = std::chrono::duration<double>(wall::now() - start_).count();
        std::uint64_t all = 0;
        for (auto const n : slots_)
            all += n;
        auto const worst = slots_.empty() ? 0U : *std::max_element(slots_.begin(), slots_.end());
        std::printf(R"({"seconds": %.3f, "arrivals": %llu, "worst_slot": %u, "mean_slot": %.3f})"
                    "\n",
                    seconds, static_cast<unsigned long long>(all), worst,
                    static_cast<double>(all) / std::max(1.0, seconds / std::chrono::duration<double>(slot).count()));
        std::fflush(stdout);
    }

private:
    wall::time_point start_{};
    std::vector<unsigned> slots_;
    bool counting_ = false;
};

class origin {
public:
    origin(std::uint16_t connect_port, std::uint16_t http_port) : connect_(listen_on(connect_port)), http_(listen_on(http_port)) {
        for (int const fd : {connect_, http_, STDIN_FILENO})
            watch(fd);
    }

    void run() {
        std::array<epoll_event, 1024> ready{};
        for (auto next = wall::now();;) {
            std::this_thread::sleep_until(next += look);
            int const n = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 0);
            if (n < 0 && errno != EINTR)
                fail("epoll_wait");
            for (int i = 0; i < n; ++i) {
                int const fd = ready[static_cast<std::size_t>(i)].data.fd;
                if (fd == STDIN_FILENO) {
                    if (!order())
                        return;
                } else if (fd == connect_ || fd == http_) {
                    accept_all(fd);
                } else {
                    talk(fd);
                }
            }
        }
    }

private:
    void watch(int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0)
            fail("epoll_ctl");
    }

    bool order() {
        std::array<char, 64> text{};
        auto const size = read(STDIN_FILENO, text.data(), text.size());
        if (size <= 0)
            return false;
        std::string_view const word(text.data(), static_cast<std::size_t>(size));
        if (word == "begin\n")
            counted_.begin();
        else
            counted_.end();
        return true;
    }

    void accept_all(int listener) {
        for (;;) {
            int const fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
            if (fd < 0)
                return;
            counted_.note();
            watch(fd);
        }
    }

    /// A request is one piece here; whoever only connects says nothing and leaves.
    void talk(int fd) {
        std::array<char, 2048> request{};
        if (recv(fd, request.data(), request.size(), 0) > 0)
            send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
        close(fd);
    }

    int epoll_ = epoll_create1(0);
    int connect_;
    int http_;
    arrivals counted_;
};

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3)
            throw std::runtime_error("usage: dyad_checks_origin CONNECT_PORT HTTP_PORT");
        origin(static_cast<std::uint16_t>(std::atoi(argv[1])), static_cast<std::uint16_t>(std::atoi(argv[2]))).run();
        return 0;
    } catch (std::exception const& e) {
        std::fprintf(stderr, "dyad_checks_origin: %s\n", e.what());
        return 1;
    }
}
