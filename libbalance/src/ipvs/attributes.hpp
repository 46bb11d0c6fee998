// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Netlink attributes: a length and a type of 16 bits each in the host's order, a payload, padding to 4 bytes
/// (linux/netlink.h, struct nlattr).
namespace balance::ipvs {

using bytes = std::vector<std::byte>;
using byte_span = std::span<std::byte const>;

constexpr std::size_t padded(std::size_t length) { return (length + NLA_ALIGNTO - 1) & ~std::size_t{NLA_ALIGNTO - 1}; }

/// A message of attributes, while it is written.
class attribute_writer {
public:
    /// The attributes go behind `head`.
    explicit attribute_writer(byte_span head = {});

    /// At most 65,531 bytes; the messages here have none above 16.
    void put(std::uint16_t type, byte_span payload) {
        auto const room = grow(type, payload.size());
        std::copy_n(payload.begin(), room.size(), room.begin());
    }

    template <class T>
    requires std::is_trivially_copyable_v<T>
    void put_value(std::uint16_t type, T const& value) { std::memcpy(grow(type, sizeof(T)).data(), &value, sizeof(T)); }

    /// With the terminating zero that the kernel expects.
    void put_string(std::uint16_t type, std::string_view text);

    /// `fill` writes the attributes inside.
    template <class Fill>
    void put_nest(std::uint16_t type, Fill fill) {
        auto const start = size_;
        grow(static_cast<std::uint16_t>(type | NLA_F_NESTED), 0);
        fill();
        auto const length = static_cast<std::uint16_t>(size_ - start);
        std::memcpy(out_.data() + start, &length, sizeof(length));
    }

    /// What was written; nothing can be added to it.
    [[nodiscard]] bytes take() {
        out_.resize(size_);
        return std::move(out_);
    }

private:
    /// Appends an attribute whose payload of zeros is to be filled before the next one.
    std::span<std::byte> grow(std::uint16_t type, std::size_t size) {
        size = std::min<std::size_t>(size, 0xffff - sizeof(nlattr));
        nlattr const header{static_cast<std::uint16_t>(sizeof(header) + size), type};
        auto const start = size_;
        size_ = padded(start + sizeof(header) + size);
        if (size_ > out_.size()) {
            out_.resize(2 * size_);
        }
        std::memcpy(out_.data() + start, &header, sizeof(header));
        return {out_.data() + start + sizeof(header), size};
    }

    bytes out_; ///< zeros from `size_` on
    std::size_t size_;
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

    [[nodiscard]] std::optional<attribute> next() {
        nlattr header{};
        if (left_.size() < sizeof(header)) {
            intact_ = intact_ && left_.empty();
            return std::nullopt;
        }
        std::memcpy(&header, left_.data(), sizeof(header));
        if (header.nla_len < sizeof(header) || header.nla_len > left_.size()) {
            intact_ = false;
            left_ = {};
            return std::nullopt;
        }
        attribute const out{static_cast<std::uint16_t>(header.nla_type & NLA_TYPE_MASK),
                            {left_.data() + sizeof(header), header.nla_len - sizeof(header)}};
        auto const whole = std::min(padded(header.nla_len), left_.size());
        left_ = {left_.data() + whole, left_.size() - whole};
        return out;
    }
    /// Was everything up to here well formed?
    [[nodiscard]] bool intact() const noexcept { return intact_; }

private:
    byte_span left_;
    bool intact_ = true;
};

} // namespace balance::ipvs
