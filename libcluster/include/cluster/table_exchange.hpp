// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/persistence_copy.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cluster {

/// Keeps the persistence tables of two nodes alike, over a stream that `replicator::send` and `on_stream` carry.
///
/// Each node tells its own changes in order, and each node says how far it has heard the other's, so that after a break
/// only what is missing is told: all, or a few entries. What changes while the other is slow is told once, in its latest state:
/// nothing queues up. docs/PROTOCOL.md has the messages.
///
/// Pure: what is to be sent is returned, time is handed in, in milliseconds of any clock that does not go back. One thread
/// at a time.
class [[gnu::visibility("default")]] table_exchange {
public:
    /// The stream's channel.
    static constexpr std::string_view channel = "tables";

    struct limits {
        std::size_t message = 16u << 10;  ///< bytes of entries that go at once
        std::size_t under_way = 1u << 20; ///< bytes of entries that the peer has not yet confirmed
        std::size_t confirm = 128u << 10; ///< after so many bytes heard we confirm at once; far less than the peer's `under_way`
    };

    /// `copy` must outlive the exchange, which alone uses its `follow` and `next`. `instance`: random bits, new for each copy
    /// that begins empty.
    table_exchange(balance::persistence_copy& copy, std::uint64_t instance) : table_exchange(copy, instance, limits{}) {}
    table_exchange(balance::persistence_copy& copy, std::uint64_t instance, limits l);

    /// A connection begins, whatever there was before. Returns what is to be sent, as all that follow do: messages in order.
    [[nodiscard]] std::vector<std::string> connected();
    void disconnected();
    /// The copy has changed.
    [[nodiscard]] std::vector<std::string> changed(std::int64_t now_ms);

    struct heard {
        std::vector<std::string> answers;
        std::string_view records; ///< what came, within `message`: for the proxies; empty: none
    };
    /// A message of the peer; what it tells is in the copy afterwards. Errors: `protocol_error`: it is passed over.
    [[nodiscard]] balance::result<heard> take(std::string_view message, std::int64_t now_ms);

    /// Something was heard and not yet confirmed: `confirm` is to be called soon, some 50 ms later.
    [[nodiscard]] bool owes_confirmation() const noexcept { return unconfirmed_bytes_ > 0; }
    [[nodiscard]] std::vector<std::string> confirm();

    /// The peer is connected and has confirmed all there is.
    [[nodiscard]] bool peer_has_all() const noexcept;
    /// All that the peer had when the connection began, or more, is in the copy.
    [[nodiscard]] bool has_all() const noexcept { return has_all_; }

private:
    void tell(std::vector<std::string>& out, std::int64_t now_ms);
    void put(std::vector<std::string>& out, std::uint64_t until);
    void peer_knows(std::vector<std::string>& out, std::uint64_t instance, std::uint64_t change);
    [[nodiscard]] std::string confirmation() const;

    struct unconfirmed {
        std::uint64_t until = 0;
        std::size_t bytes = 0;
    };

    balance::persistence_copy* copy_;
    std::uint64_t instance_;
    limits limits_;
    bool following_ = false;              ///< the peer has said how far it knows our changes
    std::vector<unconfirmed> under_way_;  ///< told and not yet confirmed, in order
    std::size_t bytes_under_way_ = 0;
    std::uint64_t whole_until_ = 0;       ///< a peer that knew nothing is told all up to this change, also what it told itself once
    bool told_last_ = false;              ///< the peer was told that there is no more
    bool has_all_ = false;
    std::size_t unconfirmed_bytes_ = 0;   ///< heard of the peer's changes
    std::uint64_t peer_instance_ = 0;     ///< whose changes we know; 0: nobody's
    std::uint64_t peer_change_ = 0;       ///< up to which
    balance::persistence_writer writer_;
};

} // namespace cluster
