// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/persistence.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace balance {

/// The entries of all persistence tables in one place outside of the proxy, so that a proxy that dies loses none, with what
/// changed in order, so that another copy can follow. The greater sequence wins; an expired entry never comes back.
///
/// Pure: time is handed in, in milliseconds of any clock that does not go back. One thread at a time. About 72 bytes an
/// entry; no call takes time that grows with the number of entries but where it says so.
class [[gnu::visibility("default")]] persistence_copy {
public:
    /// `hash_seed` is secret, so that nobody can choose clients that make it slow.
    explicit persistence_copy(std::uint64_t hash_seed);
    ~persistence_copy();
    persistence_copy(persistence_copy&&) noexcept;
    persistence_copy& operator=(persistence_copy&&) noexcept;

    /// Entries that may be kept, 1,000,000 at first; beyond it those go that changed longest ago.
    void set_limit(std::size_t entries);
    [[nodiscard]] std::size_t size() const noexcept; ///< what was cleared, and what has expired and is not swept yet, too
    [[nodiscard]] std::size_t clients() const noexcept; ///< the same without what was cleared

    enum class source : std::uint8_t { here, peer };
    /// Takes over what is newer than what is known.
    void merge(std::span<persistence_record const> entries, source from, std::int64_t now_ms);
    /// Forgets a part of what has expired: all of it within 60 calls.
    void sweep(std::int64_t now_ms);
    /// Forgets all of other services. Time grows with the entries.
    void keep_only(std::function<bool(std::string_view service)> const& stays);

    /// The entry in force of a client, who goes wherever the service's granularity (a prefix length) puts it.
    [[nodiscard]] std::optional<persistence_entry> find(std::string const& service, address const& client, std::uint8_t granularity,
                                                        std::int64_t now_ms) const;

    /// Where a page begins: behind this entry. Empty: at the beginning.
    struct position {
        std::string service;
        address client;
    };
    struct page {
        std::vector<persistence_entry> entries;
        bool more = false;
    };
    /// The entries in force, by service and client, `most` at most; only those of `service`, unless that is empty. Time grows
    /// with the entries.
    [[nodiscard]] page read(std::string const& service, std::optional<position> const& after, std::size_t most,
                            std::int64_t now_ms) const;

    /// Clears the entries of a service, or that of one client as `find` finds it. What it returns is for the proxy to merge: it outweighs what that may have on its way. Time grows with the entries.
    std::vector<persistence_entry> clear(std::string const& service, std::optional<address> const& client,
                                         std::uint8_t granularity, std::int64_t now_ms);

    /// All that have not expired, what was cleared, too, as bytes of a `persistence_writer`; `each` gets pieces of some
    /// `piece` bytes, and ends it by returning false. Time grows with the entries.
    void write_all(std::size_t piece, std::int64_t now_ms, std::function<bool(std::string bytes)> const& each) const;

    // What changed, for one follower.

    /// Number of the last change; they only grow. 0: none yet.
    [[nodiscard]] std::uint64_t last_change() const noexcept;
    /// `next` begins behind this change. What came from the peer is left out, but for changes up to `of_peer_until`, for a
    /// follower who has lost everything. Time grows with the changes since.
    void follow(std::uint64_t since, std::uint64_t of_peer_until);
    /// Writes what changed next, about `bytes` at most, each entry once with its latest state. Returns the number of the last
    /// change that the follower then knows.
    std::uint64_t next(std::size_t bytes, std::int64_t now_ms, persistence_writer& out);
    /// `next` has more to write.
    [[nodiscard]] bool has_next() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace balance
