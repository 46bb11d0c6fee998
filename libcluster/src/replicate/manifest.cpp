// SPDX-License-Identifier: Apache-2.0
#include "replicate/manifest.hpp"

#include "replicate/generation_rules.hpp"

#include <charconv>
#include <concepts>
#include <optional>

namespace cluster::replicate {
namespace {

constexpr std::string_view first_line = "dyad generation 1";
constexpr std::string_view digits = "0123456789abcdef";

/// Takes the text line by line; a line must end with a line feed.
class lines {
public:
    explicit lines(std::string_view text) : rest_(text) {}

    /// The value of the next line if it begins with `word` and a space.
    std::optional<std::string_view> value(std::string_view word) {
        auto const end = rest_.find('\n');
        if (end == std::string_view::npos || end <= word.size() || !rest_.starts_with(word) || rest_[word.size()] != ' ')
            return std::nullopt;
        auto const found = rest_.substr(word.size() + 1, end - word.size() - 1);
        rest_.remove_prefix(end + 1);
        ++number_;
        return found;
    }
    bool exactly(std::string_view line) {
        if (!rest_.starts_with(line) || rest_.size() == line.size() || rest_[line.size()] != '\n')
            return false;
        rest_.remove_prefix(line.size() + 1);
        ++number_;
        return true;
    }
    [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
    [[nodiscard]] std::size_t number() const noexcept { return number_; }

private:
    std::string_view rest_;
    std::size_t number_ = 1;
};

/// A decimal number as `format` writes it: no sign but '-', no leading zero.
template <std::integral T>
bool read(std::optional<std::string_view> text, T& out) {
    if (!text || text->empty())
        return false;
    auto const code = std::from_chars(text->data(), text->data() + text->size(), out).ec;
    return code == std::errc{} && std::to_string(out) == *text;
}

bool read(std::optional<std::string_view> text, sha256& out) {
    if (!text || text->size() != 2 * out.size())
        return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
        auto const high = digits.find((*text)[2 * i]);
        auto const low = digits.find((*text)[2 * i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos)
            return false;
        out[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return true;
}

std::string hex(sha256 const& hash) {
    std::string out;
    for (auto byte : hash) {
        out.push_back(digits[byte >> 4]);
        out.push_back(digits[byte & 15]);
    }
    return out;
}

/// One line "file SIZE NAME"; the names must grow from line to line.
bool read_file(std::string_view line, manifest& m) {
    auto const space = line.find(' ');
    std::uint64_t size = 0;
    if (space == std::string_view::npos || !read(line.substr(0, space), size))
        return false;
    auto const name = line.substr(space + 1);
    if (!is_file_name(name) || (!m.files.empty() && name <= m.files.back().first))
        return false;
    m.files.emplace_back(name, size);
    return true;
}

} // namespace

manifest manifest_of(generation const& g, sha256 const& hash) {
    manifest m{{g.version, hash}, g.applied_at, g.applied_by, {}};
    for (auto const& [name, bytes] : g.files)
        m.files.emplace_back(name, bytes.size());
    return m;
}

std::string format(manifest const& m) {
    std::string out{first_line};
    out += "\nterm " + std::to_string(m.id.version.term);
    out += "\ngeneration " + std::to_string(m.id.version.generation);
    out += "\napplied_at " + std::to_string(m.applied_at);
    out += "\napplied_by " + m.applied_by;
    for (auto const& [name, size] : m.files)
        out += "\nfile " + std::to_string(size) + " " + name;
    out += "\nhash " + hex(m.id.hash) + "\n";
    return out;
}

result<manifest> parse_manifest(std::string_view text) {
    manifest m;
    lines in(text);
    auto const header = [&] {
        if (!in.exactly(first_line) || !read(in.value("term"), m.id.version.term) ||
            !read(in.value("generation"), m.id.version.generation) || !read(in.value("applied_at"), m.applied_at))
            return false;
        auto const by = in.value("applied_by");
        if (by)
            m.applied_by = *by;
        return by.has_value();
    };
    auto const body = [&] {
        while (auto const file = in.value("file"))
            if (!read_file(*file, m))
                return false;
        return read(in.value("hash"), m.id.hash) && in.at_end();
    };
    if (text.size() > max_manifest || !header() || !body())
        return balance::make_error(balance::errc::protocol_error,
                                   "the manifest is damaged near line " + std::to_string(in.number()));
    return m;
}

} // namespace cluster::replicate
