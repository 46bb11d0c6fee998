// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <cstdint>

namespace balance::core {

/// What a kind of check takes and does.
struct check_traits {
    enum class need : std::uint8_t { no, may, must };

    bool port = false;        ///< goes to one
    bool datagrams = false;   ///< UDP, where nothing else is said
    bool tcp_instead = false; ///< `tcp` is a choice
    need tls = need::no;      ///< must: is TLS
    need account = need::no;  ///< `user` and `password`
    need query = need::no;
    bool database = false;
    bool secret = false;      ///< has one, and cannot do without
    bool answer = false;      ///< `expect` may ask for equals, contains, regex
    bool late_tls = false;    ///< TLS begins in the middle of the dialogue
};

[[nodiscard]] constexpr check_traits traits_of(health_check::kind k) noexcept {
    using kind = health_check::kind;
    using enum check_traits::need;
    switch (k) {
    case kind::connect:
        return {.port = true};
    case kind::http:
        return {.port = true, .account = may};
    case kind::https:
        return {.port = true, .tls = must, .account = may};
    case kind::tls:
        return {.port = true, .tls = must};
    case kind::dicom:
        return {.port = true, .tls = may, .query = may};
    case kind::hl7:
        return {.port = true, .tls = may};
    case kind::smtp:
    case kind::imap:
    case kind::pop3:
    case kind::ftp:
        return {.port = true, .tls = may, .account = may};
    case kind::redis:
    case kind::ldap:
        return {.port = true, .tls = may, .account = may, .query = may, .answer = true};
    case kind::dns:
        return {.port = true, .datagrams = true, .tcp_instead = true, .query = must, .answer = true};
    case kind::mysql:
    case kind::postgresql:
        return {.port = true, .tls = may, .account = must, .query = may, .database = true, .answer = true, .late_tls = true};
    case kind::radius:
        return {.port = true, .datagrams = true, .account = must, .secret = true};
    case kind::sip:
        return {.port = true, .datagrams = true, .tcp_instead = true, .tls = may, .query = may};
    case kind::ntp:
        return {.port = true, .datagrams = true};
    case kind::ping:
    case kind::external:
    case kind::on:
    case kind::off:
        break;
    }
    return {};
}

/// Whether this check speaks UDP.
[[nodiscard]] constexpr bool is_over_udp(health_check const& c) noexcept {
    return traits_of(c.type).datagrams && !c.tcp && !c.tls;
}

} // namespace balance::core
