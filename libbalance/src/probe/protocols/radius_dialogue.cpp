// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/radius_dialogue.hpp"

#include "probe/digest.hpp"
#include "probe/protocols/bytes.hpp"
#include "probe/reason.hpp"

#include <algorithm>

namespace balance::probe {
namespace {

constexpr char access_request = 1, access_accept = 2, access_reject = 3, access_challenge = 11;
constexpr std::uint8_t user_name = 1, user_password = 2, reply_message = 18, nas_identifier = 32, message_authenticator = 80;
constexpr std::size_t radius_head = 20, authenticator_size = 16, longest_radius = 4096;

std::string radius_attribute(std::uint8_t type, std::string_view value) {
    return be_bytes(type, 1) + be_bytes(value.size() + 2, 1) + std::string(value.substr(0, 253));
}

/// RFC 2865 §5.2: 128 bytes at most.
std::string hidden_password(std::string_view password, std::string_view secret, std::string_view authenticator) {
    std::string padded(password.substr(0, 128));
    padded.resize(std::max<std::size_t>((padded.size() + 15) / 16, 1) * 16, '\0');
    std::string out;
    std::string before(authenticator);
    for (std::size_t at = 0; at < padded.size(); at += 16) {
        before = exclusive_or(std::string_view(padded).substr(at, 16), md5(std::string(secret) + before));
        out += before;
    }
    return out;
}

/// The first Reply-Message.
std::string_view said_in(std::string_view attributes) {
    byte_reader from(attributes);
    while (from.ok() && from.left() > 0) {
        auto const type = from.u8();
        auto const size = from.u8();
        auto const value = from.take(size < 2 ? from.left() + 1 : size - 2u);
        if (from.ok() && type == reply_message)
            return value;
    }
    return {};
}

} // namespace

radius_dialogue::radius_dialogue(health_check const& c, std::string_view random)
    : asking(over::datagrams), secret_(c.secret), id_(random.substr(0, 1)), authenticator_(random.substr(1, authenticator_size)) {
    await("answer");
    // The Message-Authenticator comes first, so that nothing can be put before it (CVE-2024-3596).
    std::string const rest = radius_attribute(user_name, c.user) +
                             radius_attribute(user_password, hidden_password(c.password, secret_, authenticator_)) +
                             radius_attribute(nas_identifier, "dyad");
    std::string const head = access_request + id_ + be_bytes(radius_head + 2 + authenticator_size + rest.size(), 2) + authenticator_;
    auto const signature = hmac_md5(secret_, head + radius_attribute(message_authenticator, std::string(authenticator_size, '\0')) + rest);
    say(head + radius_attribute(message_authenticator, signature) + rest);
}

/// RFC 2865 §3: what was not made with our secret is dropped.
std::size_t radius_dialogue::take(std::string_view unread) {
    byte_reader from(unread);
    auto const code = static_cast<char>(from.u8());
    auto const id = from.take(1);
    auto const size = from.be16();
    if (!from.ok() || id != id_ || size < radius_head || size > unread.size() || size > longest_radius)
        return unread.size();
    auto const packet = unread.substr(0, size);
    if (!is_signed(packet)) {
        await("answer made with our secret");
        return unread.size();
    }
    auto const text = said_in(packet.substr(radius_head));
    std::string const said = text.empty() ? "" : ": " + excerpt(text);
    if (code == access_accept)
        up("Access-Accept" + said);
    else if (code == access_reject)
        down("Access-Reject" + said);
    else if (code == access_challenge)
        down("Access-Challenge instead of Access-Accept" + said);
    else
        down("the answer is of code " + std::to_string(static_cast<unsigned char>(code)));
    return unread.size();
}

bool radius_dialogue::is_signed(std::string_view packet) const {
    std::string const bare = std::string(packet.substr(0, 4)) + authenticator_ + std::string(packet.substr(radius_head));
    auto const expected = md5(bare + secret_);
    return expected.size() == authenticator_size && packet.substr(4, authenticator_size) == expected;
}

} // namespace balance::probe
