// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/ldap_dialogue.hpp"

#include "probe/protocols/bytes.hpp"
#include "probe/reason.hpp"

#include <array>
#include <optional>
#include <utility>

namespace balance::probe {
namespace {

// Tags of BER (X.690), of RFC 4511 §4.2 and §4.5.
constexpr unsigned char ber_boolean = 0x01, ber_integer = 0x02, ber_octets = 0x04, ber_enumerated = 0x0a, ber_sequence = 0x30;
constexpr unsigned char bind_request = 0x60, bind_answer = 0x61, unbind_request = 0x42, simple_password = 0x80;
constexpr unsigned char search_request = 0x63, search_entry = 0x64, search_done = 0x65, filter_present = 0x87;
constexpr unsigned char extended_answer = 0x78;

std::string ber(unsigned char tag, std::string_view content) {
    std::string out(1, static_cast<char>(tag));
    if (content.size() < 128)
        out += be_bytes(content.size(), 1);
    else
        out += "\x82" + be_bytes(content.size(), 2);
    return out.append(content);
}

std::string ber_number(unsigned char tag, unsigned char n) { return ber(tag, std::string(1, static_cast<char>(n))); }

std::string ldap_message(unsigned char id, std::string const& operation) {
    return ber(ber_sequence, ber_number(ber_integer, id) + operation);
}

/// A tag and what it holds.
struct ber_value {
    std::uint8_t tag = 0;
    std::string_view content;
};

/// Four bytes at most; of one that nobody needs, more than may come.
std::uint64_t read_ber_length(byte_reader& from) {
    std::uint64_t const first = from.u8();
    if (first < 0x80)
        return first;
    return first == 0x80 || first > 0x84 ? asking::longest_message + 1 : from.greatest_first(first & 0x7f);
}

/// Not `ok` afterwards when it is not all there.
ber_value read_ber(byte_reader& from) {
    auto const tag = from.u8();
    return {tag, from.take(read_ber_length(from))};
}

std::string_view name_of_result(std::uint64_t code) { // RFC 4511 §4.1.9
    constexpr std::array<std::pair<std::uint64_t, std::string_view>, 13> names{{{1, "operationsError"},
                                                                               {2, "protocolError"},
                                                                               {3, "timeLimitExceeded"},
                                                                               {8, "strongerAuthRequired"},
                                                                               {13, "confidentialityRequired"},
                                                                               {32, "noSuchObject"},
                                                                               {34, "invalidDNSyntax"},
                                                                               {48, "inappropriateAuthentication"},
                                                                               {49, "invalidCredentials"},
                                                                               {50, "insufficientAccessRights"},
                                                                               {51, "busy"},
                                                                               {52, "unavailable"},
                                                                               {53, "unwillingToPerform"}}};
    for (auto const& [value, name] : names)
        if (value == code)
            return name;
    return "refused";
}

} // namespace

ldap_dialogue::ldap_dialogue(health_check const& c) : base_(c.query) {
    await("answer to bind");
    auto const request = [&](std::string_view password) {
        return ldap_message(1, ber(bind_request, ber_number(ber_integer, 3) + ber(ber_octets, c.user) +
                                                     ber(simple_password, password)));
    };
    say(request(c.password), c.password.empty() ? "" : request("(hidden)"));
}

std::size_t ldap_dialogue::take(std::string_view unread) {
    byte_reader from(unread);
    auto const tag = from.u8();
    if (tag != ber_sequence) {
        down("the " + std::string(waiting_for()) + " is not LDAP: " + excerpt(unread));
        return unread.size();
    }
    auto const size = read_ber_length(from);
    if (!from.ok())
        return 0;
    if (size > longest_message) {
        down("the " + std::string(waiting_for()) + " is longer than " + std::to_string(longest_message) + " bytes");
        return unread.size();
    }
    auto const content = from.take(size);
    if (!from.ok())
        return 0;
    take_message(content);
    return from.at();
}

void ldap_dialogue::take_message(std::string_view content) {
    byte_reader from(content);
    auto const id = read_ber(from);
    auto const operation = read_ber(from);
    std::string const awaited(waiting_for());
    if (!from.ok() || id.tag != ber_integer || id.content.size() != 1)
        return down("the " + awaited + " cannot be read");
    if (operation.tag == extended_answer && id.content[0] == 0) { // RFC 4511 §4.4.1
        if (judge_result(operation.content))
            down("the server gives notice of disconnection");
        return;
    }
    if (id.content[0] != (is_bound_ ? 2 : 1))
        return down("the " + awaited + " belongs to another request");
    if (!is_bound_)
        operation.tag == bind_answer ? bound(operation.content) : down("the " + awaited + " cannot be read");
    else if (operation.tag == search_entry)
        take_entry(operation.content);
    else if (operation.tag == search_done)
        searched(operation.content);
}

bool ldap_dialogue::judge_result(std::string_view content) {
    byte_reader from(content);
    auto const code = read_ber(from);
    read_ber(from); // the part of a DN that was found
    auto const text = read_ber(from);
    if (!from.ok() || code.tag != ber_enumerated || code.content.empty() || code.content.size() > 4) {
        down("the " + std::string(waiting_for()) + " cannot be read");
        return false;
    }
    auto const number = byte_reader(code.content).greatest_first(code.content.size());
    if (number == 0)
        return true;
    down("the " + std::string(waiting_for()) + " is " + std::to_string(number) + ", " + std::string(name_of_result(number)) +
         (text.content.empty() ? "" : ": " + excerpt(text.content)));
    return false;
}

void ldap_dialogue::bound(std::string_view content) {
    if (!judge_result(content))
        return;
    is_bound_ = true;
    await("answer to search");
    std::string const body = ber(ber_octets, base_) + ber_number(ber_enumerated, 0) + ber_number(ber_enumerated, 0) +
                             ber_number(ber_integer, 0) + ber_number(ber_integer, 0) + ber_number(ber_boolean, 0) +
                             ber(filter_present, "objectClass") + ber(ber_sequence, "");
    say(ldap_message(2, ber(search_request, body)));
}

void ldap_dialogue::take_entry(std::string_view content) {
    byte_reader from(content);
    auto const dn = read_ber(from);
    byte_reader attributes(read_ber(from).content);
    found_ = true;
    entry_.append("dn: ").append(dn.content).append("\n");
    while (attributes.ok() && attributes.left() > 0) {
        byte_reader attribute(read_ber(attributes).content);
        auto const name = read_ber(attribute).content;
        byte_reader values(read_ber(attribute).content);
        while (values.ok() && values.left() > 0) {
            auto const value = read_ber(values).content;
            if (values.ok())
                entry_.append(name).append(": ").append(value).append("\n");
        }
        if (!attribute.ok() || !values.ok())
            return down("the entry cannot be read");
    }
    if (!from.ok() || !attributes.ok())
        down("the entry cannot be read");
}

void ldap_dialogue::searched(std::string_view content) {
    if (!judge_result(content))
        return;
    std::string const what = base_.empty() ? "the root entry" : "the entry " + excerpt(base_);
    if (!found_)
        return down(what + " is not shown to who binds like this");
    up(what + " is there", std::exchange(entry_, {}), ldap_message(3, std::string{unbind_request, '\0'}));
}

} // namespace balance::probe
