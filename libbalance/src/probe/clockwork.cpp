// SPDX-License-Identifier: Apache-2.0
#include "probe/clockwork.hpp"

#include <algorithm>

namespace balance::probe {

void clockwork::set(entry& e, clock::time_point when) {
    auto const then = wheel_.set(e, when);
    if (!advancing_ && then < wakes_)
        wake_at(then);
}

void clockwork::rest() {
    wakes_ = clock::time_point::max();
    timer_.cancel();
}

void clockwork::wake_at(clock::time_point when) {
    wakes_ = when;
    timer_.expires_at(when);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
        if (auto const self = weak.lock(); self && !ec)
            self->advance();
    });
}

void clockwork::advance() {
    struct go_on { // also after an exception
        explicit go_on(clockwork& c) : me(c) { me.advancing_ = true; }
        ~go_on() {
            me.advancing_ = false;
            me.wake_for_next(now);
        }
        clockwork& me;
        clock::time_point const now = clock::now();
    } const after(*this);
    wheel_.advance(after.now);
}

void clockwork::wake_for_next(clock::time_point now) {
    wakes_ = clock::time_point::max();
    if (auto const next = wheel_.next())
        wake_at(std::max(*next, now + core::timer_wheel::tick));
}

} // namespace balance::probe
