// SPDX-License-Identifier: Apache-2.0
#include "wire/session_book.hpp"

#include "wire/own_session.hpp"

#include <algorithm>

namespace cluster::wire {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Deriving a key for a session never seen costs some 5 µs: strangers' random session ids may cost a core 3 % at most.
constexpr microseconds derivation_interval{200};
constexpr unsigned derivation_burst = 256;
// A genuine session needs one or two answers; replays of an earlier life must not make this node talk.
constexpr milliseconds answer_interval{20};
constexpr unsigned answer_burst = 8;

constexpr verdict refuse(reject why, bool answer = false) { return {verdict::kind::nothing, why, answer, 0}; }

} // namespace

session_book::session_book(settings s, suite& crypto, time_point now)
    : settings_(s), secrets_{&crypto}, renewed_(now), derivations_(derivation_interval, derivation_burst),
      answers_(answer_interval, answer_burst) {
    crypto.random(ours_);
    ours_before_ = ours_;
}

void session_book::accept(std::span<suite* const> secrets) {
    secrets_.assign(secrets.begin(), secrets.end());
    heard_with_.reset();
    auto const peer = peer_of(settings_.self);
    if (current_) {
        current_->opener.rekey(secrets_, current_->id, peer);
    }
    for (auto& c : candidates_) {
        if (c.highest != 0) {
            c.opener.rekey(secrets_, c.id, peer);
        }
    }
}

verdict session_book::receive(std::size_t link, byte_view datagram, time_point now) {
    auto const v = judge(link, datagram, now);
    if (v.why != reject::none) {
        count(link, v.why);
    }
    return v;
}

verdict session_book::judge(std::size_t link, byte_view datagram, time_point now) {
    frame_header h;
    if (auto const r = decode(datagram, h); r != reject::none) {
        return refuse(r);
    }
    if (h.sender == settings_.self) {
        return refuse(reject::reflected);
    }
    if (h.link != link) {
        return refuse(reject::wrong_link);
    }
    if (current_ && h.session == current_->id) {
        return h.type == frame_type::goodbye ? receive_goodbye(h, datagram) : receive_known(link, h, datagram, now);
    }
    if (is_retired(h.session)) {
        return refuse(reject::old_session);
    }
    return h.type == frame_type::goodbye ? refuse(reject::unbelieved) : receive_unknown(link, h, datagram, now);
}

verdict session_book::receive_goodbye(frame_header const& h, byte_view datagram) {
    if (datagram.size() != header_size + tag_size || h.counter != h.link) {
        return refuse(reject::malformed);
    }
    if (!current_->opener.open(nonce_of(h), datagram.first(header_size), datagram.subspan(header_size), {})) {
        return refuse(reject::forged);
    }
    retire();
    return {verdict::kind::goodbye, reject::none, false, 0};
}

verdict session_book::receive_known(std::size_t link, frame_header const& h, byte_view datagram, time_point now) {
    switch (current_->window.look(h.counter)) {
    case replay_window::answer::seen:
        return refuse(reject::replayed);
    case replay_window::answer::too_old:
        return refuse(reject::stale);
    case replay_window::answer::fresh:
        break;
    }
    if (auto const r = open(current_->opener, h, datagram); r != reject::none) {
        return refuse(r);
    }
    bool const is_newest = h.counter > current_->window.highest();
    current_->window.mark(h.counter);
    hear(link, h, now);
    if (is_newest) {
        newest_ = opened_;
        heard_with_ = opened_with_;
    }
    return {verdict::kind::heartbeat, reject::none, note_question() && answers_.take(now), h.counter};
}

verdict session_book::receive_unknown(std::size_t link, frame_header const& h, byte_view datagram, time_point now) {
    auto* known = find(h.session);
    if (known != nullptr && h.counter <= known->highest) {
        return refuse(reject::replayed);
    }
    if (known == nullptr) {
        for (std::size_t i = 0; i < secrets_.size(); ++i) {
            if (!derivations_.take(now)) {
                return refuse(reject::throttled);
            }
        }
        scratch_.rekey(secrets_, h.session, h.sender);
    }
    if (auto const r = open(known != nullptr ? known->opener : scratch_, h, datagram); r != reject::none) {
        return refuse(r);
    }
    if (known == nullptr) {
        known = &admit(h.session, now);
    }
    known->highest = h.counter;
    known->heard = now;
    renew_challenge(now);
    bool const asked = note_question();
    if (answered_ours()) {
        believe(*known, h);
        hear(link, h, now);
        return {verdict::kind::new_session, reject::none, asked && answers_.take(now), h.counter};
    }
    unbelieved_heard_ = now;
    return refuse(reject::unbelieved, answers_.take(now));
}

reject session_book::open(peer_cipher& c, frame_header const& h, byte_view datagram) {
    std::array<std::uint8_t, max_frame_size> plain;
    auto const sealed = datagram.subspan(header_size);
    auto const body = byte_span{plain}.first(sealed.size() - tag_size);
    auto const with = c.open(nonce_of(h), datagram.first(header_size), sealed, body);
    if (!with) {
        return reject::forged;
    }
    opened_with_ = *with;
    return decode(body, opened_) ? reject::none : reject::malformed;
}

session_book::candidate* session_book::find(session_id const& id) noexcept {
    auto const at = std::find_if(candidates_.begin(), candidates_.end(),
                                 [&](candidate const& c) { return c.highest != 0 && c.id == id; });
    return at == candidates_.end() ? nullptr : &*at;
}

/// Gives the scratch cipher, keyed for `id`, the place of the candidate that was silent longest.
session_book::candidate& session_book::admit(session_id const& id, time_point now) {
    auto& place = *std::min_element(candidates_.begin(), candidates_.end(),
                                    [](candidate const& a, candidate const& b) { return a.heard < b.heard; });
    std::swap(place.opener, scratch_);
    place.id = id;
    place.highest = 0;
    place.heard = now;
    return place;
}

void session_book::believe(candidate& c, frame_header const& h) {
    if (current_) {
        retire();
    }
    current_.emplace(believed{c.id, std::move(c.opener), replay_window{h.counter}});
    c.id = {};
    c.highest = 0;
    c.heard = {};
    newest_ = opened_;
    heard_with_ = opened_with_;
    for (auto& l : links_) {
        l.last = {};
        l.sequence = 0;
    }
    // No answer given before this moment can be used again.
    secrets_.front()->random(ours_);
    ours_before_ = ours_;
    unbelieved_heard_ = {};
}

void session_book::hear(std::size_t link, frame_header const& h, time_point now) {
    auto& l = links_[link];
    ++l.counters.received;
    if (h.counter > l.last.counter) {
        l.last.counter = h.counter;
    }
    l.heard = now;
    l.last.age_ms = 0;
    auto const sequence = opened_.link_sequence;
    if (l.sequence != 0 && sequence > l.sequence) {
        l.counters.lost += sequence - l.sequence - 1;
    } else if (l.sequence != 0 && l.counters.lost > 0) {
        --l.counters.lost; // late, not lost
    }
    l.sequence = std::max(l.sequence, sequence);
}

/// Keeps the peer's challenge; true when there is one.
bool session_book::note_question() noexcept {
    if (opened_.asked == challenge{}) {
        return false;
    }
    theirs_ = opened_.asked;
    return true;
}

void session_book::retire() {
    retired_[retirements_++ % max_retired] = current_->id;
    current_.reset();
    newest_ = {};
}

bool session_book::is_retired(session_id const& id) const noexcept {
    auto const used = std::min(retirements_, max_retired);
    return std::find(retired_.begin(), retired_.begin() + static_cast<std::ptrdiff_t>(used), id) !=
           retired_.begin() + static_cast<std::ptrdiff_t>(used);
}

bool session_book::wants_answer(time_point now) const noexcept {
    return !current_ || (unbelieved_heard_ != time_point{} && now - unbelieved_heard_ <= 2 * settings_.challenge_life);
}

void session_book::renew_challenge(time_point now) {
    auto const age = now - renewed_;
    if (age < settings_.challenge_life) {
        return;
    }
    secrets_.front()->random(ours_before_);
    std::swap(ours_, ours_before_);
    if (age >= 2 * settings_.challenge_life) {
        ours_before_ = ours_; // the one before is too old, too
    }
    renewed_ = now;
}

bool session_book::answered_ours() const noexcept {
    return opened_.answered == ours_ || opened_.answered == ours_before_;
}

void session_book::fill(heartbeat& h, time_point now) {
    h.asked = {};
    if (wants_answer(now)) {
        renew_challenge(now);
        h.asked = ours_;
    }
    h.answered = theirs_;
    h.links = static_cast<std::uint8_t>(settings_.links);
    for (std::size_t i = 0; i < settings_.links; ++i) {
        h.hearing[i] = links_[i].last;
        if (h.hearing[i].age_ms != link_hearing::never) {
            auto const age = std::chrono::duration_cast<milliseconds>(now - links_[i].heard).count();
            h.hearing[i].age_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(age, link_hearing::never - 1));
        }
    }
}

} // namespace cluster::wire
