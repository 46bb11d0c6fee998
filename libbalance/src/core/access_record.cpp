// SPDX-License-Identifier: Apache-2.0
#include "core/access_record.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace balance::core {
namespace {

/// A name has 64 bytes.
constexpr std::size_t longest_name = 256;

/// Appends as long as there is room.
class line {
public:
    explicit line(std::span<char> out) : out_(out) {}

    void text(std::string_view words) noexcept {
        auto const n = std::min(words.size(), out_.size() - size_);
        std::copy_n(words.begin(), n, out_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += n;
    }
    void character(char c) noexcept { text({&c, 1}); }

    void number(std::uint64_t n, int base = 10) noexcept {
        std::array<char, 24> digits;
        auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), n, base).ptr;
        text({digits.data(), static_cast<std::size_t>(end - digits.data())});
    }
    void padded(std::uint64_t n, std::uint64_t least) noexcept {
        for (; least > 1 && n < least; least /= 10)
            character('0');
        number(n);
    }

    /// `most` bytes between the quotes.
    void quoted(std::string_view words, std::size_t most) noexcept {
        constexpr std::string_view digits = "0123456789abcdef";
        character('"');
        bool whole = true;
        for (char const c : words) {
            auto const byte = static_cast<unsigned char>(c);
            bool const plain = byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\';
            std::size_t const needs = plain ? 1 : 4;
            if (needs > most) {
                whole = false;
                break;
            }
            most -= needs;
            if (plain) {
                character(c);
            } else {
                text("\\x");
                character(digits[byte >> 4]);
                character(digits[byte & 15]);
            }
        }
        text(whole ? "\"" : "\"...");
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::span<char> out_;
    std::size_t size_ = 0;
};

/// RFC 3339, in UTC.
void put(line& out, std::chrono::system_clock::time_point at) noexcept {
    using namespace std::chrono;
    auto const whole = floor<milliseconds>(at);
    auto const day = floor<days>(whole);
    year_month_day const date(day);
    hh_mm_ss const time(whole - day);
    out.padded(static_cast<std::uint64_t>(std::max(int{date.year()}, 0)), 1000);
    out.character('-');
    out.padded(unsigned{date.month()}, 10);
    out.character('-');
    out.padded(unsigned{date.day()}, 10);
    out.character('T');
    out.padded(static_cast<std::uint64_t>(time.hours().count()), 10);
    out.character(':');
    out.padded(static_cast<std::uint64_t>(time.minutes().count()), 10);
    out.character(':');
    out.padded(static_cast<std::uint64_t>(time.seconds().count()), 10);
    out.character('.');
    out.padded(static_cast<std::uint64_t>(time.subseconds().count()), 100);
    out.character('Z');
}

/// RFC 5952, 4: the longest run of two zeros and more is left out, the first of several.
void put(line& out, boost::asio::ip::address_v6::bytes_type const& bytes) noexcept {
    std::array<unsigned, 8> groups;
    for (std::size_t i = 0; i < groups.size(); ++i)
        groups[i] = unsigned{bytes[2 * i]} << 8 | bytes[2 * i + 1];
    std::size_t begin = 0;
    std::size_t longest = 1;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        auto const end = std::find_if(groups.begin() + static_cast<std::ptrdiff_t>(i), groups.end(), [](unsigned g) { return g != 0; });
        auto const run = static_cast<std::size_t>(end - groups.begin()) - i;
        if (run > longest) {
            begin = i;
            longest = run;
        }
    }
    bool const shortened = longest > 1;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (shortened && i == begin) {
            out.text("::");
            i += longest - 1;
            continue;
        }
        if (i != 0 && !(shortened && i == begin + longest))
            out.character(':');
        out.number(groups[i], 16);
    }
}

/// Without allocating, which to_string() does.
void put(line& out, endpoint const& e) noexcept {
    if (e.address.is_v4()) {
        auto const bytes = e.address.to_v4().to_bytes();
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            if (i != 0)
                out.character('.');
            out.number(bytes[i]);
        }
    } else {
        out.character('[');
        put(out, e.address.to_v6().to_bytes());
        out.character(']');
    }
    out.character(':');
    out.number(e.port);
}

/// In milliseconds.
void put(line& out, std::string_view name, access_record::length const& l) noexcept {
    out.text(name);
    if (!l)
        return out.character('-');
    auto const us = static_cast<std::uint64_t>(std::max<std::int64_t>(l->count(), 0));
    out.number(us / 1000);
    out.character('.');
    out.padded(us % 1000, 100);
}

void put_request(line& out, access_record const& r) noexcept {
    out.text(" method=");
    out.quoted(r.method, longest_method);
    out.text(" host=");
    out.quoted(r.host, longest_host);
    out.text(" path=");
    out.quoted(r.target, longest_target);
    out.text(" status=");
    if (r.status != 0)
        out.number(r.status);
    else
        out.character('-');
}

} // namespace

std::string_view words_of(ending e) noexcept {
    switch (e) {
    case ending::answered: return "answered";
    case ending::own_answer: return "answered by the balancer";
    case ending::refused: return "request was refused";
    case ending::over_limit: return "client had more than its share";
    case ending::no_header: return "no PROXY header came";
    case ending::no_server: return "no server was available";
    case ending::no_room: return "no server had room in time";
    case ending::unreachable: return "no server could be connected";
    case ending::bad_answer: return "server's answer was not understood";
    case ending::server_broke: return "server broke off";
    case ending::server_late: return "server was too slow";
    case ending::client_late: return "client was too slow";
    case ending::client_broke: return "client broke off";
    case ending::client_closed: return "client closed";
    case ending::server_closed: return "server closed";
    case ending::idle: return "nothing was said for too long";
    case ending::taken_out: return "server was taken out of service";
    case ending::cut: return "balancer cut it";
    }
    return {};
}

std::size_t write(std::span<char, longest_record> out, access_record const& r) noexcept {
    line l(out);
    put(l, r.at);
    l.text(" client=");
    put(l, r.client);
    l.text(" service=");
    l.quoted(r.service, longest_name);
    l.text(" server=");
    if (r.server.empty())
        l.character('-');
    else
        l.quoted(r.server, longest_name);
    if (r.http)
        put_request(l, r);
    l.text(" in=");
    l.number(r.in);
    l.text(" out=");
    l.number(r.out);
    put(l, " queue=", r.queue);
    put(l, " connect=", r.connect);
    if (r.http)
        put(l, " answer=", r.answer);
    put(l, " total=", r.total);
    l.text(" ended=\"");
    l.text(words_of(r.why));
    l.text("\"\n");
    return l.size();
}

std::size_t write_dropped(std::span<char, longest_record> out, std::chrono::system_clock::time_point at,
                          std::uint64_t count) noexcept {
    line l(out);
    put(l, at);
    l.text(" dropped=");
    l.number(count);
    l.character('\n');
    return l.size();
}

} // namespace balance::core
