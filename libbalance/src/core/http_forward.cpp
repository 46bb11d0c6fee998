// SPDX-License-Identifier: Apache-2.0
#include "core/http_forward.hpp"

#include "core/forwarded_client.hpp"
#include "core/http_route.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <utility>

namespace balance::core::http {
namespace {

constexpr std::string_view crlf = "\r\n";

void put(writer& out, std::string_view name, std::string_view value) noexcept {
    out << name << ": " << value << crlf;
}

/// A field of this connection alone. An upgrade concerns both, and is said anew.
template <class Facts>
bool is_of_connection(head<Facts> const& m, field const& f) noexcept {
    for (std::string_view const name :
         {"connection", "keep-alive", "proxy-connection", "te", "upgrade", "http2-settings", "proxy-authenticate",
          "proxy-authorization"})
        if (same(f.name, name))
            return true;
    return m.drops_named && named_by_connection(m.fields, f.name);
}

/// Some servers make one variable of fields that differ in case, and in "_" for "-".
bool same_variable(std::string_view a, std::string_view b) noexcept {
    auto const folded = [](char c) { return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return folded(x) == folded(y); });
}

/// Fields that only we may say. What a client says in X-Forwarded-For may stay, in front of what we add, and in Forwarded as
/// long as it cannot swallow that.
bool is_ours_to_say(field const& f, onward_request const& how) noexcept {
    return same_variable(f.name, "x-forwarded-proto") ||
           (same(f.name, "forwarded") && (!how.keeps_forwarded || !is_whole_forwarded(f.value))) ||
           (same_variable(f.name, "x-forwarded-for") && (how.only_client || f.name.find('_') != f.name.npos));
}

/// Does a rule take the place of this field?
bool is_replaced(field const& f, std::span<header_rule const> rules) noexcept {
    return std::any_of(rules.begin(), rules.end(), [&](header_rule const& r) {
        return r.what != header_rule::kind::add && same_variable(f.name, r.name);
    });
}

/// Fields are left out by their name before rules are asked what to put.
void put_rules(writer& out, std::span<header_rule const> rules) noexcept {
    for (auto r = rules.begin(); r != rules.end(); ++r) {
        bool const undone = std::any_of(std::next(r), rules.end(), [&](header_rule const& later) {
            return later.what != header_rule::kind::add && same(later.name, r->name);
        });
        if (r->what != header_rule::kind::remove && !undone)
            put(out, r->name, r->value);
    }
}

void put_upgrade(writer& out, field_list const& fields) noexcept {
    put(out, "Connection", "upgrade");
    put(out, "Upgrade", find(fields, "upgrade")->value);
}

/// A Cookie field without ours; left out when nothing else is in it.
void put_cookies(writer& out, field const& f, std::string_view own) noexcept {
    bool first = true;
    for_each_cookie(f.value, [&](std::string_view pair, std::string_view name, std::string_view) {
        if (name != own && !pair.empty()) {
            out << (first ? f.name : std::string_view("")) << (first ? ": " : "; ") << pair;
            first = false;
        }
        return true;
    });
    out << (first ? std::string_view() : crlf);
}

void put_own_cookie(writer& out, std::string_view name, std::uint64_t number, bool secure) noexcept {
    std::array<char, 16> digits;
    for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, number >>= 4)
        *digit = "0123456789abcdef"[number & 0xf];
    out << "Set-Cookie: " << name << "=" << std::string_view(digits.data(), digits.size())
        << (secure ? "; Path=/; Secure" : "; Path=/")
        << "; HttpOnly; SameSite=Lax\r\n";
}

/// RFC 7239 6: an IPv6 address stands in brackets, and these in quotes.
void put_forwarded(writer& out, std::string_view client, bool secure) noexcept {
    bool const v6 = client.find(':') != client.npos;
    out << "Forwarded: for=" << (v6 ? "\"[" : "") << client << (v6 ? "]\"" : "") << (secure ? ";proto=https\r\n" : ";proto=http\r\n");
}

void put_hsts(writer& out, std::chrono::seconds age) noexcept {
    std::array<char, 20> digits;
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), age.count()).ptr;
    out << "Strict-Transport-Security: max-age=" << std::string_view(digits.data(), end) << crlf;
}

std::string_view text_of(std::uint16_t status) noexcept {
    switch (status) {
    case 301:
        return "Moved Permanently";
    case 302:
        return "Found";
    case 303:
        return "See Other";
    case 307:
        return "Temporary Redirect";
    case 308:
        return "Permanent Redirect";
    case 413:
        return "Content Too Large";
    case 400:
        return "Bad Request";
    case 408:
        return "Request Timeout";
    case 414:
        return "URI Too Long";
    case 417:
        return "Expectation Failed";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Error";
    }
}

constexpr std::string_view unavailable_page = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Service unavailable</title>
<style>
body { font-family: sans-serif; margin: 15vh auto; max-width: 34rem; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; }
</style>
</head>
<body>
<h1>This service is unavailable at the moment</h1>
<p>None of the servers behind this address can answer. Please try again in a few minutes; if this page stays, tell the
people who look after the service.</p>
</body>
</html>
)";

std::string page_of(std::uint16_t status, std::string const& title) {
    return status == 503 ? std::string(unavailable_page)
                         : "<!DOCTYPE html>\n<html lang=\"en\"><head><title>" + title + "</title></head><body><h1>" + title +
                               "</h1></body></html>\n";
}

} // namespace

bool offers_h2c(field_list const& fields) noexcept {
    auto const all = fields.all();
    return std::any_of(all.begin(), all.end(), [](field const& f) {
        if (!same(f.name, "upgrade"))
            return false;
        for (auto rest = f.value; rest.size() >= 3; rest.remove_prefix(1))
            if (same(rest.substr(0, 3), "h2c"))
                return true;
        return false;
    });
}

bool asks_upgrade(request const& r) noexcept {
    // HTTP/2 would hide all that follows from us.
    return r.upgrade && r.framing == framing::none && !offers_h2c(r.fields);
}

void write(writer& out, request const& r, onward_request const& how) noexcept {
    out << r.method << " " << r.target << (r.minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    bool const own_host = r.host_in_target && !is_replaced({"Host", {}}, how.rules);
    if (own_host)
        put(out, "Host", r.host);
    for (auto const& f : r.fields.all())
        if (is_replaced(f, how.rules))
            continue;
        else if (!how.own_cookie.empty() && same(f.name, "cookie"))
            put_cookies(out, f, how.own_cookie);
        else if (!is_of_connection(r, f) && !(r.host_in_target && same(f.name, "host")) && !is_ours_to_say(f, how))
            put(out, f.name, f.value);
    if (!how.forwarded_for.empty() && !is_replaced({"X-Forwarded-For", {}}, how.rules))
        put(out, "X-Forwarded-For", how.forwarded_for);
    if (!how.forwarded.empty() && !is_replaced({"Forwarded", {}}, how.rules))
        put_forwarded(out, how.forwarded, how.secure);
    if (how.secure && !is_replaced({"X-Forwarded-Proto", {}}, how.rules))
        put(out, "X-Forwarded-Proto", "https");
    put_rules(out, how.rules);
    if (asks_upgrade(r))
        put_upgrade(out, r.fields);
    else if (how.close)
        put(out, "Connection", "close");
    out << crlf;
}

void write(writer& out, response const& r, onward_response const& how) noexcept {
    // A length beside chunks, or of a body that cannot be, is not passed on.
    bool const no_body_at_all = r.status < 200 || r.status == 204;
    bool const no_length = r.framing == framing::chunked || no_body_at_all;
    char const status[3] = {static_cast<char>('0' + r.status / 100), static_cast<char>('0' + r.status / 10 % 10),
                            static_cast<char>('0' + r.status % 10)};
    out << "HTTP/1.1 " << std::string_view(status, 3) << " " << r.reason << crlf;
    bool const hsts = how.hsts.count() > 0 && !is_replaced({"Strict-Transport-Security", {}}, how.rules);
    bool length_told = false;
    for (auto const& f : r.fields.all()) {
        bool const length = same(f.name, "content-length");
        if (is_replaced(f, how.rules) || (hsts && same(f.name, "strict-transport-security")) || is_of_connection(r, f) || (no_body_at_all && same(f.name, "transfer-encoding")) || (length && (no_length || std::exchange(length_told, true))))
            continue;
        put(out, f.name, f.value);
    }
    if (!how.cookie.empty() && (r.status >= 200 || r.status == 101))
        put_own_cookie(out, how.cookie, how.cookie_number, how.secure);
    if (!how.cookie.empty() && r.status >= 200 && !is_replaced({"Cache-Control", {}}, how.rules))
        put(out, "Cache-Control", "private"); // no cache may hand the cookie to others
    if (r.status >= 200 || r.status == 101) {
        if (hsts)
            put_hsts(out, how.hsts);
        put_rules(out, how.rules);
    }
    if (r.status == 101 && r.upgrade)
        put_upgrade(out, r.fields);
    else if (r.status >= 200 && how.close)
        put(out, "Connection", "close");
    else if (r.status >= 200 && how.client_minor == 0)
        put(out, "Connection", "keep-alive");
    out << crlf;
}

namespace {

/// `more`: further fields, each with its line's end.
std::string whole_response(std::uint16_t status, std::string const& more, bool to_head) {
    auto const title = std::to_string(status) + " " + std::string(text_of(status));
    auto const body = page_of(status, title);
    return "HTTP/1.1 " + title + "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nCache-Control: no-store\r\n" + more + "Connection: close\r\n\r\n" + (to_head ? std::string() : body);
}

} // namespace

std::string own_response(std::uint16_t status, bool to_head) {
    return whole_response(status, status == 503 ? "Retry-After: 10\r\n" : "", to_head);
}

std::string too_many_requests(std::chrono::seconds wait, bool to_head) {
    auto const after = std::max(wait, std::chrono::seconds(1)).count();
    return whole_response(429, "Retry-After: " + std::to_string(after) + "\r\n", to_head);
}

std::string redirect(std::uint16_t status, std::uint16_t port, request const& r) {
    auto const name = host_of(r.host);
    if (name.empty() || r.target == "*")
        return {};
    return "HTTP/1.1 " + std::to_string(status) + " " + std::string(text_of(status)) + "\r\nLocation: https://" + std::string(name) +
           (port == 443 ? std::string() : ":" + std::to_string(port)) + std::string(r.target) +
           "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

} // namespace balance::core::http
