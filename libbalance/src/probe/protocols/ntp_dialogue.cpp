// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/ntp_dialogue.hpp"

#include "probe/protocols/bytes.hpp"
#include "probe/reason.hpp"

namespace balance::probe {
namespace {

constexpr std::size_t ntp_size = 48, stamp_size = 8; // RFC 5905 §7.3
constexpr char client_of_version_4 = 4 << 3 | 3;
constexpr unsigned server_mode = 4, not_synchronised = 3, worst_stratum = 15;

} // namespace

ntp_dialogue::ntp_dialogue(std::string_view random) : asking(over::datagrams), cookie_(random.substr(0, stamp_size)) {
    await("answer");
    say(client_of_version_4 + std::string(ntp_size - 1 - stamp_size, '\0') + cookie_);
}

std::size_t ntp_dialogue::take(std::string_view unread) {
    byte_reader from(unread);
    unsigned const first = from.u8();
    unsigned const stratum = from.u8();
    from.take(10);
    auto const reference = from.take(4);
    from.take(8);
    auto const origin = from.take(stamp_size);
    from.take(stamp_size);
    auto const sent = from.take(stamp_size);
    if (!from.ok() || (first & 7u) != server_mode || origin != cookie_)
        return unread.size(); // late, or forged
    bool const has_code = !reference.empty() && reference[0] >= 'A' && reference[0] <= 'Z';
    if (stratum == 0 && has_code) // RFC 5905 §7.4
        down("the server sends us away: " + excerpt(reference));
    else if (first >> 6 == not_synchronised || stratum == 0 || stratum > worst_stratum)
        down("the server's clock is not synchronised");
    else if (sent == std::string(stamp_size, '\0'))
        down("the server tells no time");
    else
        up("a clock of stratum " + std::to_string(stratum));
    return unread.size();
}

} // namespace balance::probe
