// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/types.hpp>

#include <array>
#include <filesystem>
#include <optional>
#include <span>

namespace cluster {

/// The pair's secret: 256 random bits, equal on both nodes. Wiped from memory when destroyed; never printed.
class [[gnu::visibility("default")]] key {
public:
    static constexpr std::size_t size = 32;

    /// A fresh one from the kernel's random generator.
    static key generate();
    /// Reads a key file: 64 hexadecimal digits and a line feed. Errors: `not_found`, `not_permitted` when others than
    /// the owner may read the file, `invalid_configuration`.
    static result<key> load(std::filesystem::path const& file);
    /// From raw bytes, for embedders that keep secrets elsewhere.
    explicit key(std::span<std::uint8_t const, size> bytes) noexcept;

    key(key const&) = default;
    key& operator=(key const&) = default;
    ~key();

    /// Writes it with mode 0600, never over an existing file. Errors: `already_exists`, `io_error`.
    result<> save(std::filesystem::path const& file) const;

    [[nodiscard]] std::span<std::uint8_t const, size> bytes() const noexcept { return bytes_; }
    /// Names the key without telling anything of it: the first 8 bytes of HKDF-SHA256 of it; never 0.
    [[nodiscard]] std::uint64_t fingerprint() const;

private:
    std::array<std::uint8_t, size> bytes_;
};

/// With what a node sends, and what it accepts beside that while one key replaces the other.
struct key_pair {
    key sending;
    std::optional<key> other{};
};

} // namespace cluster
