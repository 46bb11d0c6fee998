// SPDX-License-Identifier: Apache-2.0
// How sessions of mode http come to a server: chosen, waited for, connected, tried again.
#include "proxy/http_session.hpp"

#include "proxy/greeting.hpp"
#include "proxy/listening_socket.hpp"
#include "proxy/worker.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace balance::layer7 {

void http_session::connect_next() {
    while (attempts_ < tried_.size()) {
        std::span<backend const* const> const tried(tried_.data(), attempts_);
        auto chosen = arrival_.service->pick(who_, tried, worker_.loop().now(), {this, &worker_.loop()});
        bool const waited = std::exchange(ticket_, chosen.ticket) != 0;
        if (ticket_ != 0)
            return waited ? void() : enter(phase::connecting);
        if (!chosen.to)
            break;
        if (go_to(std::move(*chosen.to)))
            return;
    }
    refuse(503, attempts_ == 0 ? core::ending::no_server : core::ending::unreachable);
}

/// False when that came to nothing at once.
bool http_session::go_to(choice c) {
    choice_ = std::move(c);
    if (choice_.learnt)
        worker_.learnt(*choice_.learnt);
    tried_[attempts_++] = choice_.server.get();
    if (notes_ && notes_->open)
        notes_->chosen_at = std::chrono::steady_clock::now();
    return reach_server();
}

/// Over a kept connection or over one of its own. False when neither can be.
bool http_session::reach_server() {
    auto target = choice_.server->target;
    if (target.port == 0)
        target.port = arrival_.port;
    auto const tls = choice_.fallback ? nullptr : arrival_.service->tls_to_servers();
    bool const tells = tells_client(); // then the connection is this client's alone
    if (!repeated_)
        link_ = worker_.links().take(*choice_.server, {target.port, tls != nullptr, tells, repeatable_ && !tells ? 0 : number_,
                                                       borrows_address() ? std::optional(arrival_.client.address) : std::nullopt});
    if (link_) {
        use_link();
        connected();
        return true;
    }
    switch (connect_to(target, tls.get())) {
    case attempt::begun:
        enter(phase::connecting);
        return true;
    case attempt::unsupplied:
        wait_for_socket();
        return true;
    case attempt::failed:
        break;
    }
    count(failure::unreachable);
    leave_server(false);
    return false;
}

/// Keeps its place at the server meanwhile, as one that is being connected does: who gave it back could wait in line for it and
/// for a socket in turns, for ever.
void http_session::wait_for_socket() {
    if (waits_for_socket())
        return;
    enter(phase::connecting);
    worker_.unsupplied().push_back(*this);
}

void http_session::look_for_socket() {
    bool const lives = server_lives();
    if (!lives) {
        leave_server(false);
        --attempts_; // it was not tried
    }
    if (!lives || !reach_server())
        connect_next();
    run();
}

bool http_session::room(std::uint64_t ticket, std::optional<choice> const& place) {
    if (phase_ != phase::connecting || ticket_ != ticket)
        return false;
    bool const lives = place && place->life == place->server->life.load(std::memory_order_relaxed);
    if (lives)
        ticket_ = 0;
    else if (place)
        arrival_.service->leave(*place->server);
    if (!lives || !go_to(*place))
        connect_next();
    run();
    return true;
}

http_session::attempt http_session::connect_to(endpoint const& target, tls_context const* tls) {
    sockaddr_storage name;
    socklen_t const size = to_sockaddr(target, name);
    auto const open = [&] { return worker_.socket_to(name.ss_family, borrows_address() ? &arrival_.client.address : nullptr); };
    descriptor socket = open();
    if (!socket.is_open() && is_shortage(errno)) { // what nobody uses makes room
        worker_.rest();
        worker_.links().close_all();
        socket = open();
    }
    int const fd = socket.get();
    if (fd < 0)
        return errno == EAGAIN ? attempt::unsupplied : attempt::failed;
    link_ = std::make_unique<server_link>(worker_.links(), choice_.server);
    link_->socket = std::move(socket);
    int const one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    link_->end = {.fd = fd};
    link_->life = choice_.life;
    link_->port = target.port;
    link_->told = tells_client();
    if (borrows_address())
        link_->source = arrival_.client.address;
    if (tls != nullptr) {
        link_->tls = tls->begin(fd);
        link_->end.tls = link_->tls.get();
        if (!link_->tls)
            return attempt::failed;
    }
    use_link();
    bool const begun = (::connect(fd, reinterpret_cast<sockaddr const*>(&name), size) == 0 || errno == EINPROGRESS) &&
                       worker_.loop().watch(fd, *link_, every_edge);
    return begun ? attempt::begun : attempt::failed;
}

bool http_session::tells_client() const noexcept {
    return rules_->proxy_protocol.send != proxy_protocol::version::none && !choice_.fallback;
}

/// In front of all else, of TLS too. A socket just connected takes a few bytes at once.
bool http_session::greet() noexcept {
    return !tells_client() || say_proxy_header(link_->end.fd, rules_->proxy_protocol.send, {arrival_.client, arrival_.local});
}

void http_session::use_link() {
    link_->user = this;
    link_->last_user = number_;
    add(choice_.server->shares[worker_.index()].connections, 1);
}

void http_session::connected() {
    if (auto const news = arrival_.service->connected(*choice_.server, worker_.loop().now()))
        worker_.learnt(*news);
    if (notes_ && notes_->open)
        notes_->connected_at = std::chrono::steady_clock::now();
    enter(phase::answer);
}

void http_session::connect_failed() {
    count(failure::unreachable);
    leave_server(false);
    connect_next();
}

/// Its connection ended before anything of the answer came.
void http_session::server_failed() {
    bool const again = !repeated_ && link_->used_before && repeatable_ && up_.can_rewind();
    leave_server(false);
    if (!again)
        return refuse(502, core::ending::server_broke);
    repeated_ = true; // RFC 9110 9.2.2: once, and over a connection of its own
    up_.rewind();
    gave_up_ = false;
    --attempts_; // the server itself may be well
    connect_next();
}

} // namespace balance::layer7
