// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/key_store.hpp>
#include <cluster/types.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cluster {

/// Replaces the pair's key while both nodes use it: docs/PROTOCOL.md, "Replacing the key". Knows keys by their fingerprints
/// alone, reads no clock and no file: events in, actions out.
///
/// Both nodes run the same rules, and each follows from what both hold: so whatever breaks, the next connection goes on
/// from there. At every moment each accepts what the other sends.
class [[gnu::visibility("default")]] key_rotation {
public:
    /// A word of one node to the other on the channel `key`.
    struct holds {
        held_keys keys;
        bool operator==(holds const&) const = default;
    };
    struct offer {
        std::uint64_t key; ///< the key itself goes with it
        bool operator==(offer const&) const = default;
    };
    /// The offered key was not taken.
    struct refused {
        std::string why;
        bool operator==(refused const&) const = default;
    };

    /// What the files shall become; answered with `stored` when that is in force for heartbeats and connections, too.
    struct store {
        enum class change : std::uint8_t { keep_next, drop_next, switch_over, drop_previous };
        change what;
        std::uint64_t key = 0; ///< of `keep_next`
        bool operator==(store const&) const = default;
    };
    /// The connection shall be made anew, with the key that both send with now.
    struct reconnect {
        bool operator==(reconnect const&) const = default;
    };
    /// For the operator who started it: it did not begin, the peer has no other key than before.
    struct failed {
        std::string why;
        bool operator==(failed const&) const = default;
    };
    using action = std::variant<holds, offer, refused, store, reconnect, failed>;
    using actions = std::vector<action>;

    key_rotation(node_id self, held_keys keys) : self_(self), keys_(keys) {}

    // Events.
    /// `key` is the fingerprint of the one that the connection was made with.
    actions connected(std::uint64_t key);
    actions disconnected();
    actions heard(holds const& word);
    actions heard(offer const& word);
    actions heard(refused const& word);
    /// The peer's newest heartbeat was sealed with `key`.
    actions heartbeat(std::uint64_t key);
    /// A `store` was done, or failed: the keys are as `keys` says. A failed one is tried again with `again`.
    actions stored(held_keys const& keys, std::string const& failure);
    actions again();
    /// An operator wants `fresh` to be the pair's key. Errors: `refused` with the reason.
    result<actions> start(std::uint64_t fresh);

    /// Nobody is to begin another one.
    [[nodiscard]] bool under_way() const noexcept;
    /// A key of ours was offered, and is not kept here yet.
    [[nodiscard]] bool offers() const noexcept { return offered_ != 0; }
    /// Both hold the same key alone.
    [[nodiscard]] bool is_over() const noexcept { return connected_ && !under_way() && peer_ && *peer_ == keys_; }
    [[nodiscard]] held_keys const& keys() const noexcept { return keys_; }
    /// A store failed; `again` is to be called after a while.
    [[nodiscard]] bool failed_to_store() const noexcept { return failed_; }
    /// What is waited for, for the operator; empty unless one is under way.
    [[nodiscard]] std::string_view waits_for() const noexcept;

    bool operator==(key_rotation const&) const = default;

private:
    void settle(actions& out);
    void settle_with_peer(actions& out);
    [[nodiscard]] std::optional<store> next_change() const;
    [[nodiscard]] bool is_plain() const noexcept { return keys_.next == 0 && keys_.previous == 0; }

    node_id self_;
    held_keys keys_;
    bool connected_ = false;
    std::uint64_t connection_key_ = 0;
    bool reconnecting_ = false;
    std::optional<held_keys> peer_;  ///< its last word in this connection
    std::uint64_t peer_seals_ = 0;   ///< its heartbeats, with this key
    std::uint64_t offered_ = 0;      ///< by us, until we keep it
    std::uint64_t taking_ = 0;       ///< offered by the peer, to be kept
    std::optional<store> pending_;   ///< under way
    bool failed_ = false;            ///< the last store; nothing is stored until `again`
    bool to_say_ = false;
};

} // namespace cluster
