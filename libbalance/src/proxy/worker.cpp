// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker.hpp"

#include "core/subnet.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

namespace balance::layer7 {
namespace {

/// Accepted at once before others get their turn.
constexpr int accept_batch = 8;

/// How long accepting rests when there is no room: descriptors or memory of the machine, or our own limit.
constexpr auto resting_time = std::chrono::milliseconds(50);

/// How often the time limits of mode http are looked at: they are seconds.
constexpr auto http_period = std::chrono::milliseconds(250);

/// How often connections under way, and clients that wait for a server, are looked at.
constexpr auto connect_period = std::chrono::milliseconds(25);

} // namespace

worker::worker(crew& c, std::size_t index) : crew_(c), index_(index), buffers_(c.settings.buffer_size) {}

worker::~worker() { stop(); }

void worker::start() {
    // Signals are the business of the program's other threads.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] {
        ::pthread_setname_np(::pthread_self(), ("proxy-" + std::to_string(index_)).c_str());
        loop_.run([this] { return after_batch(); }, crew_.settings.gathering);
    });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void worker::stop() {
    if (!thread_.joinable())
        return;
    loop_.stop();
    thread_.join();
    loop_.discard_tasks(); // they hold sockets
    cut_all();
    links_.close_all();
    acceptors_.clear();
}

void worker::accept_on(std::shared_ptr<listening_socket> socket, place where) {
    loop_.post([this, socket = std::move(socket), where = std::move(where)] {
        auto a = std::make_unique<acceptor>();
        a->owner = this;
        a->socket = socket;
        a->where = where;
        if (paused_ || listen(*a))
            acceptors_.push_back(std::move(a));
    });
}

void worker::stop_accepting(std::shared_ptr<listening_socket> socket) {
    loop_.post([this, socket = std::move(socket)] {
        auto const it =
            std::find_if(acceptors_.begin(), acceptors_.end(), [&](auto const& a) { return a->socket == socket; });
        if (it == acceptors_.end())
            return;
        loop_.unwatch(socket->descriptor());
        (*it)->socket = nullptr;
        old_acceptors_.push_back(std::move(*it));
        acceptors_.erase(it);
    });
}

void worker::cut_all() {
    greeting_.for_each([](greeting& g) { g.cut(); });
    connecting_.for_each([](tcp_session& s) { s.cut(); });
    relaying_.for_each([](tcp_session& s) { s.cut(); });
    exchanging_.for_each([](http_session& s) { s.cut(); });
}

void worker::reset_clients(bool of_transparent_services_alone) {
    loop_.post([this, of_transparent_services_alone] {
        if (!of_transparent_services_alone)
            return cut_all();
        auto const cut = [](auto& s) {
            if (s.borrows_address())
                s.cut();
        };
        connecting_.for_each(cut);
        relaying_.for_each(cut);
        exchanging_.for_each(cut);
    });
}

void worker::cut_the_dead() {
    loop_.post([this] {
        connecting_.for_each([](tcp_session& s) { s.check_life(); });
        relaying_.for_each([](tcp_session& s) { s.check_life(); });
        exchanging_.for_each([](http_session& s) { s.check_life(); });
    });
}

void worker::look_for_sockets() {
    loop_.post([this] { next_tick_ = {}; });
}

/// What is watched anew is looked at once.
void worker::look_for_clients() {
    loop_.post([this] {
        for (auto const& a : acceptors_) {
            if (paused_ || a->full)
                continue;
            loop_.unwatch(a->socket->descriptor());
            static_cast<void>(listen(*a));
        }
    });
}

void worker::accept(acceptor& a) {
    for (int i = 0; i < accept_batch && a.socket; ++i) {
        admission place;
        if (a.where.service->counts_clients() && !a.where.service->count_client(place))
            return stop_at_limit(a);
        if (crew_.connections.fetch_add(1, std::memory_order_relaxed) >= crew_.settings.max_connections) {
            crew_.connections.fetch_sub(1, std::memory_order_relaxed);
            return rest();
        }
        sockaddr_storage from;
        socklen_t size = sizeof from;
        int const fd =
            ::accept4(a.socket->descriptor(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            auto const& where = a.where;
            auto tls = where.tls ? where.service->tls_to_clients() : nullptr;
            if (where.tls && !tls) { // its certificate is gone, and the socket soon too
                ::close(fd);
                crew_.connections.fetch_sub(1, std::memory_order_relaxed);
                continue;
            }
            settle({descriptor(fd), to_endpoint(from), a.socket->local(), where.to_port, std::move(tls), where.service,
                    std::move(place)});
            continue;
        }
        crew_.connections.fetch_sub(1, std::memory_order_relaxed);
        if (errno == EAGAIN)
            return;
        // Errors of the one connection that is lost (accept(2)) are nothing; all others would come again at once.
        if (is_shortage(errno) || errno == EINVAL || errno == EBADF)
            return rest();
    }
}

/// Gives the connection to the least busy thread when this one has clearly more.
void worker::settle(arrival a) {
    auto const least = std::min_element(crew_.workers.begin(), crew_.workers.end(),
                                        [](auto const& x, auto const& y) { return x->load() < y->load(); });
    worker& other = **least;
    if (load() <= other.load() + 1 + other.load() / 16) {
        load_.fetch_add(1, std::memory_order_relaxed);
        return begin(std::move(a));
    }
    other.load_.fetch_add(1, std::memory_order_relaxed);
    auto parcel = std::make_shared<arrival>(std::move(a)); // a task must be copyable
    other.loop_.post([&other, parcel] { other.begin(std::move(*parcel)); });
}

void worker::begin(arrival a) {
    if (a.service->hears_headers() && core::holds(a.service->rules()->proxy_protocol.from, a.client.address))
        greetings_.take(*this).start(std::move(a));
    else
        begin_session(std::move(a));
}

/// Within the limits of its source? A client of mode http that is one too many hears so, unless there are many such.
bool worker::let_in(arrival& a) {
    auto const guard = a.service->rules()->guard;
    if (!guard)
        return true;
    auto const now = event_loop::clock::now(); // the loop's own clock is some milliseconds late
    auto const most = a.service->most_of_a_source();
    auto const in = guard->enter(a.client.address, now);
    if (in.counted)
        a.place.of_source(guard, a.client.address);
    bool const http = a.service->is_http();
    a.unwelcome = in.over != 0;
    return in.over == 0 ? http || guard->ask(a.client.address, now).count() == 0 : http && in.over <= most;
}

void worker::begin_session(arrival a) {
    if (a.service->guards_sources() && !let_in(a)) {
        a.service->share(index_).count(failure::refused);
        log_turned_away(a, core::ending::over_limit);
        a = {};
        return left();
    }
    if (a.service->is_http())
        http_sessions_.take(*this).start(std::move(a));
    else
        tcp_sessions_.take(*this).start(std::move(a));
}

void worker::retire(greeting& g, bool stays) {
    greetings_.retire(g);
    if (!stays)
        left();
}

void worker::retire(tcp_session& s) {
    tcp_sessions_.retire(s);
    left();
}

void worker::retire(http_session& s) {
    http_sessions_.retire(s);
    left();
}

void worker::left() {
    load_.fetch_sub(1, std::memory_order_relaxed);
    crew_.connections.fetch_sub(1, std::memory_order_relaxed);
    tell_of_room();
}

/// A client's place has become free: who stopped accepting looks again. Either we see here that somebody has, or that one sees
/// the place when it looks for the last time, in `look_for_room`: all that both write and read is in one order for all threads.
void worker::tell_of_room() {
    if (crew_.full_workers.load() == 0)
        return;
    for (auto const& w : crew_.workers)
        if (w.get() != this && w->looks_for_room_.exchange(false))
            w->loop_.post([] {}); // each round of its loop looks
}

void worker::learnt(persistence_entry const& e) {
    std::shared_ptr<std::function<void(std::span<persistence_entry const>)> const> call;
    {
        std::lock_guard const lock(crew_.mutex);
        call = crew_.on_learnt;
    }
    if (call && *call)
        (*call)(std::span(&e, 1));
}

void worker::log_turned_away(arrival const& a, core::ending why) noexcept {
    auto const rules = a.service->rules();
    if (logs(*rules))
        log({.at = std::chrono::system_clock::now(), .client = a.client, .service = rules->service, .why = why});
}

descriptor worker::socket_to(int family, address const* client) noexcept {
    if (client == nullptr)
        return descriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    bool const ipv6 = family == AF_INET6;
    if (client->is_v6() != ipv6) { // as a relay in front of us may tell
        errno = EAFNOSUPPORT;
        return {};
    }
    auto out = crew_.sockets.take(ipv6);
    if (out.is_open() && !borrow_address(out.get(), *client))
        out.reset();
    return out;
}

bool worker::listen(acceptor& a) { return loop_.watch(a.socket->descriptor(), a, EPOLLIN | EPOLLEXCLUSIVE); }

void worker::rest() {
    if (std::exchange(paused_, true))
        return;
    for (auto const& a : acceptors_)
        loop_.unwatch(a->socket->descriptor());
}

void worker::resume_accepting() {
    paused_ = false;
    for (auto const& a : acceptors_)
        if (!a->full)
            static_cast<void>(listen(*a));
}

/// Clients wait in the listen queue meanwhile, as with maxconn of HAProxy.
void worker::stop_at_limit(acceptor& a) {
    loop_.unwatch(a.socket->descriptor());
    a.full = true;
    if (!std::exchange(some_full_, true))
        crew_.full_workers.fetch_add(1);
}

void worker::look_for_room() {
    looks_for_room_.store(true);
    some_full_ = false;
    for (auto const& a : acceptors_) {
        if (a->full && a->where.service->has_room()) {
            a->full = false;
            static_cast<void>(listen(*a));
        }
        some_full_ |= a->full;
    }
    if (!some_full_)
        crew_.full_workers.fetch_sub(1);
}

/// Limits are kept to an eighth of their length.
void worker::keep_limit(std::chrono::milliseconds idle) noexcept {
    idle_period_ = std::clamp(idle / 8, std::chrono::milliseconds(5), idle_period_);
    next_idle_check_ = std::min(next_idle_check_, loop_.now() + idle_period_);
}

std::chrono::milliseconds worker::after_batch() {
    greetings_.after_batch();
    tcp_sessions_.after_batch();
    http_sessions_.after_batch();
    links_.after_batch();
    old_acceptors_.clear();
    resuming_.swap(to_resume_);
    for (resumable* const s : resuming_)
        s->resume();
    resuming_.clear();
    if (some_full_ && !paused_)
        look_for_room();
    if (loop_.now() >= next_tick_)
        tick();
    if (!to_resume_.empty())
        return std::chrono::milliseconds(0);
    if (paused_ || some_full_)
        return resting_time;
    if (!connecting_.empty() || !unsupplied_.empty())
        return connect_period;
    if (!exchanging_.empty() || !greeting_.empty() || !links_.empty())
        return http_period;
    if (!relaying_.empty())
        return idle_period_;
    return std::chrono::milliseconds(-1);
}

/// Each once; those that have to wait on keep their order. After one that found no socket of its family, only those look whose
/// server is gone: the others would find none either.
void worker::serve_unsupplied() {
    std::array<bool, 2> none{};
    socket_line waiting;
    waiting.swap(unsupplied_);
    while (!waiting.empty()) {
        auto& oldest = waiting.front();
        waiting.pop_front();
        unsupplied_.push_back(oldest);
        auto& found_none = none[oldest.server_is_ipv6() ? 1 : 0];
        if (found_none && oldest.server_lives())
            continue;
        oldest.look_for_socket(); // and may have ended
        found_none = !unsupplied_.empty() && &unsupplied_.back() == &oldest;
    }
}

void worker::tick() {
    auto const now = loop_.now();
    next_tick_ = now + connect_period;
    if (paused_ && crew_.connections.load(std::memory_order_relaxed) < crew_.settings.max_connections)
        resume_accepting();
    connecting_.for_each([&](tcp_session& s) { s.check_connect(now); });
    serve_unsupplied();
    if (now >= next_http_check_) {
        next_http_check_ = now + http_period;
        greeting_.for_each([&](greeting& g) { g.check_time(now); });
        exchanging_.for_each([&](http_session& s) { s.check_time(now); });
        links_.sweep(crew_.settings.server_keep_alive);
    }
    if (now < next_idle_check_)
        return;
    next_idle_check_ = now + idle_period_;
    relaying_.for_each([&](tcp_session& s) { s.check_idle(now); });
}

} // namespace balance::layer7
