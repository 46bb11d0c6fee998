// SPDX-License-Identifier: Apache-2.0
// Clients that come one after the other to one node of a pair, and the time from the end of each one's answer until the other
// node knows where it goes.
//
//   dyad_table_lag ADDRESS PORT PATH SOCKET SERVICE
//
// SOCKET is the other node's dyad.sock. Ends when its input does, and prints one line of JSON: clients, lost (not known there
// within 2 s), p50, p99, max (seconds).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
using namespace std::chrono_literals;

class connection {
public:
    template <class Address>
    explicit connection(Address const& to) : fd_(::socket(reinterpret_cast<sockaddr const&>(to).sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (fd_ < 0 || ::connect(fd_, reinterpret_cast<sockaddr const*>(&to), sizeof to) != 0)
            throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
        timeval const limit{5, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    }
    ~connection() { ::close(fd_); }
    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;

    /// The body of the answer.
    std::string ask(std::string const& request) {
        if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
            throw std::runtime_error("send failed");
        std::string answer;
        char buffer[65536];
        for (;;) {
            auto const head = answer.find("\r\n\r\n");
            if (head != std::string::npos && answer.size() >= head + 4 + length(answer, head))
                return answer.substr(head + 4);
            auto const n = ::recv(fd_, buffer, sizeof buffer, 0);
            if (n <= 0)
                throw std::runtime_error("no answer");
            answer.append(buffer, static_cast<std::size_t>(n));
        }
    }

private:
    static std::size_t length(std::string const& answer, std::size_t head) {
        auto const at = std::search(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(head), name.begin(), name.end(),
                                    [](char a, char b) { return std::tolower(a) == b; });
        return static_cast<std::size_t>(std::stoul(answer.substr(static_cast<std::size_t>(at - answer.begin()) + name.size())));
    }

    static inline std::string const name = "content-length:";
    int fd_;
};

bool input_ended() {
    pollfd in{0, POLLIN, 0};
    return ::poll(&in, 1, 0) > 0;
}

} // namespace

int main(int argc, char** argv) try {
    if (argc != 6)
        throw std::invalid_argument("usage: dyad_table_lag ADDRESS PORT PATH SOCKET SERVICE");
    sched_param const above_all{10};
    ::sched_setscheduler(0, SCHED_RR, &above_all);
    sockaddr_in service{};
    service.sin_family = AF_INET;
    service.sin_port = htons(static_cast<std::uint16_t>(std::stoi(argv[2])));
    ::inet_pton(AF_INET, argv[1], &service.sin_addr);
    sockaddr_un api{};
    api.sun_family = AF_UNIX;
    std::strncpy(api.sun_path, argv[4], sizeof api.sun_path - 1);

    connection clients(service);
    std::vector<double> lags;
    unsigned lost = 0;
    for (unsigned n = 0; !input_ended(); ++n) {
        auto const client = "10.250." + std::to_string(n >> 8 & 0xff) + "." + std::to_string(n & 0xff);
        clients.ask("GET " + std::string(argv[3]) + " HTTP/1.1\r\nHost: bench\r\nX-Forwarded-For: " + client + "\r\n\r\n");
        auto const answered = clock_type::now();
        auto const question = "GET /v1/persistence?service=" + std::string(argv[5]) + "&client=" + client +
                              " HTTP/1.1\r\nHost: dyad\r\nConnection: close\r\n\r\n";
        for (;;) {
            auto const known = connection(api).ask(question).find(client) != std::string::npos;
            auto const lag = clock_type::now() - answered;
            if (known)
                lags.push_back(std::chrono::duration<double>(lag).count());
            lost += !known && lag > 2s;
            if (known || lag > 2s)
                break;
            std::this_thread::sleep_for(300us);
        }
        std::this_thread::sleep_for(5ms);
    }
    std::sort(lags.begin(), lags.end());
    auto const part = [&](double p) { return lags.empty() ? 0.0 : lags[static_cast<std::size_t>(p * static_cast<double>(lags.size() - 1))]; };
    std::printf("{\"clients\": %zu, \"lost\": %u, \"p50\": %.6f, \"p99\": %.6f, \"max\": %.6f}\n", lags.size(), lost, part(0.5), part(0.99), part(1));
} catch (std::exception const& e) {
    std::fprintf(stderr, "dyad_table_lag: %s\n", e.what());
    return 1;
}
