// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/dns_dialogue.hpp"

#include "probe/protocols/bytes.hpp"
#include "probe/reason.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace balance::probe {
namespace {

constexpr std::uint16_t internet = 1;
constexpr std::size_t dns_head = 12;
constexpr unsigned answer_bit = 0x8000, cut_bit = 0x0200, recursion_desired = 0x0100;

std::string encoded_name(std::string_view name) {
    std::string out;
    while (!name.empty()) {
        auto const label = name.substr(0, name.find('.'));
        out.append(be_bytes(label.size(), 1)).append(label);
        name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    return out + '\0';
}

/// The name at `at`, which then is behind it, in lower case. Pointers lead backwards only (RFC 1035 §4.1.4), so this ends.
std::optional<std::string> read_name(std::string_view message, std::size_t& at) {
    std::string out;
    auto place = at;
    auto bound = at; // pointers must lead before this
    bool jumped = false;
    while (place < message.size()) {
        auto const size = static_cast<unsigned char>(message[place]);
        if (size >= 0xc0) {
            if (place + 1 >= message.size())
                return std::nullopt;
            auto const to = (size & 0x3fu) << 8 | static_cast<unsigned char>(message[place + 1]);
            if (!jumped)
                at = place + 2;
            if (to >= bound)
                return std::nullopt;
            jumped = true;
            place = bound = to;
            continue;
        }
        if (size == 0) {
            if (!jumped)
                at = place + 1;
            return out;
        }
        if (size > 63 || place + 1 + size > message.size() || out.size() > 255)
            return std::nullopt;
        out.append(out.empty() ? "" : ".").append(message.substr(place + 1, size));
        place += 1 + size;
    }
    return std::nullopt;
}

std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return text;
}

template <class Address>
std::string address_text(std::string_view data) {
    typename Address::bytes_type bytes{};
    if (data.size() != bytes.size())
        return {};
    std::copy(data.begin(), data.end(), bytes.begin());
    return Address(bytes).to_string();
}

/// What a record says; empty when it cannot be read. `at`: where its data begin in the message.
std::string record_text(std::string_view message, std::uint16_t type, std::size_t at, std::size_t size) {
    auto const data = message.substr(at, size);
    byte_reader from(data);
    std::string out;
    switch (type) {
    case 1:
        return address_text<boost::asio::ip::address_v4>(data);
    case 28:
        return address_text<boost::asio::ip::address_v6>(data);
    case 33: // RFC 2782: priority, weight, port
        out = std::to_string(from.be16()) + " ";
        out += std::to_string(from.be16()) + " ";
        [[fallthrough]];
    case 15:
        out += std::to_string(from.be16()) + " ";
        [[fallthrough]];
    case 2:
    case 5:
    case 6:
    case 12: {
        auto place = at + from.at();
        auto const name = read_name(message, place);
        return from.ok() && name ? out + lower_case(*name) : "";
    }
    case 16:
        while (from.ok() && from.left() > 0)
            out += from.take(from.u8());
        return from.ok() ? out : "";
    default:
        return "(" + std::to_string(size) + " bytes)";
    }
}

std::string name_of_code(unsigned code) { // RFC 1035 §4.1.1
    constexpr std::array<std::string_view, 6> names{"no error",       "FORMERR (format error)",   "SERVFAIL (server failure)",
                                                    "NXDOMAIN (no such name)", "NOTIMP (not implemented)", "REFUSED"};
    return code < names.size() ? std::string(names[code]) : "code " + std::to_string(code);
}

} // namespace

dns_dialogue::dns_dialogue(health_check const& c, std::string_view id)
    : asking(c.tcp ? over::stream : over::datagrams), framed_(c.tcp), id_(id.substr(0, 2)),
      question_(core::parse_dns_question(c.query).value_or(core::dns_question{})) {
    await("answer");
    std::string const message = id_ + be_bytes(recursion_desired, 2) + be_bytes(1, 2) + be_bytes(0, 6) +
                                encoded_name(question_.name) + be_bytes(question_.type, 2) + be_bytes(internet, 2);
    say((framed_ ? be_bytes(message.size(), 2) : "") + message);
}

std::size_t dns_dialogue::take(std::string_view unread) {
    if (!framed_) {
        take_message(unread);
        return unread.size();
    }
    byte_reader from(unread);
    auto const message = from.take(from.be16());
    if (!from.ok())
        return 0;
    take_message(message);
    return from.at();
}

/// What answers another question is nobody's: it may be late, or forged.
void dns_dialogue::take_message(std::string_view message) {
    byte_reader from(message);
    auto const id = from.take(2);
    unsigned const flags = from.be16();
    auto const questions = from.be16();
    unsigned const answers = from.be16();
    if (message.size() < dns_head || id != id_ || (flags & answer_bit) == 0)
        return framed_ ? down("the answer is to no question of ours") : void();
    if (unsigned const code = flags & 15u; code != 0)
        return down("the answer is " + name_of_code(code));
    auto at = dns_head;
    auto const name = read_name(message, at);
    if (questions != 1 || !name || lower_case(*name) != question_.name || message.size() < at + 4 ||
        byte_reader(message.substr(at)).be16() != question_.type)
        return framed_ ? down("the answer is to another question") : void();
    if ((flags & cut_bit) != 0 && answers == 0)
        return down("the answer does not fit into a datagram; say tcp = true");
    take_answers(message, at + 4, answers);
}

void dns_dialogue::take_answers(std::string_view message, std::size_t at, unsigned count) {
    std::string all;
    bool found = false;
    for (unsigned i = 0; i < count; ++i) {
        auto const owner = read_name(message, at);
        byte_reader from(message.substr(std::min(at, message.size())));
        auto const type = from.be16();
        from.take(6); // class and time to live
        auto const size = from.be16();
        auto const place = at + from.at();
        from.take(size);
        at += from.at();
        auto const text = owner && from.ok() ? record_text(message, type, place, size) : "";
        if (text.empty() && !(owner && from.ok() && type == 16))
            return down("the answer cannot be read");
        found = found || type == question_.type;
        all.append(all.empty() ? "" : "\n").append(text);
        if (all.size() > longest_message)
            return down("the answer is longer than " + std::to_string(longest_message) + " bytes");
    }
    if (!found)
        return down("the answer has no record of type " + core::dns_type_name(question_.type));
    up(core::dns_type_name(question_.type) + " of " + excerpt(question_.name) + " is " + excerpt(all), all);
}

} // namespace balance::probe
