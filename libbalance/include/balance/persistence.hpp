// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace balance {

/// One entry of a persistence table: this client goes to this server. Newest `sequence` wins when tables are merged; of
/// equal ones the greater server name.
struct persistence_entry {
    std::string service;
    balance::address client; ///< masked by the service's granularity
    std::string server;      ///< empty: to none any more, the entry was cleared
    std::uint64_t sequence = 0;
    milliseconds remaining{0}; ///< until it expires

    bool operator==(persistence_entry const&) const = default;
};

/// The same without names of its own: valid as long as the bytes or the entry that it was made of.
struct persistence_record {
    std::string_view service;
    balance::address client;
    std::string_view server;
    std::uint64_t sequence = 0;
    milliseconds remaining{0};

    bool operator==(persistence_record const&) const = default;
};

[[nodiscard]] inline persistence_record as_record(persistence_entry const& e) noexcept {
    return {e.service, e.client, e.server, e.sequence, e.remaining};
}

/// Most bytes of a service's or a server's name in a record.
inline constexpr std::size_t longest_persistence_name = 255;

/// Writes records as bytes, for another process or node: each name once, then some 8 bytes for an IPv4 client. What `take`
/// returns says all by itself, whatever was written before. docs/PROTOCOL.md has the format. Pure.
class [[gnu::visibility("default")]] persistence_writer {
public:
    /// Left out: a record whose service has no name, with a name that is too long, or that has expired.
    void add(persistence_record const& r);
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); } ///< of what `take` would return
    [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
    /// What was added since the last one; empty when nothing was.
    [[nodiscard]] std::string take();

private:
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
    };
    struct known {
        std::string text;
        std::uint32_t number = 0;
    };

    std::uint32_t number_of(std::string_view name);

    std::string bytes_;
    std::unordered_map<std::string, std::uint32_t, text_hash, std::equal_to<>> names_;
    known service_; ///< of the record before
    known server_;
    std::uint64_t sequence_ = 0;
    std::int64_t remaining_ = 0;
};

/// What a `persistence_writer` wrote, in its order. Errors: `protocol_error` naming the byte; nothing is returned then. Takes
/// memory in proportion to the bytes. Pure.
[[gnu::visibility("default")]] result<std::vector<persistence_record>> read_persistence(std::string_view bytes);

} // namespace balance
