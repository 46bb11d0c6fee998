// SPDX-License-Identifier: Apache-2.0
// Whatever servers of mail, names, directories, databases, time and telephones answer to a health check: bounded, and the same in
// whatever pieces it arrives over a stream. The first byte of the input says which protocol, the second how large the pieces are;
// the rest is what the server says, one message after the other as far as the dialogue gets.
#include "core/check_traits.hpp"
#include "core/dns_question.hpp"
#include "probe/protocols/make_dialogue.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using balance::health_check;
using kind = health_check::kind;

constexpr std::array protocols{kind::smtp, kind::imap,  kind::pop3,       kind::ftp,    kind::redis, kind::ldap,
                               kind::dns,  kind::mysql, kind::postgresql, kind::radius, kind::sip,   kind::ntp};

void insist(bool ok) {
    if (!ok)
        std::abort();
}

health_check check_for(std::uint8_t choice) {
    health_check c;
    c.type = protocols[choice % protocols.size()];
    bool const more = choice / protocols.size() % 2 != 0;
    if (more || c.type == kind::mysql || c.type == kind::postgresql || c.type == kind::radius)
        c.user = "user", c.password = "password", c.secret = "secret";
    c.query = c.type == kind::dns ? "a.example" : c.type == kind::redis && more ? "GET x" : "";
    c.tcp = more && balance::core::traits_of(c.type).tcp_instead;
    c.tls = choice / protocols.size() / 2 % 2 != 0 && balance::core::traits_of(c.type).tls != balance::core::check_traits::need::no;
    return c;
}

balance::probe::finding_out talk(health_check const& c, std::string_view bytes, std::size_t piece) {
    auto const d = balance::probe::make_dialogue(c, {balance::address{}, 1}, "0123456789abcdefgh");
    std::size_t said = 0;
    auto const listen = [&] {
        auto const out = d->to_send();
        insist(out.size() < 4096 && d->shown(out).size() < 4096);
        said += out.size();
    };
    listen();
    for (std::size_t at = 0; at < bytes.size() && !d->outcome(); at += piece) {
        d->received(bytes.substr(at, piece));
        listen();
        if (d->wants_tls() && !d->outcome()) {
            d->secured();
            listen();
        }
        insist(!d->waiting_for().empty());
    }
    d->closed();
    insist(d->outcome().has_value());
    insist(!d->outcome()->reason.empty() && d->outcome()->reason.size() < 600);
    insist(said < 1024 * 1024);
    insist(d->outcome()->success || !d->outcome()->answer);
    return *d->outcome();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 2)
        return 0;
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 2, size - 2);
    auto const c = check_for(data[0]);
    auto const whole = talk(c, bytes, std::max<std::size_t>(bytes.size(), 1));
    bool const stream = !balance::core::is_over_udp(c);
    if (stream && !c.tls) { // what comes before TLS and must not is known by the piece it is in
        auto const pieces = talk(c, bytes, 1 + data[1] % 32u); // reasons quote what has come so far
        insist(pieces.success == whole.success && pieces.answer == whole.answer);
    }
    if (auto const q = balance::core::parse_dns_question(bytes))
        insist(q->name.size() <= 253);
    return 0;
}
