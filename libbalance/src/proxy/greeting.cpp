// SPDX-License-Identifier: Apache-2.0
#include "proxy/greeting.hpp"

#include "proxy/worker.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace balance::layer7 {

void greeting::start(arrival a) {
    arrival_ = std::move(a);
    since_ = worker_.loop().now();
    limit_ = arrival_.service->rules()->timeouts.head;
    worker_.greeted().add(*this);
    if (!worker_.loop().watch(arrival_.socket.get(), *this, EPOLLIN | EPOLLRDHUP | EPOLLET))
        cut();
}

void greeting::ready(std::uint32_t) {
    if (!arrival_.socket.is_open())
        return; // ended earlier in this batch
    std::array<char, core::proxy_header::longest> bytes;
    ssize_t got = -1;
    do
        got = ::recv(arrival_.socket.get(), bytes.data(), bytes.size(), MSG_PEEK);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (got <= 0)
        return refuse();
    auto const header = core::read_proxy_header({bytes.data(), static_cast<std::size_t>(got)});
    if (header.state == core::proxy_header::outcome::malformed)
        return refuse();
    if (header.state == core::proxy_header::outcome::incomplete)
        return; // what is new makes a new edge, whatever is left unread
    if (header.ends) {
        arrival_.client = header.ends->client;
        arrival_.local = header.ends->local;
    }
    go_on(header.size);
}

void greeting::go_on(std::size_t size) {
    std::array<char, core::proxy_header::longest> gone;
    if (::recv(arrival_.socket.get(), gone.data(), size, 0) != static_cast<ssize_t>(size))
        return refuse();
    worker_.loop().unwatch(arrival_.socket.get());
    auto known = std::move(arrival_);
    end(true);
    worker_.begin_session(std::move(known));
}

void greeting::check_time(clock_time now) {
    if (now - since_ >= limit_)
        refuse();
}

void greeting::refuse() {
    arrival_.service->share(worker_.index()).count(failure::refused);
    worker_.log_turned_away(arrival_, core::ending::no_header);
    cut();
}

void greeting::cut() {
    arrival_.socket.reset();
    end(false);
}

void greeting::end(bool stays) {
    worker_.greeted().remove(*this);
    arrival_ = {};
    worker_.retire(*this, stays);
}

bool say_proxy_header(int fd, proxy_protocol::version v, core::proxied_ends const& ends) noexcept {
    auto const header = core::write_proxy_header(v, ends);
    ssize_t sent = -1;
    do
        sent = ::send(fd, header.bytes.data(), header.size, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(header.size);
}

} // namespace balance::layer7
