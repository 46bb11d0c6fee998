// SPDX-License-Identifier: Apache-2.0
#include "proxy/socket_supply.hpp"

#include "proxy/listening_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace balance::layer7 {
namespace {

/// Of each family. More are on their way before these are used up, however fast clients come.
constexpr std::size_t kept = 256;
/// What did not come within that time does not come.
constexpr std::chrono::seconds patience{1};
/// Asked for at once at least, so that nobody asks for each.
constexpr std::size_t batch = 64;

descriptor make(bool ipv6) {
    descriptor out(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    int const one = 1;
    bool const allowed = ipv6 ? ::setsockopt(out.get(), IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof one) == 0
                              : ::setsockopt(out.get(), IPPROTO_IP, IP_TRANSPARENT, &one, sizeof one) == 0;
    if (!allowed)
        out.reset(); // keeps errno: closing a fresh socket does not fail
    return out;
}

} // namespace

std::size_t socket_supply::stock::missing() const noexcept {
    auto const have = sockets.size() + asked;
    return needed && have + batch <= kept ? kept - have : 0;
}

void socket_supply::ask(wanted callback) {
    std::unique_lock lock(mutex_);
    wanted_ = std::move(callback);
    ask_for_more(lock);
}

bool socket_supply::fill(std::vector<int> const& ipv4, std::vector<int> const& ipv6) {
    std::vector<descriptor> surplus;
    std::lock_guard const lock(mutex_);
    bool missed = false;
    for (std::size_t i = 0; i < stocks_.size(); ++i) {
        auto& s = stocks_[i];
        auto const& fresh = i == 0 ? ipv4 : ipv6;
        s.asked -= std::min(s.asked, fresh.size()); // who got none asks again when patience is over
        for (int const fd : fresh)
            (s.needed && s.sockets.size() < kept ? s.sockets : surplus).emplace_back(fd);
        if (!s.sockets.empty())
            missed |= std::exchange(s.missed, false);
    }
    return missed;
}

void socket_supply::expect(bool ipv4, bool ipv6) {
    std::array<std::vector<descriptor>, 2> surplus;
    std::unique_lock lock(mutex_);
    for (std::size_t i = 0; i < stocks_.size(); ++i) {
        auto& s = stocks_[i];
        s.needed = i == 0 ? ipv4 : ipv6;
        s.asked = 0; // what was lost on its way is asked for again
        if (!s.needed)
            surplus[i].swap(s.sockets);
    }
    ask_for_more(lock);
}

descriptor socket_supply::take(bool ipv6) {
    std::unique_lock lock(mutex_);
    if (!wanted_) {
        lock.unlock();
        return make(ipv6);
    }
    auto& mine = stocks_[ipv6 ? 1 : 0];
    descriptor out;
    if (mine.sockets.empty()) {
        mine.missed = true;
    } else {
        out = std::move(mine.sockets.back());
        mine.sockets.pop_back();
    }
    ask_for_more(lock);
    errno = EAGAIN;
    return out;
}

void socket_supply::ask_for_more(std::unique_lock<std::mutex>& lock) {
    std::array<std::size_t, 2> more{};
    auto const now = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < stocks_.size(); ++i) {
        auto& s = stocks_[i];
        if (now - s.asked_at > patience)
            s.asked = 0;
        more[i] = s.missing();
        if (wanted_ && more[i] != 0) {
            s.asked += more[i];
            s.asked_at = now;
        }
    }
    auto const call = more[0] + more[1] == 0 ? wanted() : wanted_;
    lock.unlock();
    if (call)
        call(more[0], more[1]);
}

bool borrow_address(int fd, address const& client) noexcept {
    sockaddr_storage name;
    auto const size = to_sockaddr({client, 0}, name);
    int const one = 1;
    // Else the port would be taken for all servers, of which a client of many connections would run short.
    return ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) == 0 &&
           ::bind(fd, reinterpret_cast<sockaddr const*>(&name), size) == 0;
}

} // namespace balance::layer7
