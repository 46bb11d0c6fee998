// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/sip_dialogue.hpp"

#include "probe/digest.hpp"
#include "probe/reason.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace balance::probe {
namespace {

constexpr std::size_t longest_head_of_sip = 16 * 1024;

bool is_datagram(health_check const& c) { return !c.tcp && !c.tls; }

std::string sip_uri(health_check const& c, endpoint const& target) {
    std::string const host = target.address.is_v6() ? "[" + target.address.to_string() + "]" : target.address.to_string();
    return c.query.empty() ? "sip:" + host + ":" + std::to_string(target.port) : c.query;
}

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool starts_with_word(std::string_view line, std::string_view word) {
    return line.size() >= word.size() &&
           std::equal(word.begin(), word.end(), line.begin(), [](char a, char b) { return small(a) == small(b); });
}

/// The value of the field, whose name may be its letter alone (RFC 3261 §7.3.3).
std::optional<std::string_view> field(std::string_view head, std::string_view name, std::string_view letter) {
    while (!head.empty()) {
        auto const line = head.substr(0, head.find("\r\n"));
        head.remove_prefix(std::min(head.size(), line.size() + 2));
        auto const colon = line.find(':');
        auto called = line.substr(0, colon);
        called = called.substr(0, called.find_last_not_of(" \t") + 1);
        if (colon == line.npos || !((called.size() == name.size() && starts_with_word(called, name)) ||
                                    (called.size() == letter.size() && starts_with_word(called, letter))))
            continue;
        auto value = line.substr(colon + 1);
        value.remove_prefix(std::min(value.size(), value.find_first_not_of(" \t")));
        return value.substr(0, value.find_last_not_of(" \t") + 1);
    }
    return std::nullopt;
}

} // namespace

sip_dialogue::sip_dialogue(health_check const& c, endpoint const& target, std::string_view nonce)
    : asking(is_datagram(c) ? over::datagrams : over::stream), datagrams_(is_datagram(c)), call_(hex(nonce) + "@dyad.invalid") {
    await("answer to OPTIONS");
    std::string const uri = sip_uri(c, target);
    std::string const tag = hex(nonce.substr(0, 8));
    say("OPTIONS " + uri + " SIP/2.0\r\nVia: SIP/2.0/" + (c.tls ? "TLS" : c.tcp ? "TCP" : "UDP") +
        " dyad.invalid;branch=z9hG4bK" + tag + ";rport\r\nMax-Forwards: 70\r\nFrom: <sip:dyad@dyad.invalid>;tag=" + tag +
        "\r\nTo: <" + uri + ">\r\nCall-ID: " + call_ +
        "\r\nCSeq: 1 OPTIONS\r\nContact: <sip:dyad@dyad.invalid>\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n");
}

std::size_t sip_dialogue::take(std::string_view unread) {
    auto const end = unread.find("\r\n\r\n");
    if (std::min(end, unread.size()) > longest_head_of_sip) {
        down("the answer to OPTIONS is longer than " + std::to_string(longest_head_of_sip) + " bytes");
        return unread.size();
    }
    if (end == unread.npos)
        return 0;
    take_head(unread.substr(0, end));
    return end + 4;
}

/// A provisional answer (1xx) says that another follows.
void sip_dialogue::take_head(std::string_view head) {
    auto const line = head.substr(0, head.find("\r\n"));
    unsigned status = 0;
    auto const words = line.substr(std::min<std::size_t>(8, line.size()));
    auto const [end, ec] = std::from_chars(words.data(), words.data() + words.size(), status);
    bool const is_status = starts_with_word(line, "SIP/2.0 ") && ec == std::errc{} && end == words.data() + 3;
    auto const of = field(head.substr(line.size()), "Call-ID", "i");
    if (!is_status || of != call_) {
        if (!datagrams_)
            down("the answer to OPTIONS is not SIP, or not ours: " + excerpt(line));
        return;
    }
    if (status < 200)
        return;
    status < 300 ? up("OPTIONS was answered with " + excerpt(words)) : down("OPTIONS was answered with " + excerpt(words));
}

} // namespace balance::probe
