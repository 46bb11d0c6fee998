// SPDX-License-Identifier: Apache-2.0
// Whatever stands in Cookie and Set-Cookie: found by name, ours taken out and everything else left as it was. Lines of the input
// are fields.
#include "core/http_forward.hpp"
#include "fuzz/insist.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace http = balance::core::http;
using fuzz::insist;

constexpr std::string_view own = "SERVERID";
constexpr std::size_t digits = 16;

std::string without_blanks(std::string text) {
    auto const blank = [](char c) { return c == ' ' || c == '\t'; };
    text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
    text.erase(std::find_if_not(text.rbegin(), text.rend(), blank).base(), text.end());
    return text;
}

/// The pairs of all fields of that name, read the plain way.
std::vector<std::string> pairs_in(http::field_list const& fields, std::string_view field) {
    std::vector<std::string> out;
    for (auto const& f : fields.all()) {
        if (!http::same(f.name, field))
            continue;
        std::string pair;
        for (char const c : std::string(f.value) + ";")
            if (c != ';') {
                pair += c;
            } else {
                if (auto const p = without_blanks(pair); !p.empty())
                    out.push_back(p);
                pair.clear();
            }
    }
    return out;
}

bool is_of(std::string const& pair, std::string_view name) {
    return pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=';
}

std::uint64_t number_in(std::string const& pair) {
    auto const value = pair.substr(own.size() + 1);
    constexpr std::string_view hex = "0123456789abcdefABCDEF";
    if (value.size() != digits || value.find_first_not_of(hex) != value.npos)
        return 0;
    return std::stoull(value, nullptr, 16);
}

void check_reading(http::field_list const& fields) {
    std::uint64_t number = 0;
    std::string value;
    bool found = false;
    for (auto const& pair : pairs_in(fields, "cookie")) {
        if (!is_of(pair, own))
            continue;
        if (!std::exchange(found, true))
            number = number_in(pair);
        if (value.empty())
            value = pair.substr(own.size() + 1);
    }
    insist(http::cookie_number(fields, own) == number);
    insist(http::cookie_value(fields, own) == value);
}

std::string printed(http::request const& r, http::onward_request const& how) {
    std::array<char, 1 << 15> space;
    http::writer out(space);
    http::write(out, r, how);
    insist(!out.overflow());
    return {space.data(), out.size()};
}

void check_taking_out(http::request const& r) {
    auto const head = printed(r, {.own_cookie = own});
    http::request again;
    insist(http::parse(head, again) == 0);
    auto wanted = pairs_in(r.fields, "cookie");
    std::erase_if(wanted, [](auto const& pair) { return is_of(pair, own); });
    insist(pairs_in(again.fields, "cookie") == wanted);
    insist(http::cookie_number(again.fields, own) == 0 && http::cookie_value(again.fields, own).empty());
    insist(printed(again, {.own_cookie = own}) == head);
}

/// What we set is what we find when it comes back.
void check_setting(std::uint64_t number) {
    http::response r;
    insist(http::parse("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, r));
    std::array<char, 1024> space;
    http::writer out(space);
    http::write(out, r, {.cookie = own, .cookie_number = number});
    http::response got;
    insist(http::parse({space.data(), out.size()}, false, got));
    auto const value = http::set_cookie_value(got.fields, own);
    auto const head = "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b; " + std::string(own) + "=" + std::string(value) + "\r\n\r\n";
    http::request next;
    insist(http::parse(head, next) == 0);
    insist(http::cookie_number(next.fields, own) == number);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    constexpr std::size_t most = 8192;
    constexpr std::size_t most_fields = 50;
    if (size > most)
        return 0;
    std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    std::string set = "HTTP/1.1 200 OK\r\n";
    std::string_view rest(reinterpret_cast<char const*>(data), size);
    std::uint64_t number = 0;
    for (std::size_t n = 0; !rest.empty() && n < most_fields; ++n) {
        auto const line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (!http::is_field_value(line))
            continue;
        head.append("Cookie: ").append(line).append("\r\n");
        set.append("Set-Cookie: ").append(line).append("\r\n");
        for (char const c : line)
            number = number * 31 + static_cast<unsigned char>(c);
    }
    head += "\r\n";
    http::request r;
    insist(http::parse(head, r) == 0);
    check_reading(r.fields);
    check_taking_out(r);
    check_setting(number);
    http::response answer;
    set += "\r\n";
    insist(http::parse(set, false, answer));
    auto const value = http::set_cookie_value(answer.fields, own);
    insist(value.find(';') == value.npos && value.size() <= size);
    return 0;
}
