// SPDX-License-Identifier: Apache-2.0
#include "core/check_traits.hpp"
#include "probe/connect_probe.hpp"
#include "probe/datagram_probe.hpp"
#include "probe/dialogue_probe.hpp"
#include "probe/dicom_dialogue.hpp"
#include "probe/digest.hpp"
#include "probe/environment.hpp"
#include "probe/external_probe.hpp"
#include "probe/hl7_dialogue.hpp"
#include "probe/http_probe.hpp"
#include "probe/https_probe.hpp"
#include "probe/ping_probe.hpp"
#include "probe/probe.hpp"
#include "probe/protocols/make_dialogue.hpp"
#include "probe/unread_secret.hpp"
#include "probe/tls_probe.hpp"

namespace balance::probe {
namespace {

probe_maker prepare_http(environment& env, order const& o) {
    auto question = std::make_shared<http_question const>(o);
    if (o.check.type == health_check::kind::http)
        return [&env, line = env.line(), question] { return std::make_shared<http_probe>(env, line, question); };
    return [&env, shared = std::make_shared<order const>(o), question] {
        return std::make_shared<https_probe>(env, shared, question);
    };
}

/// `make_dialogue(check)` makes what speaks, for each check anew.
template <class Make>
probe_maker prepare_dialogue(environment& env, order const& o, Make make_dialogue) {
    return [&env, shared = std::make_shared<order const>(o), make_dialogue] {
        tls_contexts* const tls = shared->check.tls ? &env.tls() : nullptr;
        return std::make_shared<dialogue_probe>(env.executor(), shared, make_dialogue(shared->check), tls);
    };
}

/// The protocols that ask a server for something, with what its operator expects of the answer.
probe_maker prepare_asking(environment& env, order const& o) {
    auto expected = o.check.expect == expectation{} ? nullptr : std::make_shared<verdict const>(o.check.expect);
    return [&env, shared = std::make_shared<order const>(o), expected]() -> std::shared_ptr<probe> {
        auto speaks = make_dialogue(shared->check, shared->target, random_bytes(dialogue_randomness));
        if (core::is_over_udp(shared->check))
            return std::make_shared<datagram_probe>(env.executor(), shared, std::move(speaks), expected);
        tls_contexts* const tls = shared->check.tls ? &env.tls() : nullptr;
        return std::make_shared<dialogue_probe>(env.executor(), shared, std::move(speaks), tls, expected);
    };
}

probe_maker prepare_external(environment& env, order const& o) {
    return [&env, shared = std::make_shared<order const>(o)] {
        auto probe = std::make_shared<external_probe>(env.executor(), shared);
        probe->on_gone([slots = env.programs()] { slots->give_back(); });
        return probe;
    };
}

} // namespace

probe_maker prepare_connect(environment& env, endpoint const& target) {
    return [&env, line = env.line(), target] { return std::make_shared<connect_probe>(env, line, target); };
}

probe_maker prepare(environment& env, order const& o) {
    using kind = health_check::kind;
    if (auto const file = missing_secret(o.check); !file.empty())
        return [&env, file] { return std::make_shared<unread_secret>(env.executor(), file); };
    switch (o.check.type) {
    case kind::connect:
        return prepare_connect(env, o.target);
    case kind::ping:
        return [&env, target = o.target.address] {
            return std::make_shared<ping_probe>(env.executor(), env.ping(target.is_v6()), target);
        };
    case kind::http:
    case kind::https:
        return prepare_http(env, o);
    case kind::tls:
        return [&env, shared = std::make_shared<order const>(o)] {
            return std::make_shared<tls_probe>(env.executor(), shared, env.tls());
        };
    case kind::dicom:
        return prepare_dialogue(env, o, [](health_check const& c) {
            return std::make_unique<dicom_dialogue>(c.calling_ae, c.called_ae, core::parse_dicom_key(c.query));
        });
    case kind::hl7:
        return prepare_dialogue(env, o, [](health_check const& c) { return std::make_unique<hl7_dialogue>(c.message); });
    case kind::smtp:
    case kind::imap:
    case kind::pop3:
    case kind::ftp:
    case kind::redis:
    case kind::ldap:
    case kind::dns:
    case kind::mysql:
    case kind::postgresql:
    case kind::radius:
    case kind::sip:
    case kind::ntp:
        return prepare_asking(env, o);
    case kind::external:
        return prepare_external(env, o);
    case kind::on:
    case kind::off:
        break;
    }
    return {};
}

} // namespace balance::probe
