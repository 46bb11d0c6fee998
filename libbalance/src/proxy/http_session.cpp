// SPDX-License-Identifier: Apache-2.0
#include "proxy/http_session.hpp"

#include "core/forwarded_client.hpp"
#include "core/http_forward.hpp"
#include "core/http_route.hpp"
#include "core/scheduler.hpp"
#include "proxy/worker.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace balance::layer7 {
namespace {

namespace http = core::http;

/// Requests and chunks of one turn, so that one fast client does not starve the others of its thread.
constexpr unsigned longest_turn = 16;

/// A head and what we add to it must fit into a buffer.
constexpr std::size_t room_to_add = 512;

/// How long a client should wait whose source has too many connections: nobody knows when one of them ends.
constexpr std::chrono::seconds unwelcome_wait{1};

} // namespace

http_session::http_session(worker& owner) : worker_(owner), up_(owner.buffers()), down_(owner.buffers()) {
    client_.owner = this;
}

void http_session::start(arrival a) {
    arrival_ = std::move(a);
    client_.socket = std::move(arrival_.socket);
    client_.end = {.fd = client_.socket.get()};
    client_text_ = arrival_.client.address.to_string();
    method_.clear();
    rules_ = arrival_.service->rules();
    who_ = {.client = arrival_.client.address, .rules = rules_.get()};
    int const one = 1;
    ::setsockopt(client_.end.fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    ticket_ = 0;
    number_ = worker_.next_number();
    turn_ = 0;
    half_closed_ = false;
    finder_.reset();
    enter(phase::head); // a client that says nothing has as long as one that is slow
    worker_.exchanging().add(*this);
    if (arrival_.tls) {
        client_.tls = arrival_.tls->begin(client_.end.fd);
        client_.end.tls = client_.tls.get();
    }
    bool const ready = arrival_.tls == nullptr || client_.tls != nullptr;
    if (!ready || !worker_.loop().watch(client_.end.fd, client_, every_edge))
        finish(true, core::ending::cut);
}

void http_session::enter(phase p) {
    if (waits_for_socket())
        unlink();
    phase_ = p;
    ++steps_;
    phase_since_ = active_at_ = worker_.loop().now();
}

void http_session::client_ready(std::uint32_t events) {
    if (phase_ == phase::ended)
        return; // closed earlier in this batch
    client_.end.note(events);
    bool const gone = (events & EPOLLERR) != 0 || ((events & EPOLLHUP) != 0 && phase_ != phase::last_words);
    bool const gave_up = (ticket_ != 0 || waits_for_socket()) && has_ended(client_.end);
    if ((gone || gave_up) && phase_ != phase::tunnel)
        return finish(true, core::ending::client_broke); // nobody is left to answer
    run();
}

void http_session::server_ready(std::uint32_t events) {
    if (phase_ == phase::connecting) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0)
            connect_failed();
        else if (link_->end.writable)
            greet() ? connected() : connect_failed();
    }
    run();
}

void http_session::resume() { run(); }

void http_session::run() {
    active_at_ = worker_.loop().now();
    turn_ = 0;
    for (auto before = steps_ - 1; before != steps_ && phase_ != phase::ended;) {
        before = steps_;
        step();
    }
}

void http_session::step() {
    auto const before = steps_;
    switch (phase_) {
    case phase::ended:
    case phase::connecting:
        break;
    case phase::idle:
    case phase::head:
        read_request();
        break;
    case phase::answer:
        send_request();
        if (before == steps_)
            read_answer();
        break;
    case phase::exchange:
        send_request();
        if (before == steps_)
            send_answer();
        break;
    case phase::tunnel:
        move_tunnel();
        break;
    case phase::last_words:
        say_last_words();
        break;
    }
}

std::size_t http_session::head_limit() const noexcept {
    return std::min(worker_.limits().max_head_size, worker_.buffers().buffer_size() - room_to_add);
}

bool http_session::turn_is_over() {
    if (++turn_ <= longest_turn)
        return false;
    worker_.resume_later(*this);
    return true;
}

// ---- the request ----

void http_session::read_request() {
    while (true) {
        auto const bytes = up_.unread();
        if (!bytes.empty() && phase_ == phase::idle)
            enter(phase::head);
        auto const found = finder_.look(bytes);
        bool const complete = found == http::head_finder::outcome::complete;
        if ((complete ? finder_.end() : bytes.size()) > head_limit())
            return refuse(431);
        if (complete) {
            if (!turn_is_over())
                take_request(bytes.substr(finder_.begin(), finder_.end() - finder_.begin()));
            return;
        }
        if (found == http::head_finder::outcome::malformed)
            return refuse(400);
        auto const got = up_.receive(client_.end);
        if (got == transfer::blocked) {
            up_.release();
            return down_.release();
        }
        if (got != transfer::done)
            return finish(got == transfer::failed, core::ending::client_broke);
    }
}

void http_session::take_request(std::string_view head) {
    auto& r = worker_.scratch().request;
    auto const status = http::parse(head, r);
    method_ = status == 0 ? r.method : std::string_view();
    asked_at_ = std::chrono::steady_clock::now(); // the loop's own clock is some milliseconds late
    rules_ = arrival_.service->rules();
    if (worker_.logs(*rules_))
        begin_record(status == 0 ? &r : nullptr);
    if (status != 0)
        return refuse(status);
    client_minor_ = r.minor;
    asks_upgrade_ = http::asks_upgrade(r);
    repeatable_ = http::is_idempotent(r.method);
    gave_up_ = false;
    repeated_ = false;
    client_stays_ = r.minor == 1 ? !r.close : r.keep_alive && !r.close;
    server_stays_ = r.minor == 1;
    who_.path = rules_->path ? core::hash_of(r.target.substr(0, r.target.find('?'))) : 0;
    auto const& relays = rules_->http.trusted_relays;
    who_.client = relays.empty() ? arrival_.client.address : http::forwarded_client(r.fields, arrival_.client.address, relays);
    if (arrival_.unwelcome)
        return refuse_for_now(unwelcome_wait);
    if (rules_->guard)
        if (auto const wait = rules_->guard->ask(who_.client, asked_at_); wait.count() > 0)
            return refuse_for_now(wait);
    if (auto const refused = apply_policy(r); refused)
        return;
    cookie_ = rules_->cookie(who_.route);
    who_.cookie = cookie_.empty() ? 0 : http::cookie_number(r.fields, cookie_);
    who_.session.reset();
    if (!rules_->app_cookie.empty())
        if (auto const value = http::cookie_value(r.fields, rules_->app_cookie); !value.empty())
            who_.session = core::stand_in(value);
    using forwarded = http_policy::forwarded_for;
    auto const& policy = rules_->http;
    http::writer out(up_.head_space());
    http::write(out, r, {.forwarded_for = policy.client_address == forwarded::off ? std::string_view() : client_text_,
                         .only_client = policy.client_address == forwarded::replace,
                         .forwarded = policy.client_forwarded == http_policy::forwarded::off ? std::string_view() : client_text_,
                         .keeps_forwarded = policy.client_forwarded == http_policy::forwarded::append,
                         .close = !server_stays_,
                         .own_cookie = cookie_,
                         .secure = client_.tls != nullptr,
                         .rules = policy.request_headers});
    if (out.overflow())
        return refuse(431);
    up_.body.start(r);
    up_.take_head(finder_.end());
    up_.set_head(out.size());
    finder_.reset();
    if (!up_.take_body())
        return refuse(400);
    if (is_too_large())
        return refuse(413);
    add(arrival_.service->share(worker_.index()).connections, 1);
    attempts_ = 0;
    connect_next();
}

/// True when the request ends here; it was answered then.
bool http_session::apply_policy(core::http::request const& r) {
    auto const& policy = rules_->http;
    who_.route = 0;
    who_.rules = rules_.get();
    if (policy.redirect_to_https != 0 && client_.tls == nullptr) {
        auto const elsewhere = http::redirect(policy.redirect_to_https, policy.https_port, r);
        if (elsewhere.empty()) {
            refuse(400);
        } else {
            count(failure::refused);
            end_with(elsewhere, policy.redirect_to_https, core::ending::own_answer);
        }
        return true;
    }
    if (policy.max_body != 0 && r.framing == http::framing::counted && r.length > policy.max_body) {
        refuse(413);
        return true;
    }
    if (policy.routes.empty())
        return false;
    if (!http::has_one_reading(r.target)) {
        refuse(400);
        return true;
    }
    if (auto const route = http::route_of(policy.routes, r.host, r.target))
        who_.route = *route + 1;
    return false;
}

bool http_session::is_too_large() const noexcept {
    auto const most = rules_->http.max_body;
    return most != 0 && up_.body_size() > most;
}

/// Passes on what has come of the request.
void http_session::send_request() {
    if (gave_up_)
        return;
    auto& mine = arrival_.service->share(worker_.index());
    auto& servers = choice_.server->shares[worker_.index()];
    while (true) {
        auto const sent = up_.send(link_->end, {&mine.in_bytes, &servers.in_bytes});
        if (sent == transfer::failed) { // it may have said why before it went
            gave_up_ = link_->end.readable = link_->end.last_words = true;
            return;
        }
        if (sent == transfer::blocked || up_.body.complete())
            return;
        auto const got = up_.receive(client_.end);
        if (got == transfer::blocked)
            return;
        if (got != transfer::done)
            return finish(true, core::ending::client_broke); // the rest of it will never come
        if (!up_.take_body() || is_too_large())
            return phase_ == phase::answer ? refuse(up_.body.failed() ? 400 : 413) : finish(true, core::ending::refused);
        if (turn_is_over())
            return;
    }
}

// ---- the answer ----

void http_session::read_answer() {
    if (down_.send(client_.end, {}) != transfer::done) // an interim answer
        return;
    while (true) {
        auto const bytes = down_.unread();
        auto const found = finder_.look(bytes);
        bool const complete = found == http::head_finder::outcome::complete;
        if (found == http::head_finder::outcome::malformed || (complete ? finder_.end() : bytes.size()) > head_limit())
            return refuse(502);
        if (complete)
            return take_answer(bytes.substr(finder_.begin(), finder_.end() - finder_.begin()));
        auto const got = down_.receive(link_->end);
        if (got == transfer::blocked)
            return;
        if (got != transfer::done)
            return bytes.empty() ? server_failed() : refuse(502, core::ending::server_broke);
    }
}

void http_session::take_answer(std::string_view head) {
    auto& r = worker_.scratch().response;
    bool good = http::parse(head, method_ == "HEAD", r);
    bool const upgraded = r.status == 101;
    good = good && (!upgraded || (asks_upgrade_ && r.upgrade && !http::offers_h2c(r.fields)));
    good = good && !(client_minor_ == 0 && (r.framing == http::framing::chunked || r.status < 200));
    if (!good)
        return refuse(502);
    server_stays_ = server_stays_ && !r.close && r.minor == 1 && r.framing != http::framing::to_the_end;
    bool const asks_on = !up_.unread().empty(); // whose next request is here already gets its answer here
    client_stays_ = client_stays_ && r.framing != http::framing::to_the_end && !gave_up_ && (asks_on || !worker_.is_draining());
    http::writer out(down_.head_space());
    http::write(out, r,
                {.client_minor = client_minor_,
                 .close = !client_stays_,
                 .cookie = choice_.new_cookie != 0 ? cookie_ : std::string_view(),
                 .cookie_number = choice_.new_cookie,
                 .secure = client_.tls != nullptr,
                 .hsts = client_.tls != nullptr ? rules_->http.hsts : std::chrono::seconds(0),
                 .rules = rules_->http.response_headers});
    if (out.overflow())
        return refuse(502);
    down_.body.start(r);
    down_.take_head(finder_.end());
    down_.forget();
    down_.set_head(out.size());
    finder_.reset();
    if (r.status < 200 && !upgraded)
        return enter(phase::answer);
    if (!rules_->app_cookie.empty())
        learn_session(r);
    auto const now = std::chrono::steady_clock::now();
    if (notes_ && notes_->open) {
        notes_->answered_at = now;
        notes_->status = r.status;
    }
    for (auto* const share : {&arrival_.service->share(worker_.index()), &choice_.server->shares[worker_.index()]}) {
        share->count_answer(r.status);
        share->times.add(now - asked_at_, now);
    }
    up_.forget();
    if (up_.body.complete())
        up_.release();
    if (upgraded) {
        up_.take_all();
        down_.take_all();
        return enter(phase::tunnel);
    }
    enter(phase::exchange);
    if (!down_.take_body()) {
        count(failure::broken);
        finish(true, core::ending::bad_answer);
    }
}

/// Requests with the cookie that the application gives go where it came from.
void http_session::learn_session(core::http::response const& r) {
    auto const value = http::set_cookie_value(r.fields, rules_->app_cookie);
    if (value.empty())
        return;
    if (auto const news = arrival_.service->gave(*choice_.server, core::stand_in(value), worker_.loop().now()))
        worker_.learnt(*news);
}

void http_session::send_answer() {
    auto& mine = arrival_.service->share(worker_.index());
    auto& servers = choice_.server->shares[worker_.index()];
    while (true) {
        auto const sent = down_.send(client_.end, {&mine.out_bytes, &servers.out_bytes});
        if (sent == transfer::failed)
            return finish(true, core::ending::client_broke);
        if (sent == transfer::blocked)
            return;
        bool const over = down_.ended && down_.body.ends_with_connection();
        if (over || down_.body.complete())
            return end_exchange();
        auto const got = down_.receive(link_->end);
        if (got == transfer::blocked)
            return down_.release();
        if (got == transfer::ended && down_.body.ends_with_connection())
            continue;
        if (got != transfer::done || !down_.take_body()) {
            count(failure::broken);
            // A reset, so that nobody takes half of it for all.
            return finish(true, got == transfer::done ? core::ending::bad_answer : core::ending::server_broke);
        }
        if (turn_is_over())
            return;
    }
}

void http_session::end_exchange() {
    bool const all_sent = up_.body.complete() && !up_.has_to_send() && !gave_up_;
    bool const is_of_use = client_stays_ || !link_->told; // nobody else may have one that was told of this client
    end_record(core::ending::answered);
    leave_server(all_sent && server_stays_ && is_of_use && down_.unread().empty() && !link_->end.last_words);
    down_.clear();
    method_.clear();
    enter(all_sent && client_stays_ ? phase::idle : phase::last_words);
}

// ---- another protocol ----

void http_session::move_tunnel() {
    auto const before = steps_;
    move_tunnel(up_, client_.end, link_->end);
    if (before == steps_)
        move_tunnel(down_, link_->end, client_.end);
    if (before == steps_ && up_.ended && down_.ended && !up_.has_to_send() && !down_.has_to_send())
        finish(false, tunnel_ended_);
}

void http_session::move_tunnel(http_stream& from_to, relay_end& from, relay_end& to) {
    auto& mine = arrival_.service->share(worker_.index());
    auto& servers = choice_.server->shares[worker_.index()];
    bool const up = &from_to == &up_;
    while (true) {
        auto const sent = from_to.send(to, {up ? &mine.in_bytes : &mine.out_bytes,
                                            up ? &servers.in_bytes : &servers.out_bytes});
        if (sent == transfer::failed)
            return finish(true, up ? core::ending::server_broke : core::ending::client_broke);
        if (sent == transfer::blocked || from_to.ended)
            return;
        auto const got = from_to.receive(from);
        if (got == transfer::failed)
            return finish(true, up ? core::ending::client_broke : core::ending::server_broke);
        if (got == transfer::ended) {
            if (!(up ? down_ : up_).ended)
                tunnel_ended_ = up ? core::ending::client_closed : core::ending::server_closed;
            end_sending(to);
            return;
        }
        from_to.take_all();
        if (got == transfer::blocked)
            return from_to.release();
        if (turn_is_over())
            return;
    }
}

} // namespace balance::layer7
