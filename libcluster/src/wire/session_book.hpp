// SPDX-License-Identifier: Apache-2.0
// Which of the peer's sessions is believed. docs/PROTOCOL.md, "Sessions and challenges", is its text.
#pragma once

#include "wire/heartbeat.hpp"
#include "wire/peer_cipher.hpp"
#include "wire/rate_limit.hpp"
#include "wire/replay_window.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <vector>

namespace cluster::wire {

using time_point = rate_limit::time_point;

/// What a datagram turned out to be.
struct verdict {
    enum class kind : std::uint8_t {
        nothing,     ///< `why` says why it counts for nothing
        heartbeat,   ///< of the believed session; `session_book::newest` has what the peer says
        new_session, ///< the same, and from now on an earlier session counts for nothing
        goodbye      ///< the believed session is over
    };
    kind what = kind::nothing;
    reject why = reject::none;
    bool answer = false;       ///< send a heartbeat on this link now: the sender waits for our answer, or we for its
    std::uint64_t counter = 0; ///< of a heartbeat, within its session

    bool operator==(verdict const&) const = default;
};

/// What came in on a link.
struct link_counters {
    std::uint64_t received = 0; ///< heartbeats of believed sessions
    std::uint64_t lost = 0;     ///< gaps in the peer's numbering
    std::array<std::uint64_t, reject_count> rejected{};
};

/// The peer's sessions: authenticates, keeps replays out, believes a new session only after it answered a challenge.
class session_book {
public:
    struct settings {
        node_id self = node_id::primary;
        std::size_t links = 1;
        /// How long a challenge is good for; at least the time in which a peer answers.
        std::chrono::milliseconds challenge_life{1000};
    };

    session_book(settings s, suite& crypto, time_point now);

    /// From now on frames count that were sealed with any of `secrets`, 1 to `max_secrets`, and no others. A session goes
    /// on: its frames are numbered on, whichever secret they are sealed with. The suites outlive the book.
    void accept(std::span<suite* const> secrets);
    /// Which of the secrets sealed the newest frame of the believed session, by its place among them; nothing before one
    /// was heard since `accept`.
    [[nodiscard]] std::optional<std::size_t> heard_with() const noexcept { return heard_with_; }

    /// Judges a datagram that came in on `link`. `now` never goes back.
    verdict receive(std::size_t link, byte_view datagram, time_point now);

    /// What the believed session said last, by its own numbering.
    [[nodiscard]] heartbeat const& newest() const noexcept { return newest_; }
    [[nodiscard]] bool believes() const noexcept { return current_.has_value(); }

    /// Fills in what the next heartbeat says to the peer: challenge, answer, and what was heard on each link.
    void fill(heartbeat& h, time_point now);

    [[nodiscard]] link_counters const& counters(std::size_t link) const noexcept { return links_[link].counters; }
    /// Counts a datagram that the socket already found to be bad.
    void count(std::size_t link, reject r) noexcept { ++links_[link].counters.rejected[static_cast<std::size_t>(r)]; }

private:
    struct believed {
        session_id id{};
        peer_cipher opener;
        replay_window window;
    };
    /// An authenticated session that isn't believed yet.
    struct candidate {
        session_id id{};
        peer_cipher opener;
        std::uint64_t highest = 0;
        time_point heard{};
    };
    struct link_state {
        link_counters counters;
        link_hearing last;
        time_point heard{};
        std::uint32_t sequence = 0;
    };
    static constexpr std::size_t max_candidates = 8;
    static constexpr std::size_t max_retired = 64;

    verdict judge(std::size_t link, byte_view datagram, time_point now);
    verdict receive_goodbye(frame_header const& h, byte_view datagram);
    verdict receive_known(std::size_t link, frame_header const& h, byte_view datagram, time_point now);
    verdict receive_unknown(std::size_t link, frame_header const& h, byte_view datagram, time_point now);
    reject open(peer_cipher& c, frame_header const& h, byte_view datagram);
    candidate* find(session_id const& id) noexcept;
    candidate& admit(session_id const& id, time_point now);
    void believe(candidate& c, frame_header const& h);
    void hear(std::size_t link, frame_header const& h, time_point now);
    bool note_question() noexcept;
    void retire();
    [[nodiscard]] bool is_retired(session_id const& id) const noexcept;
    [[nodiscard]] bool wants_answer(time_point now) const noexcept;
    void renew_challenge(time_point now);
    [[nodiscard]] bool answered_ours() const noexcept;

    settings settings_;
    std::vector<suite*> secrets_;
    std::optional<believed> current_;
    std::array<candidate, max_candidates> candidates_;
    peer_cipher scratch_;
    std::array<session_id, max_retired> retired_{};
    std::size_t retirements_ = 0;
    std::array<link_state, max_links> links_{};
    heartbeat opened_; ///< body of the frame being judged
    std::size_t opened_with_ = 0;
    std::optional<std::size_t> heard_with_;
    heartbeat newest_;
    challenge ours_{};
    challenge ours_before_{};
    challenge theirs_{}; ///< asked last by the peer
    time_point renewed_;
    time_point unbelieved_heard_{};
    rate_limit derivations_;
    rate_limit answers_;
};

} // namespace cluster::wire
