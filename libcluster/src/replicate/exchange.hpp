// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/generation.hpp>
#include <cluster/types.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cluster::replicate {

using time_point = std::chrono::steady_clock::time_point;

/// What the nodes say to each other about generations. `prepare` carries the generation, which the driver adds.
enum class verb : std::uint8_t { prepare, prepared, refused, commit, committed, abandon };

// ---- events ----

/// Connected, and the peer has said who it is and what it holds.
struct peer_greeted {
    generation_id holds;
};
struct peer_lost {
    std::string why;
};
/// An operator wants this generation on both nodes.
struct apply_requested {
    generation_id id;
};
struct heard {
    verb what = verb::prepare;
    generation_id id;
    std::string text; ///< of `refused`
};
/// The effect asked for by `stage` or `commit_staged` is done, or has failed.
struct stage_done {
    generation_id id;
    std::optional<error> failure;
};
struct commit_done {
    generation_id id;
    std::optional<error> failure;
};
/// `deadline()` has come.
struct timer_expired {};

using event = std::variant<peer_greeted, peer_lost, apply_requested, heard, stage_done, commit_done, timer_expired>;

// ---- actions ----

struct say {
    verb what = verb::prepare;
    generation_id id;
    std::string text;
};
/// Put a generation on the disk without making it current; one of the peer's is validated first. Answer: `stage_done`.
struct stage {
    generation_id id;
    bool from_peer = false;
};
/// Make what was staged the current generation. Answer: `commit_done`.
struct commit_staged {
    generation_id id;
    bool from_peer = false;
};
struct drop_staged {};
/// The operator's `apply` has ended: `failure`, or committed here and perhaps there.
struct answer_apply {
    std::optional<error> failure;
    bool peer_committed = false;
    std::string peer_text; ///< why not there
};
/// What an operator must know while connected; empty: nothing any more.
struct alarm {
    std::string text;
};
/// Connect anew: the peer does not do its part.
struct drop_connection {
    std::string why;
};

using action = std::variant<say, stage, commit_staged, drop_staged, answer_apply, alarm, drop_connection>;

struct exchange_settings {
    node_id self = node_id::primary;
    milliseconds timeout{5000}; ///< for the peer's part in each phase
    generation_id holds;        ///< the current generation at the start
    /// What a peer refused to store is offered again after so long, then after twice that, up to the most: its disk may have
    /// been full.
    milliseconds first_offer{2000};
    milliseconds longest_offer{60'000};
};

/// Decides how a generation comes onto both nodes. Pure: time and events go in, actions come out; docs/PROTOCOL.md is its text.
///
/// What it guarantees: a node's version never decreases; a generation becomes current here only if it was staged whole and
/// either is our own or the peer said `commit` after its own commit; a refusal in the first phase commits nothing anywhere.
class exchange {
public:
    explicit exchange(exchange_settings s) : settings_(s), own_(s.holds) {}

    /// Appends what is to be done to `out`, in order. Effects are answered after all actions of a step were carried out.
    void step(time_point now, event const& e, std::vector<action>& out);
    /// When `step(timer_expired)` is due; absent: nothing is waited for.
    [[nodiscard]] std::optional<time_point> deadline() const noexcept;

    [[nodiscard]] generation_id const& own() const noexcept { return own_; }
    /// Last one known to be committed on the peer; kept when it is lost.
    [[nodiscard]] generation_id const& peer() const noexcept { return peer_; }
    [[nodiscard]] bool in_sync() const noexcept { return connected_ && own_ == peer_; }

private:
    enum class phase : std::uint8_t {
        preparing,    ///< staged here and there
        committing,   ///< here
        concluding    ///< there
    };
    /// A generation on its way to the peer: an operator's, or our current one that the peer lacks (`is_push`).
    struct transfer {
        generation_id id;
        bool is_push = false;
        bool with_peer = false;
        bool staged = false;
        bool peer_prepared = false;
        phase at = phase::preparing;
        time_point deadline{};
        std::string peer_text{};
    };
    /// A generation on its way from the peer.
    struct arrival {
        generation_id id;
        bool staged = false;
    };
    using actions = std::vector<action>;

    void on(time_point now, peer_greeted const& e, actions& out);
    void on(time_point now, peer_lost const& e, actions& out);
    void on(time_point now, apply_requested const& e, actions& out);
    void on(time_point now, heard const& e, actions& out);
    void on(time_point now, stage_done const& e, actions& out);
    void on(time_point now, commit_done const& e, actions& out);
    void on(time_point now, timer_expired const& e, actions& out);

    void heard_prepare(generation_id const& id, actions& out);
    void heard_prepared(time_point now, generation_id const& id, actions& out);
    void heard_refused(time_point now, heard const& e, actions& out);
    void heard_commit(generation_id const& id, actions& out);
    void heard_committed(generation_id const& id, actions& out);
    void own_commit_done(time_point now, commit_done const& e, actions& out);
    void peers_commit_done(commit_done const& e, actions& out);

    void push_if_newer(time_point now, actions& out);
    void offer_again_later(time_point now);
    void commit_when_both_prepared(actions& out);
    void fail_apply(error why, actions& out);
    void compare(actions& out);
    [[nodiscard]] bool is_outgoing(generation_id const& id, phase at) const noexcept;

    exchange_settings settings_;
    generation_id own_;
    generation_id peer_;
    bool connected_ = false;
    std::optional<transfer> outgoing_;
    std::optional<arrival> incoming_;
    std::optional<time_point> offer_at_; ///< once more, to a connected peer that refused
    milliseconds offer_pause_{0};        ///< the last one; 0: the peer has refused nothing
};

} // namespace cluster::replicate
