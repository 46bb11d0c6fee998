// SPDX-License-Identifier: Apache-2.0
#include "core/http_message.hpp"

#include <algorithm>
#include <charconv>

namespace balance::core::http {
namespace {

constexpr std::uint16_t bad_request = 400;
constexpr std::uint16_t expectation_failed = 417;
constexpr std::uint16_t fields_too_large = 431;
constexpr std::uint16_t version_not_supported = 505;

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

constexpr std::array<bool, 256> characters(bool (*in)(unsigned char)) {
    std::array<bool, 256> out{};
    for (unsigned c = 0; c < out.size(); ++c)
        out[c] = in(static_cast<unsigned char>(c));
    return out;
}
constexpr auto token_characters = characters([](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
});
constexpr auto value_characters = characters([](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
constexpr auto target_characters = characters([](unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; });
constexpr auto host_characters = characters([](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("-._~%!$&'()*+,;=:[]").find(static_cast<char>(c)) != std::string_view::npos;
});

bool all_in(std::string_view text, std::array<bool, 256> const& set) noexcept {
    return std::all_of(text.begin(), text.end(), [&](char c) { return set[static_cast<unsigned char>(c)]; });
}

std::string_view trimmed(std::string_view text) noexcept {
    auto const blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && blank(text.back()))
        text.remove_suffix(1);
    return text;
}

/// Takes the line at the front, without its CR and LF; `head_finder` has seen to them.
std::string_view take_line(std::string_view& head) noexcept {
    auto const end = std::min(head.find('\r'), head.size());
    auto const line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    return line;
}

/// Calls `each` for the members of a comma-separated list until it returns false.
template <class Each>
bool for_each_member(std::string_view list, Each each) noexcept {
    while (true) {
        auto const comma = list.find(',');
        if (auto const member = trimmed(list.substr(0, comma)); !member.empty() && !each(member))
            return false;
        if (comma == list.npos)
            return true;
        list.remove_prefix(comma + 1);
    }
}

/// "HTTP/1.0" or "HTTP/1.1". 0, or the status to refuse it with.
std::uint16_t read_version(std::string_view text, unsigned& minor) noexcept {
    constexpr std::string_view name = "HTTP/";
    if (text.size() != name.size() + 3 || !text.starts_with(name) || !is_digit(text[5]) || text[6] != '.' ||
        !is_digit(text[7]))
        return bad_request;
    if (text[5] != '1' || text[7] > '1')
        return version_not_supported;
    minor = static_cast<unsigned>(text[7] - '0');
    return 0;
}

std::optional<std::uint64_t> read_length(std::string_view text) noexcept {
    constexpr std::size_t most_digits = 18;
    std::uint64_t out = 0;
    if (text.empty() || text.size() > most_digits || !std::all_of(text.begin(), text.end(), is_digit))
        return std::nullopt;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
}

/// What the fields say of the connection and of the body.
class field_reader {
public:
    field_reader(message_facts& m, field_list& fields, bool of_request)
        : m_(m), fields_(fields), of_request_(of_request) {}

    /// The lines between the first and the empty one. 0 or a status.
    std::uint16_t read(std::string_view lines) noexcept {
        while (true) {
            auto const line = take_line(lines);
            if (line.empty())
                return check();
            if (auto const status = read_line(line); status != 0)
                return status;
        }
    }
    [[nodiscard]] bool has_encoding() const noexcept { return encodings_ != 0; }
    [[nodiscard]] bool has_length() const noexcept { return length_.has_value(); }
    [[nodiscard]] std::uint64_t length() const noexcept { return length_.value_or(0); }
    [[nodiscard]] unsigned hosts() const noexcept { return hosts_; }
    [[nodiscard]] std::string_view host() const noexcept { return host_; }
    [[nodiscard]] std::string_view expect() const noexcept { return expect_; }

private:
    std::uint16_t read_line(std::string_view line) noexcept {
        auto const colon = line.find(':');
        if (colon == line.npos)
            return bad_request; // a folded line, too
        field const f{line.substr(0, colon), trimmed(line.substr(colon + 1))};
        if (!is_token(f.name) || !is_field_value(f.value))
            return bad_request;
        if (!fields_.add(f))
            return fields_too_large;
        return understand(f);
    }

    std::uint16_t understand(field const& f) noexcept {
        if (same(f.name, "content-length"))
            return take_length(f.value);
        if (same(f.name, "transfer-encoding"))
            return ++encodings_ == 1 && same(f.value, "chunked") && m_.minor == 1 ? 0 : bad_request;
        if (same(f.name, "connection"))
            return take_connection(f.value);
        if (same(f.name, "upgrade"))
            upgrades_ = true;
        else if (of_request_ && same(f.name, "host")) {
            ++hosts_;
            host_ = f.value;
        } else if (of_request_ && same(f.name, "expect"))
            expect_ = f.value;
        return 0;
    }

    std::uint16_t take_length(std::string_view value) noexcept {
        auto const n = read_length(value);
        bool const again = length_.has_value();
        if (!n || (again && (of_request_ || *n != *length_)))
            return bad_request;
        length_ = n;
        return 0;
    }

    std::uint16_t take_connection(std::string_view value) noexcept {
        bool const good = for_each_member(value, [this](std::string_view option) {
            if (same(option, "close"))
                m_.close = true;
            else if (same(option, "keep-alive"))
                m_.keep_alive = true;
            else if (same(option, "upgrade"))
                asks_upgrade_ = true;
            else
                m_.drops_named = true;
            // Whoever has these removed changes what the message is.
            return is_token(option) && !same(option, "content-length") && !same(option, "transfer-encoding") &&
                   !same(option, "host");
        });
        return good ? 0 : bad_request;
    }

    std::uint16_t check() noexcept {
        m_.upgrade = asks_upgrade_ && upgrades_;
        return 0;
    }

    message_facts& m_;
    field_list& fields_;
    bool of_request_;
    unsigned encodings_ = 0;
    unsigned hosts_ = 0;
    bool upgrades_ = false;
    bool asks_upgrade_ = false;
    std::optional<std::uint64_t> length_;
    std::string_view host_;
    std::string_view expect_;
};

/// Takes an absolute target apart. False when it is of no form that a server is asked in.
bool read_target(request& r) noexcept {
    if (r.target.empty() || !all_in(r.target, target_characters))
        return false;
    if (r.target == "*")
        return r.method == "OPTIONS";
    if (r.target.front() == '/')
        return true;
    for (std::string_view const scheme : {"http://", "https://"}) {
        if (r.target.size() <= scheme.size() || !same(r.target.substr(0, scheme.size()), scheme))
            continue;
        auto const rest = r.target.substr(scheme.size());
        auto const slash = rest.find('/');
        r.host = rest.substr(0, slash);
        r.host_in_target = true;
        if (slash == rest.npos && rest.find('?') != rest.npos)
            return false; // a query without a path: nobody writes that in good faith
        r.target = slash == rest.npos ? std::string_view("/") : rest.substr(slash);
        return !r.host.empty() && r.host.find('@') == r.host.npos;
    }
    return false;
}

bool is_host(std::string_view text) noexcept {
    constexpr std::size_t most = 255 + 6; // a name and a port
    if (text.empty() || text.size() > most || !all_in(text, host_characters))
        return false;
    auto const bracket = text.front() == '[' ? text.find(']') : text.npos;
    if (text.front() == '[' && bracket == text.npos)
        return false;
    auto const after = bracket == text.npos ? text : text.substr(bracket + 1);
    if (bracket != text.npos && !after.empty() && after.front() != ':')
        return false;
    auto const colon = after.find(':');
    if (colon == after.npos)
        return after.find_first_of("[]") == after.npos;
    auto const port = after.substr(colon + 1);
    return port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit) &&
           (bracket != text.npos || (colon > 0 && after.substr(0, colon).find_first_of("[]") == after.npos));
}

std::uint16_t take_host(request& r, unsigned hosts, std::string_view host) noexcept {
    if (hosts > 1 || (hosts == 0 && r.minor == 1) || (hosts == 1 && !host.empty() && !is_host(host)))
        return bad_request;
    if (hosts == 1 && host.empty() && !r.host_in_target && r.minor == 1)
        return bad_request;
    if (r.host_in_target)
        return is_host(r.host) && (hosts == 0 || same(host, r.host)) ? 0 : bad_request;
    r.host = host;
    return 0;
}

} // namespace

bool same(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token(std::string_view text) noexcept { return !text.empty() && all_in(text, token_characters); }
bool is_field_value(std::string_view text) noexcept { return all_in(text, value_characters); }

field const* find(field_list const& fields, std::string_view name) noexcept {
    auto const all = fields.all();
    auto const found = std::find_if(all.begin(), all.end(), [&](field const& f) { return same(f.name, name); });
    return found == all.end() ? nullptr : &*found;
}

bool named_by_connection(field_list const& fields, std::string_view name) noexcept {
    auto const all = fields.all();
    return std::any_of(all.begin(), all.end(), [&](field const& f) {
        return same(f.name, "connection") &&
               !for_each_member(f.value, [&](std::string_view option) { return !same(option, name); });
    });
}

std::string_view cookie_value(field_list const& fields, std::string_view name) noexcept {
    std::string_view out;
    for (auto const& f : fields.all()) {
        if (same(f.name, "cookie"))
            for_each_cookie(f.value, [&](std::string_view, std::string_view n, std::string_view value) {
                if (n == name)
                    out = value;
                return out.empty();
            });
        if (!out.empty())
            break;
    }
    return out;
}

std::string_view set_cookie_value(field_list const& fields, std::string_view name) noexcept {
    std::string_view out;
    for (auto const& f : fields.all())
        if (same(f.name, "set-cookie"))
            for_each_cookie(f.value, [&](std::string_view, std::string_view n, std::string_view value) {
                if (n == name)
                    out = value;
                return false; // what follows are attributes
            });
    return out;
}

std::uint64_t cookie_number(field_list const& fields, std::string_view name) noexcept {
    constexpr std::size_t digits = 16;
    std::uint64_t out = 0;
    bool found = false;
    for (auto const& f : fields.all()) {
        if (!same(f.name, "cookie"))
            continue;
        for_each_cookie(f.value, [&](std::string_view, std::string_view n, std::string_view value) {
            found = n == name;
            if (found && value.size() == digits &&
                std::from_chars(value.data(), value.data() + digits, out, 16).ptr != value.data() + digits)
                out = 0;
            return !found;
        });
        if (found)
            break;
    }
    return out;
}

bool is_idempotent(std::string_view method) noexcept {
    for (std::string_view const m : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
        if (method == m)
            return true;
    return false;
}

head_finder::outcome head_finder::look(std::string_view bytes) noexcept {
    while (!complete_) {
        auto const lf = bytes.find('\n', seen_);
        if (lf == bytes.npos) {
            seen_ = bytes.size();
            return outcome::incomplete;
        }
        seen_ = lf + 1;
        // A line's only CR is the one before its LF; an LF alone ends nothing.
        if (lf == line_ || bytes.find('\r', line_) != lf - 1)
            return outcome::malformed;
        bool const empty = lf == line_ + 1;
        bool const first = line_ == begin_;
        line_ = lf + 1;
        complete_ = empty && !first;
        if (empty && first)
            begin_ = line_;
    }
    return outcome::complete;
}

std::uint16_t parse(std::string_view head, request& out) noexcept {
    out.reset();
    auto const line = take_line(head);
    auto const first = line.find(' ');
    auto const last = line.rfind(' ');
    if (first == line.npos || first == last)
        return bad_request;
    out.method = line.substr(0, first);
    out.target = line.substr(first + 1, last - first - 1);
    if (!is_token(out.method))
        return bad_request;
    if (auto const status = read_version(line.substr(last + 1), out.minor); status != 0)
        return status;
    if (out.method == "CONNECT" || !read_target(out))
        return bad_request;
    field_reader fields(out, out.fields, true);
    if (auto const status = fields.read(head); status != 0)
        return status;
    if (auto const status = take_host(out, fields.hosts(), fields.host()); status != 0)
        return status;
    if (fields.has_encoding() && fields.has_length())
        return bad_request;
    if (fields.has_encoding())
        out.framing = framing::chunked;
    else if (fields.length() > 0)
        out.framing = framing::counted;
    out.length = fields.length();
    if (!fields.expect().empty()) {
        if (!same(fields.expect(), "100-continue"))
            return expectation_failed;
        out.expects_continue = true;
    }
    return 0;
}

bool parse(std::string_view head, bool to_head, response& out) noexcept {
    out.reset();
    auto const line = take_line(head);
    constexpr std::size_t version = 8; // "HTTP/1.1"
    constexpr std::size_t code = version + 4;
    if (line.size() < code || read_version(line.substr(0, version), out.minor) != 0 || line[version] != ' ' ||
        (line.size() > code && line[code] != ' '))
        return false;
    auto const digits = line.substr(version + 1, 3);
    out.reason = line.size() > code ? line.substr(code + 1) : std::string_view();
    if (!std::all_of(digits.begin(), digits.end(), is_digit) || digits < std::string_view("100") ||
        digits > std::string_view("599") || !is_field_value(out.reason))
        return false;
    std::from_chars(digits.data(), digits.data() + digits.size(), out.status);
    field_reader fields(out, out.fields, false);
    if (fields.read(head) != 0)
        return false;
    bool const bodiless = to_head || out.status < 200 || out.status == 204 || out.status == 304;
    if (bodiless)
        out.framing = framing::none;
    else if (fields.has_encoding())
        out.framing = framing::chunked;
    else if (fields.has_length())
        out.framing = fields.length() > 0 ? framing::counted : framing::none;
    else
        out.framing = framing::to_the_end;
    out.length = fields.length();
    out.close = out.close || (fields.has_encoding() && fields.has_length()); // RFC 9112 6.3: maybe an attack
    return true;
}

} // namespace balance::core::http
