// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace balance::core {

/// A client, and where one index is for several services the service's number.
struct client_key {
    std::uint64_t high = 0; ///< the address in network order, behind it zeros
    std::uint64_t low = 0;
    std::uint32_t kind = 0; ///< the service's number and, in the lowest byte, the family: 4 or 6

    bool operator==(client_key const&) const = default;
};

/// IPv4 for IPv4 in IPv6 form, and the first `bits` bits alone, of IPv4 addresses 32 at most.
[[nodiscard]] client_key key_of(address const& client, unsigned bits, std::uint32_t service = 0) noexcept;
[[nodiscard]] address client_of(client_key const& k) noexcept;
[[nodiscard]] constexpr std::uint32_t service_of(client_key const& k) noexcept {
    return k.kind >> 8;
}
[[nodiscard]] std::uint64_t hash_of(client_key const& k, std::uint64_t seed) noexcept;

/// Nodes by client, and in the order in which they were last touched. No call takes longer than others: nodes never move,
/// and buckets are added one at a time (linear hashing).
///
/// `Node` fits into a cache line and is aligned to it, is default constructible and has `client_key client` and, for the index alone, `std::uint32_t chain, older, newer`.
template <class Node>
class client_index {
public:
    static constexpr std::uint32_t none = UINT32_MAX;
    static_assert(sizeof(Node) == 64 && alignof(Node) == 64, "one cache line for each step of a search");

    /// `seed` is secret, so that nobody can choose clients that collide.
    explicit client_index(std::uint64_t seed) : seed_(seed), buckets_(16, none) {}

    /// Before anything is inserted: so many clients will come, and need no further buckets.
    void expect(std::size_t clients) {
        if (made_ == 0)
            buckets_.assign(std::max(buckets_.size(), clients), none);
    }
    /// The client will be looked for soon, its memory may come nearer: first its bucket, later what lies there.
    void bring_bucket(client_key const& k) const noexcept { __builtin_prefetch(&buckets_[bucket_of(k)]); }
    void bring_node(client_key const& k) const noexcept {
        if (auto const i = buckets_[bucket_of(k)]; i != none)
            __builtin_prefetch(&(*this)[i]);
    }

    [[nodiscard]] Node& operator[](std::uint32_t i) noexcept { return pieces_[i / piece][i % piece]; }
    [[nodiscard]] Node const& operator[](std::uint32_t i) const noexcept { return pieces_[i / piece][i % piece]; }
    [[nodiscard]] std::size_t size() const noexcept { return used_; }
    /// Nodes are at places from 0 to this, not all of which hold one.
    [[nodiscard]] std::uint32_t places() const noexcept { return made_; }
    [[nodiscard]] bool holds(std::uint32_t i) const noexcept { return locate((*this)[i].client) == i; }
    [[nodiscard]] std::uint32_t oldest() const noexcept { return oldest_; }
    [[nodiscard]] std::uint32_t newest() const noexcept { return newest_; }

    /// `none`: the client is not there.
    [[nodiscard]] std::uint32_t locate(client_key const& k) const noexcept {
        std::uint32_t i = buckets_[bucket_of(k)];
        while (i != none && (*this)[i].client != k)
            i = (*this)[i].chain;
        return i;
    }

    /// A node for a client that is not there, as the newest.
    std::uint32_t insert(client_key const& k) {
        std::uint32_t i = free_;
        if (i != none) {
            free_ = (*this)[i].chain;
        } else {
            if (made_ % piece == 0)
                pieces_.push_back(std::make_unique<Node[]>(piece));
            i = made_++;
            if (made_ > buckets_.size())
                add_bucket();
        }
        Node& n = (*this)[i];
        n = Node{};
        n.client = k;
        hang(i);
        append(i);
        ++used_;
        return i;
    }

    void erase(std::uint32_t i) noexcept {
        Node& n = (*this)[i];
        std::uint32_t* link = &buckets_[bucket_of(n.client)];
        while (*link != i)
            link = &(*this)[*link].chain;
        *link = n.chain;
        unlink(n);
        n.chain = free_;
        free_ = i;
        --used_;
    }

    /// It becomes the newest.
    void touch(std::uint32_t i) noexcept {
        unlink((*this)[i]);
        append(i);
    }

private:
    static constexpr std::uint32_t piece = 1024; ///< nodes that are allocated at once

    [[nodiscard]] std::size_t bucket_of(client_key const& k) const noexcept {
        auto const all = std::bit_ceil(buckets_.size());
        auto const b = static_cast<std::size_t>(hash_of(k, seed_)) & (all - 1);
        return b < buckets_.size() ? b : b - all / 2;
    }

    void hang(std::uint32_t i) noexcept {
        std::uint32_t& head = buckets_[bucket_of((*this)[i].client)];
        (*this)[i].chain = head;
        head = i;
    }

    /// It takes its part of what was in one other bucket.
    void add_bucket() {
        auto const half = buckets_.size() - std::bit_floor(buckets_.size());
        buckets_.push_back(none);
        for (auto i = std::exchange(buckets_[half], none); i != none;) {
            auto const next = (*this)[i].chain;
            hang(i);
            i = next;
        }
    }

    void unlink(Node const& n) noexcept {
        (n.older == none ? oldest_ : (*this)[n.older].newer) = n.newer;
        (n.newer == none ? newest_ : (*this)[n.newer].older) = n.older;
    }

    void append(std::uint32_t i) noexcept {
        Node& n = (*this)[i];
        n.older = newest_;
        n.newer = none;
        (newest_ == none ? oldest_ : (*this)[newest_].newer) = i;
        newest_ = i;
    }

    std::uint64_t seed_;
    std::vector<std::unique_ptr<Node[]>> pieces_;
    std::vector<std::uint32_t> buckets_;
    std::uint32_t made_ = 0; ///< nodes that exist, in use or free
    std::uint32_t free_ = none;
    std::uint32_t oldest_ = none;
    std::uint32_t newest_ = none;
    std::size_t used_ = 0;
};

} // namespace balance::core
