// SPDX-License-Identifier: Apache-2.0
#include "core/proxy_header.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace balance::core {
namespace {

using outcome = proxy_header::outcome;
using namespace std::string_view_literals;
using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

constexpr auto signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr auto word = "PROXY "sv;
constexpr std::size_t longest_line = 107; // with its CR LF
constexpr std::size_t fixed_part = 16;    // of version 2

proxy_header malformed() noexcept { return {outcome::malformed, 0, {}}; }

address unmapped(address_v6 const& a) noexcept {
    return a.is_v4_mapped() ? address(boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, a)) : address(a);
}

// ---- version 1: a line of words ----

/// The next word of a line, which one space ends; the line is what is left.
std::string_view next_word(std::string_view& line) noexcept {
    auto const end = std::min(line.find(' '), line.size());
    auto const out = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return out;
}

std::optional<address> address_of(std::string_view text, bool v6) noexcept {
    std::array<char, 46> terminated{};
    if (text.empty() || text.size() >= terminated.size() || text.find('%') != text.npos || text.find('\0') != text.npos)
        return std::nullopt;
    std::copy(text.begin(), text.end(), terminated.begin());
    boost::system::error_code ec;
    auto const out = v6 ? unmapped(boost::asio::ip::make_address_v6(terminated.data(), ec))
                        : address(boost::asio::ip::make_address_v4(terminated.data(), ec));
    return ec ? std::nullopt : std::optional(out);
}

std::optional<std::uint16_t> port_of(std::string_view text) noexcept {
    std::uint16_t out = 0;
    auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
    bool const leading_zero = text.size() > 1 && text.front() == '0';
    return ec != std::errc() || end != text.data() + text.size() || leading_zero ? std::nullopt : std::optional(out);
}

proxy_header read_line(std::string_view bytes) noexcept {
    auto const seen = bytes.substr(0, longest_line);
    auto const end = seen.find('\n');
    if (end == seen.npos)
        return seen.size() == longest_line ? malformed() : proxy_header{};
    if (seen[end - 1] != '\r')
        return malformed();
    proxy_header out{outcome::complete, end + 1, {}};
    auto line = seen.substr(word.size(), end - 1 - word.size());
    auto const family = next_word(line);
    if (family == "UNKNOWN")
        return out;
    if (family != "TCP4" && family != "TCP6")
        return malformed();
    bool const v6 = family == "TCP6";
    auto const from = address_of(next_word(line), v6);
    auto const to = address_of(next_word(line), v6);
    auto const from_port = port_of(next_word(line));
    auto const to_port = port_of(line);
    if (!from || !to || !from_port || !to_port)
        return malformed();
    out.ends = {{*from, *from_port}, {*to, *to_port}};
    return out;
}

// ---- version 2: bytes ----

std::uint8_t byte(std::string_view bytes, std::size_t at) noexcept { return static_cast<std::uint8_t>(bytes[at]); }

std::uint16_t number(std::string_view bytes, std::size_t at) noexcept {
    return static_cast<std::uint16_t>(byte(bytes, at) << 8 | byte(bytes, at + 1));
}

template <class Address>
Address raw(std::string_view bytes, std::size_t at) noexcept {
    typename Address::bytes_type out;
    std::memcpy(out.data(), bytes.data() + at, out.size());
    return Address(out);
}

proxy_header read_bytes(std::string_view bytes) noexcept {
    if (bytes.size() < fixed_part)
        return {};
    auto const version_and_command = byte(bytes, 12);
    auto const family = byte(bytes, 13);
    std::size_t const size = fixed_part + number(bytes, 14);
    if ((version_and_command != 0x20 && version_and_command != 0x21) || size > proxy_header::longest)
        return malformed();
    if (bytes.size() < size)
        return {};
    proxy_header out{outcome::complete, size, {}};
    if (version_and_command == 0x20) // LOCAL: the rest does not matter
        return out;
    auto const told = bytes.substr(fixed_part, size - fixed_part);
    switch (family) {
    case 0x11:
        if (told.size() < 12)
            return malformed();
        out.ends = {{raw<address_v4>(told, 0), number(told, 8)}, {raw<address_v4>(told, 4), number(told, 10)}};
        return out;
    case 0x21:
        if (told.size() < 36)
            return malformed();
        out.ends = {{unmapped(raw<address_v6>(told, 0)), number(told, 32)}, {unmapped(raw<address_v6>(told, 16)), number(told, 34)}};
        return out;
    case 0x00: // not told
        return out;
    default: // no TCP
        return malformed();
    }
}

// ---- writing ----

address_v6 as_v6(address const& a) noexcept {
    return a.is_v6() ? a.to_v6() : boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, a.to_v4());
}

class appender {
public:
    explicit appender(written_header& to) noexcept : to_(to) {}

    void text(std::string_view t) noexcept {
        std::copy(t.begin(), t.end(), to_.bytes.begin() + static_cast<std::ptrdiff_t>(to_.size));
        to_.size += t.size();
    }
    void decimal(unsigned n) noexcept {
        std::array<char, 10> digits;
        auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
        text({digits.data(), static_cast<std::size_t>(end - digits.data())});
    }
    void hexadecimal(unsigned n) noexcept {
        std::array<char, 8> digits;
        auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), n, 16).ptr;
        text({digits.data(), static_cast<std::size_t>(end - digits.data())});
    }
    void big_endian(unsigned n) noexcept {
        char const two[] = {static_cast<char>(n >> 8 & 0xff), static_cast<char>(n & 0xff)};
        text({two, 2});
    }
    template <class Bytes>
    void raw(Bytes const& bytes) noexcept {
        text({reinterpret_cast<char const*>(bytes.data()), bytes.size()});
    }
    /// Without allocation, and without leaving out zeroes: eight groups are 39 bytes at most.
    void address_text(address const& a, bool v6) noexcept {
        if (!v6) {
            auto const bytes = a.to_v4().to_bytes();
            for (std::size_t i = 0; i < bytes.size(); ++i) {
                text(i == 0 ? ""sv : "."sv);
                decimal(bytes[i]);
            }
            return;
        }
        auto const bytes = as_v6(a).to_bytes();
        for (std::size_t i = 0; i < bytes.size(); i += 2) {
            text(i == 0 ? ""sv : ":"sv);
            hexadecimal(static_cast<unsigned>(bytes[i] << 8 | bytes[i + 1]));
        }
    }

private:
    written_header& to_;
};

} // namespace

proxy_header read_proxy_header(std::string_view bytes) noexcept {
    if (bytes.substr(0, signature.size()) == signature.substr(0, std::min(bytes.size(), signature.size())))
        return bytes.size() < signature.size() ? proxy_header{} : read_bytes(bytes);
    if (bytes.substr(0, word.size()) == word.substr(0, std::min(bytes.size(), word.size())))
        return bytes.size() < word.size() ? proxy_header{} : read_line(bytes);
    return malformed();
}

written_header write_proxy_header(proxy_protocol::version v, proxied_ends const& ends) noexcept {
    written_header out;
    appender to(out);
    auto const& [client, local] = ends;
    bool const v6 = client.address.is_v6() || local.address.is_v6();
    if (v == proxy_protocol::version::v1) {
        to.text(v6 ? "PROXY TCP6 "sv : "PROXY TCP4 "sv);
        to.address_text(client.address, v6);
        to.text(" ");
        to.address_text(local.address, v6);
        to.text(" ");
        to.decimal(client.port);
        to.text(" ");
        to.decimal(local.port);
        to.text("\r\n");
        return out;
    }
    to.text(signature);
    to.text(v6 ? "\x21\x21"sv : "\x21\x11"sv);
    to.big_endian(v6 ? 36 : 12);
    for (auto const* end : {&client, &local})
        v6 ? to.raw(as_v6(end->address).to_bytes()) : to.raw(end->address.to_v4().to_bytes());
    to.big_endian(client.port);
    to.big_endian(local.port);
    return out;
}

std::string_view own_proxy_header(proxy_protocol::version v) noexcept {
    return v == proxy_protocol::version::v1 ? "PROXY UNKNOWN\r\n"sv : "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"sv;
}

} // namespace balance::core
