// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <config/words.hpp>
#include <cstdint>
#include <utility>
#include <vector>

namespace dyad::config {
namespace {

using balance::errc;
using balance::in_quotes;
using balance::make_error;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> units{
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

/// Longer than anything here may last, short enough that sums never overflow.
constexpr std::int64_t longest = std::int64_t{100} * 365 * 24 * 3'600'000;

/// Optimal string alignment distance: insert, remove, replace, swap neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
    }
    return d[a.size()][b.size()];
}

template <class Bytes>
int prefix_of(Bytes const& bytes) {
    int bits = 0;
    bool ended = false;
    for (auto const byte : bytes) {
        auto const ones = std::countl_one(byte);
        if ((ended && byte != 0) || std::popcount(byte) != ones) {
            return -1;
        }
        bits += ones;
        ended = ended || ones < 8;
    }
    return bits;
}

} // namespace

balance::result<std::chrono::milliseconds> parse_duration(std::string_view text) {
    std::int64_t n = 0;
    auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    auto const unit = text.substr(static_cast<std::size_t>(end - text.data()));
    auto const known = std::find_if(units.begin(), units.end(), [unit](auto const& u) { return u.first == unit; });
    if (ec == std::errc::invalid_argument || known == units.end()) {
        return make_error(errc::invalid_configuration,
                          in_quotes(text) +
                              " is not a time; it must be a whole number and a unit (ms, s, m or h), like \"100ms\"");
    }
    if (ec != std::errc{} || n < 0 || n > longest / known->second) {
        return make_error(errc::invalid_configuration,
                          "the time " + in_quotes(text) +
                              (n < 0 ? " is negative; leave out the minus" : " is too long; 876000h are the most"));
    }
    return std::chrono::milliseconds(n * known->second);
}

std::string format_duration(std::chrono::milliseconds d) {
    for (auto const& [unit, length] : units) {
        if (d.count() % length == 0 && d.count() != 0) {
            return std::to_string(d.count() / length) + std::string(unit);
        }
    }
    return "0s";
}

balance::result<rate> parse_rate(std::string_view text) {
    rate out;
    auto const slash = std::min(text.find('/'), text.size());
    auto const [end, ec] = std::from_chars(text.data(), text.data() + slash, out.count);
    auto const period = parse_duration(text.substr(std::min(slash + 1, text.size())));
    bool const counted = ec == std::errc{} && end == text.data() + slash && out.count >= 1 && out.count <= 1'000'000;
    if (!counted || !period || *period < std::chrono::milliseconds(1) || *period > std::chrono::hours(24)) {
        return make_error(errc::invalid_configuration,
                          in_quotes(text) + " is no rate; it must be a whole number up to 1000000, a slash and a time up to 24h, like \"300/10s\"");
    }
    out.period = *period;
    return out;
}

balance::result<std::uint8_t> parse_netmask(std::string_view text) {
    auto const a = balance::parse_address(text);
    auto const bits = !a ? -1 : a->is_v4() ? prefix_of(a->to_v4().to_bytes()) : prefix_of(a->to_v6().to_bytes());
    if (bits < 0) {
        return make_error(
            errc::invalid_configuration,
            in_quotes(text) +
                " is not a netmask; it must be a prefix length like 24, or a mask like \"255.255.255.0\"");
    }
    return static_cast<std::uint8_t>(bits);
}

std::string_view nearest(std::string_view word, std::span<std::string_view const> candidates) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(1, std::min<std::size_t>(2, word.size() / 3)) + 1;
    for (auto const& c : candidates) {
        auto const longer = std::max(word.size(), c.size());
        if (longer - std::min(word.size(), c.size()) > 2) {
            continue; // too far apart, and a word of megabytes is not worth a matrix
        }
        if (auto const d = distance(word, c); d < best_distance) {
            best = c;
            best_distance = d;
        }
    }
    return best;
}

std::string one_line(std::string_view text) {
    constexpr std::size_t limit = 1000;
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (char const c : text.substr(0, limit)) {
        auto const byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        } else {
            out += c;
        }
    }
    return text.size() > limit ? out + "…" : out;
}

std::string join(std::span<std::string_view const> words) {
    std::string out;
    for (auto const& w : words) {
        out += out.empty() ? "" : ", ";
        out += w;
    }
    return out;
}

} // namespace dyad::config
