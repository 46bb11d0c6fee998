// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

/// Netlink attributes: a length and a type of 16 bits each in the host's order, a payload, padding to 4 bytes
/// (linux/netlink.h, struct nlattr).
namespace balance::ipvs {

using bytes = std::vector<std::byte>;
using byte_span = std::span<std::byte const>;

/// Appends attributes to a message.
class attribute_writer {
public:
    explicit attribute_writer(bytes& out) : out_(&out) {}

    /// At most 65,531 bytes; the messages here have none above 16.
    void put(std::uint16_t type, byte_span payload);

    template <class T>
    requires std::is_trivially_copyable_v<T>
    void put_value(std::uint16_t type, T const& value) { put(type, std::as_bytes(std::span<T const, 1>(&value, 1))); }

    /// With the terminating zero that the kernel expects.
    void put_string(std::uint16_t type, std::string_view text);

    /// `fill` writes the attributes inside.
    template <class Fill>
    void put_nest(std::uint16_t type, Fill fill) {
        auto const start = begin_nest(type);
        fill();
        end_nest(start);
    }

private:
    std::size_t begin_nest(std::uint16_t type);
    void end_nest(std::size_t start);

    bytes* out_;
};

/// One attribute within a message that outlives it.
struct attribute {
    std::uint16_t type = 0; ///< without the flags of nla_type
    byte_span payload;

    /// Absent when the payload is shorter than `T`.
    template <class T>
    requires std::is_trivially_copyable_v<T>
    [[nodiscard]] std::optional<T> value() const {
        if (payload.size() < sizeof(T)) {
            return std::nullopt;
        }
        T out{};
        std::memcpy(&out, payload.data(), sizeof(T));
        return out;
    }

    /// Up to the first zero byte, or all of it.
    [[nodiscard]] std::string_view string() const;
};

/// Walks attributes one by one; stops at the end or at the first that is not whole.
class attribute_reader {
public:
    explicit attribute_reader(byte_span in) : left_(in) {}

    [[nodiscard]] std::optional<attribute> next();
    /// Was everything up to here well formed?
    [[nodiscard]] bool intact() const noexcept { return intact_; }

private:
    byte_span left_;
    bool intact_ = true;
};

} // namespace balance::ipvs
