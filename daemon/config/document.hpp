// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <config/config.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dyad::config {

/// Where something stands in a file; both count from 1.
struct place {
    unsigned line = 0;
    unsigned column = 0;

    auto operator<=>(place const&) const = default;
};

struct entry;

/// A TOML value with its place; tables keep the file's order. The only form in which the rest of this folder sees TOML.
struct value {
    enum class kind : std::uint8_t { text, integer, real, boolean, date, list, table };

    kind type = kind::table;
    place at;
    std::string text;                 ///< of a text
    std::int64_t integer = 0;         ///< of an integer
    bool boolean = false;             ///< of a boolean
    std::vector<value> items;         ///< of a list
    std::vector<entry> entries;       ///< of a table, in the file's order
    std::vector<std::size_t> by_name; ///< of a table that is not small: places in `entries`, sorted by key

    /// The entry of a table, or null.
    [[nodiscard]] entry const* find(std::string_view key) const noexcept;
    /// The entries of the table at `key`; none when there is no table.
    [[nodiscard]] std::span<entry const> below(std::string_view key) const noexcept;
};

struct entry {
    std::string key;
    place at; ///< of the key
    value content;
};

/// "a text", "a whole number", …: the kind in words of a message.
std::string_view describe(value::kind k) noexcept;

/// Reads TOML. No value and one diagnostic when the text is no TOML, is empty or larger than `max_file_size`. Never
/// throws.
outcome<value> parse_document(std::string_view text, std::string const& file);

/// Refuses what could exhaust the parser before it starts: binary data, nesting beyond any use. Null line: all is well.
/// `headers`, if any, gets the places of the brackets that begin the tables' headers, in their order.
struct refusal {
    place at;
    std::string message;
};
refusal prescan(std::string_view text, std::vector<std::size_t>* headers = nullptr);

} // namespace dyad::config
