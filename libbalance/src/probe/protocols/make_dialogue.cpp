// SPDX-License-Identifier: Apache-2.0
#include "probe/protocols/make_dialogue.hpp"

#include "probe/protocols/dns_dialogue.hpp"
#include "probe/protocols/ldap_dialogue.hpp"
#include "probe/protocols/line_dialogue.hpp"
#include "probe/protocols/mysql_dialogue.hpp"
#include "probe/protocols/ntp_dialogue.hpp"
#include "probe/protocols/postgresql_dialogue.hpp"
#include "probe/protocols/radius_dialogue.hpp"
#include "probe/protocols/redis_dialogue.hpp"
#include "probe/protocols/sip_dialogue.hpp"

namespace balance::probe {

std::unique_ptr<dialogue> make_dialogue(health_check const& c, endpoint const& target, std::string_view random) {
    switch (c.type) {
    case health_check::kind::smtp:
        return make_smtp(c);
    case health_check::kind::imap:
        return make_imap(c);
    case health_check::kind::pop3:
        return make_pop3(c);
    case health_check::kind::ftp:
        return make_ftp(c);
    case health_check::kind::redis:
        return std::make_unique<redis_dialogue>(c);
    case health_check::kind::ldap:
        return std::make_unique<ldap_dialogue>(c);
    case health_check::kind::dns:
        return std::make_unique<dns_dialogue>(c, random);
    case health_check::kind::mysql:
        return std::make_unique<mysql_dialogue>(c);
    case health_check::kind::postgresql:
        return std::make_unique<postgresql_dialogue>(c, random);
    case health_check::kind::radius:
        return std::make_unique<radius_dialogue>(c, random);
    case health_check::kind::sip:
        return std::make_unique<sip_dialogue>(c, target, random);
    case health_check::kind::ntp:
        return std::make_unique<ntp_dialogue>(random);
    default:
        return nullptr;
    }
}

} // namespace balance::probe
