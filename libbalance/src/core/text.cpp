// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <array>
#include <charconv>
#include <utility>

namespace balance {
namespace {

template <class Enum, std::size_t N>
using words = std::array<std::pair<std::string_view, Enum>, N>;

constexpr words<mode, 6> mode_words{{{"dr", mode::dr},
                                     {"nat", mode::nat},
                                     {"snat", mode::snat},
                                     {"tun", mode::tun},
                                     {"tcp", mode::tcp},
                                     {"http", mode::http}}};
constexpr words<protocol, 4> protocol_words{
    {{"tcp", protocol::tcp}, {"udp", protocol::udp}, {"tcp_udp", protocol::tcp_udp}, {"sctp", protocol::sctp}}};
constexpr words<tunnel::kind, 3> tunnel_words{
    {{"ipip", tunnel::kind::ipip}, {"gue", tunnel::kind::gue}, {"gre", tunnel::kind::gre}}};
constexpr words<tunnel::checksum, 3> checksum_words{
    {{"none", tunnel::checksum::none}, {"full", tunnel::checksum::full}, {"remote", tunnel::checksum::remote}}};
constexpr words<persistence::kind, 5> persistence_words{{{"none", persistence::kind::none},
                                                         {"source_ip", persistence::kind::source_ip},
                                                         {"http_cookie", persistence::kind::http_cookie},
                                                         {"app_cookie", persistence::kind::app_cookie},
                                                         {"last_successful", persistence::kind::last_successful}}};
constexpr words<health_check::kind, 22> check_words{{{"connect", health_check::kind::connect},
                                                    {"ping", health_check::kind::ping},
                                                    {"http", health_check::kind::http},
                                                    {"https", health_check::kind::https},
                                                    {"tls", health_check::kind::tls},
                                                    {"dicom", health_check::kind::dicom},
                                                    {"hl7", health_check::kind::hl7},
                                                    {"smtp", health_check::kind::smtp},
                                                    {"imap", health_check::kind::imap},
                                                    {"pop3", health_check::kind::pop3},
                                                    {"ftp", health_check::kind::ftp},
                                                    {"redis", health_check::kind::redis},
                                                    {"ldap", health_check::kind::ldap},
                                                    {"dns", health_check::kind::dns},
                                                    {"mysql", health_check::kind::mysql},
                                                    {"postgresql", health_check::kind::postgresql},
                                                    {"radius", health_check::kind::radius},
                                                    {"sip", health_check::kind::sip},
                                                    {"ntp", health_check::kind::ntp},
                                                    {"external", health_check::kind::external},
                                                    {"on", health_check::kind::on},
                                                    {"off", health_check::kind::off}}};
constexpr words<admin_state, 3> admin_words{
    {{"online", admin_state::online}, {"drain", admin_state::drain}, {"halt", admin_state::halt}}};
constexpr words<health, 3> health_words{{{"unknown", health::unknown}, {"up", health::up}, {"down", health::down}}};

template <class Enum, std::size_t N>
std::string_view word_of(words<Enum, N> const& table, Enum value) noexcept {
    for (auto const& [word, v] : table) {
        if (v == value) {
            return word;
        }
    }
    return "?";
}

template <class Enum, std::size_t N>
result<Enum> value_of(words<Enum, N> const& table, std::string_view word, std::string_view what) {
    for (auto const& [known, value] : table) {
        if (known == word) {
            return value;
        }
    }
    std::string list;
    for (std::size_t i = 0; i < N; ++i) {
        list += i == 0 ? "" : i + 1 == N ? " or " : ", ";
        list += table[i].first;
    }
    return make_error(errc::invalid_configuration,
                      in_quotes(word) + " is not a " + std::string(what) + "; it must be " + list);
}

constexpr std::string_view port_range_rule = "ports are whole numbers from 1 to 65535";

result<std::uint16_t> parse_port(std::string_view text) {
    std::uint32_t n = 0;
    auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (text.empty() || ec == std::errc::invalid_argument || end != text.data() + text.size()) {
        return make_error(errc::invalid_configuration,
                          in_quotes(text) + " is not a port; " + std::string(port_range_rule));
    }
    if (ec != std::errc{} || n == 0 || n > 65535) {
        return make_error(errc::invalid_configuration, "port " + std::string(text.substr(0, 20)) + " does not exist; " +
                                                           std::string(port_range_rule));
    }
    return static_cast<std::uint16_t>(n);
}

} // namespace

std::string in_quotes(std::string_view text) {
    constexpr std::size_t limit = 60;
    constexpr char digits[] = "0123456789abcdef";
    auto cut = text.size() > limit ? limit : text.size();
    while (cut > 0 && cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) {
        --cut; // not in the middle of a UTF-8 character
    }
    std::string out = "\"";
    for (char const c : text.substr(0, cut)) {
        auto const byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
            out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        } else {
            out += c;
        }
    }
    out += cut < text.size() ? "…\"" : "\"";
    return out;
}

std::string_view to_string(mode m) noexcept { return word_of(mode_words, m); }
std::string_view to_string(protocol p) noexcept { return word_of(protocol_words, p); }
std::string_view to_string(tunnel::kind k) noexcept { return word_of(tunnel_words, k); }
std::string_view to_string(tunnel::checksum c) noexcept { return word_of(checksum_words, c); }
std::string_view to_string(persistence::kind k) noexcept { return word_of(persistence_words, k); }
std::string_view to_string(health_check::kind k) noexcept { return word_of(check_words, k); }
std::string_view to_string(admin_state s) noexcept { return word_of(admin_words, s); }
std::string_view to_string(health h) noexcept { return word_of(health_words, h); }

std::string to_string(port_range r) {
    if (r.first == 1 && r.last == 65535) {
        return "*";
    }
    return r.first == r.last ? std::to_string(r.first) : std::to_string(r.first) + '-' + std::to_string(r.last);
}

std::string to_string(endpoint const& e) {
    std::string out;
    if (e.address.is_v6()) {
        out = '[' + e.address.to_string() + "]:";
    } else { // as address::to_string, which asks printf: a first apply says ten thousand of them
        for (unsigned const byte : e.address.to_v4().to_bytes()) {
            out += std::to_string(byte) + '.';
        }
        out.back() = ':';
    }
    return out + std::to_string(e.port);
}

result<mode> parse_mode(std::string_view word) { return value_of(mode_words, word, "mode"); }
result<protocol> parse_protocol(std::string_view word) { return value_of(protocol_words, word, "protocol"); }
result<tunnel::kind> parse_tunnel(std::string_view word) { return value_of(tunnel_words, word, "tunnel type"); }
result<tunnel::checksum> parse_checksum(std::string_view word) { return value_of(checksum_words, word, "checksum"); }
result<persistence::kind> parse_persistence(std::string_view word) {
    return value_of(persistence_words, word, "persistence mode");
}
result<health_check::kind> parse_check(std::string_view word) { return value_of(check_words, word, "check type"); }
result<admin_state> parse_admin_state(std::string_view word) { return value_of(admin_words, word, "server state"); }

result<port_range> parse_ports(std::string_view text) {
    if (text == "*") {
        return port_range{1, 65535};
    }
    auto const dash = text.find('-', 1); // a leading one is a minus: no port
    auto const first = parse_port(text.substr(0, dash));
    if (!first) {
        return first.error();
    }
    if (dash == std::string_view::npos) {
        return port_range{*first, *first};
    }
    auto const last = parse_port(text.substr(dash + 1));
    if (!last) {
        return last.error();
    }
    if (*last < *first) {
        return make_error(errc::invalid_configuration, "port range " + in_quotes(text) +
                                                           " ends before it begins; it must be \"" +
                                                           std::to_string(*last) + '-' + std::to_string(*first) + '"');
    }
    return port_range{*first, *last};
}

result<address> parse_address(std::string_view text) {
    auto const wrong = [text](std::string_view rule) {
        return make_error(errc::invalid_configuration, in_quotes(text) + " is not an IP address" + std::string(rule));
    };
    if (text.find('%') != std::string_view::npos) {
        return wrong(" that can be used here; leave out the interface after \"%\"");
    }
    boost::system::error_code ec;
    std::string const whole(text.substr(0, 64));
    auto const a = text.find(':') == std::string_view::npos ? address(boost::asio::ip::make_address_v4(whole, ec))
                                                            : address(boost::asio::ip::make_address_v6(whole, ec));
    if (ec || text.size() > 64 || text.find('\0') != std::string_view::npos) {
        return wrong("; it must look like 192.0.2.1 or 2001:db8::1");
    }
    if (a.is_v6() && a.to_v6().is_v4_mapped()) {
        auto const v4 = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, a.to_v6());
        return wrong(" that can be used here; write it as " + v4.to_string());
    }
    return a;
}

result<endpoint> parse_endpoint(std::string_view text) {
    auto const wrong =
        make_error(errc::invalid_configuration,
                   in_quotes(text) + " is not an address and port; it must look like 192.0.2.1:80 or [2001:db8::1]:80");
    auto const colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
        return wrong;
    }
    auto host = text.substr(0, colon);
    bool const brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (brackets) {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return wrong;
    }
    auto const a = parse_address(host);
    if (!a) {
        return a.error();
    }
    if (a->is_v6() != brackets) {
        return wrong;
    }
    auto const port = parse_port(text.substr(colon + 1));
    if (!port) {
        return port.error();
    }
    return endpoint{*a, *port};
}

} // namespace balance
