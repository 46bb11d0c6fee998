// SPDX-License-Identifier: Apache-2.0
// How sessions of mode http end: refusals, time limits, farewells.
#include "proxy/http_session.hpp"

#include "core/http_forward.hpp"
#include "proxy/worker.hpp"

#include <sys/socket.h>

#include <utility>

namespace balance::layer7 {
namespace {

constexpr std::chrono::milliseconds last_words_limit{2000};

void reset_when_closed(int fd) noexcept {
    linger const at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

} // namespace

/// What goes out is not lost because more came in that nobody reads: closing at once would reset the connection.
void http_session::say_last_words() {
    if (down_.has_to_send()) {
        auto& mine = arrival_.service->share(worker_.index());
        auto const sent = down_.send(client_.end, {&mine.out_bytes, nullptr});
        if (sent != transfer::done)
            return sent == transfer::failed ? finish(true, core::ending::client_broke) : void();
    }
    if (!std::exchange(half_closed_, true)) // each call would be an event again
        end_sending(client_.end);
    while (true) {
        up_.discard();
        auto const got = up_.receive(client_.end);
        if (got == transfer::blocked || (got == transfer::done && turn_is_over()))
            return up_.release();
        if (got != transfer::done)
            return finish(false, core::ending::client_closed);
    }
}

/// Answers in the server's place; nothing of an answer has gone out yet.
void http_session::refuse(std::uint16_t status) {
    refuse(status, status == 502   ? core::ending::bad_answer
                   : status == 504 ? core::ending::server_late
                   : status == 503 ? core::ending::no_room
                   : status == 408 ? core::ending::client_late
                                   : core::ending::refused);
}

void http_session::refuse(std::uint16_t status, core::ending why) {
    count(status == 502   ? failure::broken
          : status == 504 ? failure::late
          : status != 503 ? failure::refused
          : ticket_ != 0  ? failure::no_room
                          : failure::no_server);
    end_with(core::http::own_response(status, method_ == "HEAD"), status, why);
}

/// For a client that takes more than its share.
void http_session::refuse_for_now(std::chrono::nanoseconds wait) {
    count(failure::refused);
    end_with(core::http::too_many_requests(std::chrono::ceil<std::chrono::seconds>(wait), method_ == "HEAD"), 429,
             core::ending::over_limit);
}

void http_session::count(failure f) noexcept {
    arrival_.service->share(worker_.index()).count(f);
    if (choice_.server)
        choice_.server->shares[worker_.index()].count(f);
}

void http_session::end_with(std::string const& answer, unsigned status, core::ending why) {
    if (worker_.logs(*rules_)) {
        if (!notes_ || !notes_->open) { // a head that never was whole
            asked_at_ = std::chrono::steady_clock::now();
            begin_record(nullptr);
        }
        notes_->status = status;
        notes_->out_before = down_.passed() - answer.size(); // it goes out after its record
        end_record(why);
    }
    stop_waiting();
    leave_server(false);
    up_.clear();
    down_.clear();
    down_.say(answer);
    enter(phase::last_words);
}

void http_session::check_life() {
    if (!link_ || link_->life == link_->server->life.load(std::memory_order_relaxed))
        return;
    if (phase_ == phase::connecting)
        connect_failed();
    else if (phase_ == phase::answer)
        refuse(502, core::ending::taken_out);
    else
        return finish(true, core::ending::taken_out);
    run();
}

void http_session::check_time(clock_time now) {
    auto const& limits = rules_->timeouts;
    auto const in_phase = now - phase_since_;
    auto const silent = now - active_at_;
    switch (phase_) {
    case phase::ended:
        return;
    case phase::idle:
        if (in_phase >= limits.keep_alive)
            finish(false, core::ending::idle);
        return;
    case phase::head:
        if (in_phase < limits.head)
            return;
        if (up_.unread().empty())
            return finish(false, core::ending::idle);
        refuse(408);
        break;
    case phase::connecting:
        if (in_phase < (ticket_ != 0 ? limits.queue : limits.connect))
            return;
        if (waits_for_socket()) {
            leave_server(false); // it is not to blame
            auto fallback = attempts_ < tried_.size() ? arrival_.service->fallback() : std::nullopt; // which needs none
            if (!fallback || !go_to(std::move(*fallback)))
                refuse(503, core::ending::unreachable);
        } else {
            ticket_ != 0 ? refuse(503) : connect_failed();
        }
        break;
    case phase::answer:
        if (!up_.body.complete() && !up_.has_to_send() && silent >= limits.body) {
            refuse(408);
            break;
        }
        if (silent < limits.answer)
            return;
        refuse(504);
        break;
    case phase::exchange:
    case phase::tunnel:
        if (silent >= limits.idle)
            finish(true, core::ending::idle);
        return;
    case phase::last_words:
        if (in_phase >= last_words_limit)
            finish(false, core::ending::idle);
        return;
    }
    run();
}

void http_session::stop_waiting() {
    if (ticket_ != 0)
        arrival_.service->stop_waiting(std::exchange(ticket_, 0));
}

void http_session::leave_server(bool keep) {
    if (link_ && keep)
        worker_.links().keep(std::move(link_));
    else if (link_)
        worker_.links().close(std::move(link_));
    if (choice_.server && !choice_.fallback)
        arrival_.service->leave(*choice_.server);
    choice_ = {};
}

/// `r`: null for what was not understood. Memory comes from the requests before.
void http_session::begin_record(core::http::request const* r) {
    if (!notes_)
        notes_ = std::make_unique<notes>();
    auto& n = *notes_;
    n.method.assign(r != nullptr ? r->method.substr(0, core::longest_method + 1) : std::string_view());
    n.host.assign(r != nullptr ? r->host.substr(0, core::longest_host + 1) : std::string_view());
    n.target.assign(r != nullptr ? r->target.substr(0, core::longest_target + 1) : std::string_view());
    n.status = 0;
    n.in_before = up_.passed();
    n.out_before = down_.passed();
    n.chosen_at = n.connected_at = n.answered_at = {};
    n.open = true;
}

void http_session::end_record(core::ending why) noexcept {
    if (!notes_ || !std::exchange(notes_->open, false))
        return;
    auto const& n = *notes_;
    using length = core::access_record::length;
    auto const between = [](clock_time from, clock_time to) {
        return to == clock_time{} ? length() : length(std::chrono::duration_cast<std::chrono::microseconds>(to - from));
    };
    worker_.log({.at = std::chrono::system_clock::now(),
                 .client = arrival_.client,
                 .service = rules_->service,
                 .server = choice_.server ? std::string_view(choice_.server->name) : std::string_view(),
                 .http = true,
                 .method = n.method,
                 .host = n.host,
                 .target = n.target,
                 .status = n.status,
                 .in = up_.passed() - n.in_before,
                 .out = down_.passed() - n.out_before,
                 .queue = between(asked_at_, n.chosen_at),
                 .connect = between(n.chosen_at, n.connected_at),
                 .answer = between(n.connected_at, n.answered_at),
                 .total = between(asked_at_, std::chrono::steady_clock::now()).value_or(std::chrono::microseconds(0)),
                 .why = why});
}

void http_session::finish(bool reset, core::ending why) {
    if (phase_ == phase::ended)
        return;
    end_record(why);
    stop_waiting();
    enter(phase::ended);
    worker_.exchanging().remove(*this);
    if (reset)
        reset_when_closed(client_.end.fd);
    leave_server(false);
    up_.clear();
    down_.clear();
    client_.tls.reset();
    client_.socket.reset();
    arrival_.place.give_back();
    arrival_.tls.reset();
    arrival_.service.reset();
    worker_.retire(*this);
}

} // namespace balance::layer7
