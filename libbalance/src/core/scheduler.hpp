// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace balance::core {

/// How layer 7 spreads new connections.
enum class algorithm : std::uint8_t {
    wrr,  ///< smooth weighted round robin: in any `sum of weights` picks each server gets exactly its weight,
          ///< interleaved
    wlc,  ///< fewest connections for its weight; equals take turns by weight
    first, ///< the first of the file that has room; weights do not matter, except that 0 means none
    hash,  ///< the same key goes to the same server as long as that is there; a server that comes or goes moves only the
           ///< keys that it gets or had
    random ///< of two drawn by weight the one with fewer connections for its weight
};

/// Absent for words this build does not serve.
[[nodiscard]] std::optional<algorithm> parse_algorithm(std::string_view word) noexcept;

/// A server as the scheduler sees it. The owner fills in everything but `credit`.
struct candidate {
    std::uint32_t weight = 0; ///< 0 to 65535; may change between picks; 0 gets no new connection
    std::uint32_t active = 0; ///< connections it has now
    std::uint32_t limit = 0;  ///< most connections it may have; 0: no limit
    bool usable = false;      ///< up and online
    bool excluded = false;    ///< already tried for this connection
    std::uint64_t identity = 0; ///< hash of its name, for `hash`
    std::int64_t credit = 0;    ///< the scheduler's own; set to 0 when `usable` or `weight` changes

    [[nodiscard]] bool has_room() const noexcept { return limit == 0 || active < limit; }
    [[nodiscard]] bool eligible() const noexcept { return usable && !excluded && weight != 0 && has_room(); }
};

/// Picks a server for a new connection; the caller counts it into `active`. `key` is what `hash` hashes, and for `random`
/// a random number. Linear in the number of servers, no allocation.
[[nodiscard]] std::optional<std::size_t> choose(algorithm a, std::span<candidate> servers, std::uint64_t key = 0) noexcept;

/// A hash of 64 bits whose every bit depends on every bit of the input; the same on all machines.
[[nodiscard]] std::uint64_t hash_of(std::string_view bytes) noexcept;

/// What stands for a secret of a client's in a table of addresses, the same on all nodes: 96 bits made of it, in the form of
/// an IPv6 address of the range for documentation.
[[nodiscard]] address stand_in(std::string_view secret) noexcept;

} // namespace balance::core
