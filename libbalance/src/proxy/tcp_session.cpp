// SPDX-License-Identifier: Apache-2.0
#include "proxy/tcp_session.hpp"

#include "proxy/greeting.hpp"
#include "proxy/listening_socket.hpp"
#include "proxy/worker.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace balance::layer7 {
namespace {

/// Once for the life of a socket; see `relay_end`.
constexpr std::uint32_t all_edges = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

/// Closing then resets the connection instead of ending it in order.
void reset_on_close(int fd) noexcept {
    linger const at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

} // namespace

tcp_session::tcp_session(worker& owner) : worker_(owner) { client_.owner = server_.owner = this; }

void tcp_session::start(arrival a) {
    arrival_ = std::move(a);
    client_.socket = std::move(arrival_.socket);
    client_.end = {.fd = client_.socket.get()};
    server_.end = {};
    client_.tls.reset();
    server_.tls.reset();
    up_ = {};
    down_ = {};
    more_ = starved_ = false;
    chosen_at_ = connected_at_ = {};
    attempts_ = 0;
    ticket_ = 0;
    rules_ = arrival_.service->rules();
    worker_.keep_limit(rules_->timeouts.idle);
    phase_ = phase::connecting;
    arrived_at_ = std::chrono::steady_clock::now(); // the loop's own clock is some milliseconds late
    worker_.connecting().add(*this);
    add(arrival_.service->share(worker_.index()).connections, 1);
    if (arrival_.tls) {
        client_.tls = arrival_.tls->begin(client_.end.fd);
        client_.end.tls = client_.tls.get();
    }
    bool const ready = arrival_.tls == nullptr || client_.tls != nullptr;
    if (ready && worker_.loop().watch(client_.end.fd, client_, all_edges))
        connect_next();
    else
        finish(true, core::ending::cut);
}

void tcp_session::connect_next() {
    while (attempts_ < most_attempts) {
        std::span<backend const* const> const tried(tried_.data(), attempts_);
        auto chosen = arrival_.service->pick({.client = arrival_.client.address}, tried, worker_.loop().now(), {this, &worker_.loop()});
        bool const waited = std::exchange(ticket_, chosen.ticket) != 0;
        if (ticket_ != 0) {
            if (!waited)
                active_at_ = worker_.loop().now();
            return;
        }
        if (!chosen.to)
            break;
        if (go_to(std::move(*chosen.to)))
            return;
    }
    count(failure::no_server);
    finish(true, attempts_ == 0 ? core::ending::no_server : core::ending::unreachable);
}

/// False when that came to nothing at once.
bool tcp_session::go_to(choice c) {
    choice_ = std::move(c);
    if (worker_.logs(*rules_))
        chosen_at_ = std::chrono::steady_clock::now();
    if (choice_.learnt)
        worker_.learnt(*choice_.learnt);
    endpoint target = choice_.server->target;
    if (target.port == 0)
        target.port = arrival_.port;
    attempt const outcome = connect_to(target);
    bool const waits = outcome == attempt::starved || outcome == attempt::unsupplied;
    if (!waits || !starved_)
        active_at_ = worker_.loop().now();
    starved_ = waits;
    if (waits) { // tried again in a moment
        leave_server();
        if (outcome == attempt::starved)
            worker_.rest(); // no further client comes before this one
        return true;
    }
    tried_[attempts_++] = choice_.server.get();
    if (outcome == attempt::begun)
        return true;
    count(failure::unreachable);
    leave_server();
    return false;
}

tcp_session::attempt tcp_session::connect_to(endpoint const& target) {
    sockaddr_storage name;
    socklen_t const size = to_sockaddr(target, name);
    server_.socket = worker_.socket_to(name.ss_family, borrows_address() ? &arrival_.client.address : nullptr);
    int const fd = server_.socket.get();
    if (fd < 0)
        return is_shortage(errno) ? attempt::starved : errno == EAGAIN ? attempt::unsupplied : attempt::failed;
    int const one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    server_.end = {.fd = fd};
    bool const begun = ::connect(fd, reinterpret_cast<sockaddr const*>(&name), size) == 0 || errno == EINPROGRESS;
    if (begun && worker_.loop().watch(fd, server_, all_edges))
        return attempt::begun;
    server_.socket.reset();
    return attempt::failed;
}

bool tcp_session::room(std::uint64_t ticket, std::optional<choice> const& place) {
    if (phase_ != phase::connecting || ticket_ != ticket)
        return false;
    bool const lives = place && place->life == place->server->life.load(std::memory_order_relaxed);
    if (lives)
        ticket_ = 0;
    else if (place)
        arrival_.service->leave(*place->server);
    if (!lives || !go_to(*place))
        connect_next();
    return true;
}

void tcp_session::count(failure f) noexcept {
    arrival_.service->share(worker_.index()).count(f);
    if (choice_.server)
        choice_.server->shares[worker_.index()].count(f);
}

void tcp_session::connect_failed() {
    count(failure::unreachable);
    server_.socket.reset();
    server_.end = {};
    leave_server();
    connect_next();
}

void tcp_session::ready(side& s, std::uint32_t events) {
    if (!s.socket.is_open() || phase_ == phase::idle)
        return; // of a socket closed earlier in this batch
    s.end.note(events);
    if (phase_ == phase::connecting) {
        bool const broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
        if (&s == &client_) {
            if (broken || (ticket_ != 0 && has_ended(s.end)))
                finish(true, core::ending::client_broke);
        } else if (broken) {
            connect_failed();
        } else if (s.end.writable) {
            greet() ? connected() : connect_failed();
        }
        return;
    }
    active_at_ = worker_.loop().now();
    // A reset that comes after the end of the stream is seen here or nowhere.
    if ((events & EPOLLERR) != 0 && (&s == &client_ ? up_ : down_).closed)
        return finish(true, &s == &client_ ? core::ending::client_broke : core::ending::server_broke);
    move();
}

/// In front of all else, of TLS too. A socket just connected takes a few bytes at once.
bool tcp_session::greet() noexcept {
    auto const version = rules_->proxy_protocol.send;
    return version == proxy_protocol::version::none || choice_.fallback ||
           say_proxy_header(server_.end.fd, version, {arrival_.client, arrival_.local});
}

void tcp_session::connected() {
    worker_.connecting().remove(*this);
    worker_.relaying().add(*this);
    phase_ = phase::relaying;
    active_at_ = worker_.loop().now();
    if (auto const tls = choice_.fallback ? nullptr : arrival_.service->tls_to_servers()) {
        server_.tls = tls->begin(server_.end.fd);
        server_.end.tls = server_.tls.get();
        server_.end.readable = true; // reading begins the handshake, also where the server is to speak first
        if (!server_.tls)
            return finish(true, core::ending::cut);
    }
    if (auto const news = arrival_.service->connected(*choice_.server, active_at_))
        worker_.learnt(*news);
    auto& mine = arrival_.service->share(worker_.index());
    auto& servers = choice_.server->shares[worker_.index()];
    add(servers.connections, 1);
    auto const now = std::chrono::steady_clock::now();
    connected_at_ = now;
    mine.times.add(now - arrived_at_, now);
    servers.times.add(now - arrived_at_, now);
    up_.lane = {.from = &client_.end, .to = &server_.end, .counted = {&mine.in_bytes, &servers.in_bytes}};
    down_.lane = {.from = &server_.end, .to = &client_.end, .counted = {&mine.out_bytes, &servers.out_bytes}};
    move();
}

void tcp_session::move() {
    if (!move(up_, down_) || !move(down_, up_))
        return;
    if (more_)
        worker_.resume_later(*this);
}

/// False when the session has ended.
bool tcp_session::move(half& h, half& reverse) {
    if (h.closed)
        return true;
    switch (relay(h.lane, worker_.buffers())) {
    case relay_outcome::waiting:
        return true;
    case relay_outcome::more:
        more_ = true;
        return true;
    case relay_outcome::ended:
        h.closed = true;
        if (!reverse.closed || h.lane.to->tls != nullptr) // TLS says farewell, or it would look cut off
            end_sending(*h.lane.to);
        if (!reverse.closed)
            return true;
        finish(reverse.deaf, reverse.deaf ? (&h == &up_ ? core::ending::client_broke : core::ending::server_broke)
                             : &h == &down_ ? core::ending::client_closed
                                            : core::ending::server_closed);
        return false;
    case relay_outcome::from_reset:
        finish(true, &h == &up_ ? core::ending::client_broke : core::ending::server_broke);
        return false;
    case relay_outcome::to_reset:
        break;
    }
    // What the receiver said before it went away is still to be read: an answer, often enough.
    h.closed = h.deaf = true;
    if (reverse.closed) {
        finish(true, &h == &up_ ? core::ending::server_broke : core::ending::client_broke);
        return false;
    }
    h.lane.to->readable = h.lane.to->last_words = true;
    more_ = true;
    return true;
}

void tcp_session::resume() {
    if (!std::exchange(more_, false) || phase_ != phase::relaying)
        return;
    move();
}

void tcp_session::check_life() {
    if (phase_ == phase::idle || starved_ || ticket_ != 0 || choice_.server->life.load(std::memory_order_relaxed) == choice_.life)
        return;
    if (phase_ == phase::connecting)
        connect_failed();
    else
        finish(true, core::ending::taken_out);
}

void tcp_session::give_up_waiting() {
    count(failure::no_room);
    finish(true, core::ending::no_room);
}

void tcp_session::check_connect(clock_time now) {
    if (phase_ != phase::connecting)
        return;
    bool const over = now - active_at_ >= (ticket_ != 0 ? rules_->timeouts.queue : rules_->timeouts.connect);
    if (ticket_ != 0)
        over ? give_up_waiting() : void();
    else if (starved_)
        over ? finish(true, core::ending::cut) : connect_next();
    else if (over)
        connect_failed();
}

void tcp_session::check_idle(clock_time now) {
    if (phase_ == phase::relaying && now - active_at_ >= rules_->timeouts.idle)
        finish(true, core::ending::idle);
}

void tcp_session::leave_server() {
    if (choice_.server && !choice_.fallback)
        arrival_.service->leave(*choice_.server);
    choice_ = {};
}

void tcp_session::log(core::ending why) noexcept {
    auto const now = std::chrono::steady_clock::now();
    auto const between = [](clock_time from, clock_time to) { return std::chrono::duration_cast<std::chrono::microseconds>(to - from); };
    bool const chosen = chosen_at_ != clock_time{};
    bool const connected = chosen && phase_ == phase::relaying;
    worker_.log({.at = std::chrono::system_clock::now(),
                 .client = arrival_.client,
                 .service = rules_->service,
                 .server = choice_.server ? std::string_view(choice_.server->name) : std::string_view(),
                 .in = up_.lane.passed,
                 .out = down_.lane.passed,
                 .queue = chosen ? core::access_record::length(between(arrived_at_, chosen_at_)) : std::nullopt,
                 .connect = connected ? core::access_record::length(between(chosen_at_, connected_at_)) : std::nullopt,
                 .total = between(arrived_at_, now),
                 .why = why});
}

void tcp_session::finish(bool reset, core::ending why) {
    if (phase_ == phase::idle)
        return;
    if (worker_.logs(*rules_))
        log(why);
    (phase_ == phase::connecting ? worker_.connecting() : worker_.relaying()).remove(*this);
    if (reset) {
        reset_on_close(client_.end.fd);
        if (phase_ == phase::relaying)
            reset_on_close(server_.end.fd);
    }
    phase_ = phase::idle;
    if (ticket_ != 0)
        arrival_.service->stop_waiting(std::exchange(ticket_, 0));
    rules_.reset();
    drop(up_.lane, worker_.buffers());
    drop(down_.lane, worker_.buffers());
    client_.tls.reset();
    server_.tls.reset();
    client_.socket.reset();
    server_.socket.reset();
    leave_server();
    arrival_.place.give_back();
    arrival_.tls.reset();
    arrival_.service.reset();
    worker_.retire(*this);
}

} // namespace balance::layer7
