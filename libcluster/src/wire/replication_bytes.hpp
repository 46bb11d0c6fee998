// SPDX-License-Identifier: Apache-2.0
// Big-endian integers and counted strings, written and read with bounds.
#pragma once

#include <cluster/generation.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace cluster::wire::replication {

class writer {
public:
    template <std::unsigned_integral T>
    void number(T value) {
        for (std::size_t i = sizeof(T); i-- > 0;)
            out_.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i))));
    }
    void raw(std::string_view bytes) { out_.append(bytes); }
    /// A 16-bit count and the bytes, cut at `max`.
    void text(std::string_view s, std::size_t max) {
        s = s.substr(0, max);
        number(static_cast<std::uint16_t>(s.size()));
        raw(s);
    }
    /// A 32-bit count and the bytes.
    void blob(std::string_view s) {
        number(static_cast<std::uint32_t>(s.size()));
        raw(s);
    }
    void hash(sha256 const& h) {
        for (auto byte : h)
            out_.push_back(static_cast<char>(byte));
    }
    void version(config_version v) {
        number(v.term);
        number(v.generation);
    }
    void id(generation_id const& id) {
        version(id.version);
        hash(id.hash);
    }
    void reserve(std::size_t n) { out_.reserve(n); }
    std::string take() { return std::move(out_); }

private:
    std::string out_;
};

/// The first read past the end makes everything after it zero or empty and `ok()` false, so that a decoder checks once.
class reader {
public:
    explicit reader(std::string_view bytes) : rest_(bytes) {}

    template <std::unsigned_integral T>
    T number() {
        auto const bytes = raw(sizeof(T));
        T value = 0;
        for (char c : bytes)
            value = static_cast<T>(static_cast<T>(value << 8) | static_cast<std::uint8_t>(c));
        return value;
    }
    std::string_view raw(std::size_t n) {
        if (n > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        auto const bytes = rest_.substr(0, n);
        rest_.remove_prefix(n);
        return bytes;
    }
    std::string text(std::size_t max) { return bounded(number<std::uint16_t>(), max); }
    std::string blob() { return std::string(raw(number<std::uint32_t>())); }
    sha256 hash() {
        sha256 h{};
        auto const bytes = raw(h.size());
        std::transform(bytes.begin(), bytes.end(), h.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
        return h;
    }
    config_version version() {
        auto const term = number<std::uint32_t>();
        return {term, number<std::uint64_t>()};
    }
    generation_id id() {
        auto const v = version();
        return {v, hash()};
    }
    void fail() noexcept { ok_ = false; }
    [[nodiscard]] bool ok() const noexcept { return ok_; }
    [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

private:
    std::string bounded(std::size_t n, std::size_t max) {
        if (n > max) {
            ok_ = false;
            return {};
        }
        return std::string(raw(n));
    }

    std::string_view rest_;
    bool ok_ = true;
};

} // namespace cluster::wire::replication
