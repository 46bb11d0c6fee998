// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace balance::probe {

/// Reads numbers and pieces out of bytes of a stranger. What is not there reads as zeros and nothing, and `ok` says so
/// for good.
class byte_reader {
public:
    explicit byte_reader(std::string_view bytes) : bytes_(bytes) {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - at_; }
    [[nodiscard]] std::size_t at() const noexcept { return at_; }

    std::string_view take(std::size_t n) {
        if (n > left()) {
            ok_ = false;
            at_ = bytes_.size();
            return {};
        }
        at_ += n;
        return bytes_.substr(at_ - n, n);
    }
    /// Up to a zero byte, which is taken as well.
    std::string_view text() {
        auto const end = bytes_.find('\0', at_);
        auto const out = take(end == bytes_.npos ? left() + 1 : end - at_);
        take(1);
        return out;
    }
    std::string_view rest() { return take(left()); }

    std::uint8_t u8() { return static_cast<std::uint8_t>(greatest_first(1)); }
    std::uint16_t be16() { return static_cast<std::uint16_t>(greatest_first(2)); }
    std::uint32_t be32() { return static_cast<std::uint32_t>(greatest_first(4)); }
    std::uint16_t le16() { return static_cast<std::uint16_t>(least_first(2)); }
    /// `size`: 1 to 8 bytes.
    std::uint64_t greatest_first(std::size_t size) {
        std::uint64_t out = 0;
        for (char const c : take(size))
            out = out << 8 | static_cast<std::uint8_t>(c);
        return out;
    }
    std::uint64_t least_first(std::size_t size) {
        auto const bytes = take(size);
        std::uint64_t out = 0;
        for (auto it = bytes.rbegin(); it != bytes.rend(); ++it)
            out = out << 8 | static_cast<std::uint8_t>(*it);
        return out;
    }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

/// The number's lowest `size` bytes, the greatest first.
[[nodiscard]] inline std::string be_bytes(std::uint64_t n, std::size_t size) {
    std::string out;
    for (auto i = size; i-- > 0;)
        out += static_cast<char>(n >> 8 * i & 0xff);
    return out;
}

[[nodiscard]] inline std::string le_bytes(std::uint64_t n, std::size_t size) {
    std::string const turned = be_bytes(n, size);
    return {turned.rbegin(), turned.rend()};
}

} // namespace balance::probe
