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
            return sent == transfer::failed ? finish(true) : void();
    }
    if (!std::exchange(half_closed_, true)) // each call would be an event again
        end_sending(client_.end);
    while (true) {
        up_.discard();
        auto const got = up_.receive(client_.end);
        if (got == transfer::blocked || (got == transfer::done && turn_is_over()))
            return up_.release();
        if (got != transfer::done)
            return finish(false);
    }
}

/// Answers in the server's place; nothing of an answer has gone out yet.
void http_session::refuse(std::uint16_t status) {
    count(status == 502   ? failure::broken
          : status == 504 ? failure::late
          : status != 503 ? failure::refused
          : ticket_ != 0  ? failure::no_room
                          : failure::no_server);
    end_with(core::http::own_response(status, method_ == "HEAD"));
}

/// For a client that takes more than its share.
void http_session::refuse_for_now(std::chrono::nanoseconds wait) {
    count(failure::refused);
    end_with(core::http::too_many_requests(std::chrono::ceil<std::chrono::seconds>(wait), method_ == "HEAD"));
}

void http_session::count(failure f) noexcept {
    arrival_.service->share(worker_.index()).count(f);
    if (choice_.server)
        choice_.server->shares[worker_.index()].count(f);
}

void http_session::end_with(std::string const& answer) {
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
        refuse(502);
    else
        return finish(true);
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
            finish(false);
        return;
    case phase::head:
        if (in_phase < limits.head)
            return;
        if (up_.unread().empty())
            return finish(false);
        refuse(408);
        break;
    case phase::connecting:
        if (in_phase < (ticket_ != 0 ? limits.queue : limits.connect))
            return;
        ticket_ != 0 ? refuse(503) : connect_failed();
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
            finish(true);
        return;
    case phase::last_words:
        if (in_phase >= last_words_limit)
            finish(false);
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

void http_session::finish(bool reset) {
    if (phase_ == phase::ended)
        return;
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
