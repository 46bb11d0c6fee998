// SPDX-License-Identifier: Apache-2.0
#include "guardian/listeners.hpp"

#include <balance/text.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace dyad {

namespace {

constexpr int backlog = 4096; ///< clients that may wait while the proxy starts again; net.core.somaxconn caps it

balance::error refused(balance::endpoint const& local) {
    int const reason = errno;
    auto const why = boost::system::error_code(reason, boost::system::system_category()).message();
    auto const where = "cannot listen on " + balance::to_string(local) + ": ";
    if (reason == EADDRINUSE) {
        return balance::make_error(balance::errc::already_exists,
                                   where + "another program has this port (ss -ltnp shows which); stop it, or choose "
                                           "another port for the service");
    }
    if (reason == EACCES || reason == EPERM) {
        return balance::make_error(balance::errc::not_permitted,
                                   where + why + "; ports below 1024 need root or CAP_NET_BIND_SERVICE");
    }
    if (reason == EMFILE || reason == ENFILE) {
        return balance::make_error(balance::errc::io_error, where + why + "; raise the limit (LimitNOFILE=)");
    }
    return balance::make_error(balance::errc::io_error, where + why);
}

bool set(int socket, int level, int option) {
    int const on = 1;
    return ::setsockopt(socket, level, option, &on, sizeof on) == 0;
}

} // namespace

listener_change listener_difference(std::set<balance::endpoint> const& held,
                                    std::set<balance::endpoint> const& desired) {
    listener_change change;
    std::ranges::set_difference(desired, held, std::back_inserter(change.open));
    std::ranges::set_difference(held, desired, std::back_inserter(change.close));
    return change;
}

balance::result<ipc::descriptor> open_listener(balance::endpoint const& local) {
    bool const v6 = local.address.is_v6();
    ipc::descriptor socket(::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
    if (!socket || !set(socket.get(), SOL_SOCKET, SO_REUSEADDR) ||
        !(v6 ? set(socket.get(), IPPROTO_IPV6, IPV6_FREEBIND) && set(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY)
             : set(socket.get(), IPPROTO_IP, IP_FREEBIND))) {
        return refused(local);
    }
    // What is accepted inherits it and goes on when its address leaves in a planned move. Without the privilege it ends.
    v6 ? set(socket.get(), IPPROTO_IPV6, IPV6_TRANSPARENT) : set(socket.get(), IPPROTO_IP, IP_TRANSPARENT);
    boost::asio::ip::tcp::endpoint const where(local.address, local.port);
    if (::bind(socket.get(), where.data(), static_cast<socklen_t>(where.size())) != 0 ||
        ::listen(socket.get(), backlog) != 0) {
        return refused(local);
    }
    return socket;
}

std::vector<ipc::descriptor> open_borrowing_sockets(bool ipv6, std::size_t count) {
    std::vector<ipc::descriptor> out;
    while (out.size() < count) {
        ipc::descriptor socket(::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
        if (!socket || !(ipv6 ? set(socket.get(), IPPROTO_IPV6, IPV6_TRANSPARENT) : set(socket.get(), IPPROTO_IP, IP_TRANSPARENT))) {
            break;
        }
        out.push_back(std::move(socket));
    }
    return out;
}

listener_change listeners::apply(std::set<balance::endpoint> desired) {
    desired_ = std::move(desired);
    failed_.clear();
    std::set<balance::endpoint> now;
    std::ranges::transform(held_, std::inserter(now, now.end()), [](auto const& entry) { return entry.first; });
    auto change = listener_difference(now, desired_);
    for (auto const& old : change.close) {
        held_.erase(old);
    }
    std::erase_if(change.open, [this](balance::endpoint const& fresh) {
        auto opened = open_listener(fresh);
        if (!opened) {
            failed_.push_back({fresh, opened.error().detail});
            return true;
        }
        held_.emplace(fresh, std::move(*opened));
        return false;
    });
    return change;
}

} // namespace dyad
