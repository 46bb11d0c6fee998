// SPDX-License-Identifier: Apache-2.0
#include "core/check_traits.hpp"
#include "core/dicom_key.hpp"
#include "core/dns_question.hpp"
#include "core/validate_rules.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <tuple>

namespace balance::rules {
namespace {

using kind = health_check::kind;
using need = core::check_traits::need;

bool is_web(kind k) { return k == kind::http || k == kind::https; }

/// A file of the node's own: { "check", key }.
void check_secret_file(std::string const& name, std::string const& inline_value, char const* key, char const* inline_key, report& r) {
    if (!name.empty() && (name.find('/') != name.npos || name.front() == '.' || has_space(name))) {
        r.wrong({"check", key}, std::string(key) + " is the name of a file in secrets/ beside cluster.toml; it must have no slash and "
                                                   "no spaces, and not begin with a dot");
    }
    if (!name.empty() && !inline_value.empty()) {
        r.wrong({"check", key}, std::string(key) + " is there beside " + inline_key + "; keep one of the two");
    }
}

void check_account(health_check const& c, core::check_traits const& t, report& r) {
    bool const may = t.account != need::no;
    bool const has_password = !c.password.empty() || !c.password_file.empty();
    static auto const types = checks_that([](auto const& of) { return of.account != need::no; });
    only_for(!c.user.empty(), may, "user", types, c, r);
    only_for(!c.password.empty(), may, "password", types, c, r);
    only_for(!c.password_file.empty(), may, "password_file", types, c, r);
    if (!may) {
        return;
    }
    for (auto const& [key, value] : {std::pair{"user", &c.user}, std::pair{"password", &c.password}}) {
        if (has_control(*value)) {
            r.wrong({"check", key}, std::string(key) + " holds a control character; leave it out");
        }
    }
    check_secret_file(c.password_file, c.password, "password_file", "password", r);
    if (t.account == need::must && c.user.empty()) {
        r.wrong({"check"}, "a check of type " + std::string(to_string(c.type)) + " logs in; say user = \"...\" and password_file = \"...\"");
    } else if (c.user.empty() && has_password && c.type != kind::redis) { // Redis has passwords without names
        r.wrong({"check", c.password.empty() ? "password_file" : "password"}, "password is there without user; say user = \"...\"");
    }
    if (!c.user.empty() && !has_password && c.type == kind::ldap) { // RFC 4513 §5.1.2
        r.wrong({"check", "user"}, "user is there without password, which servers take for a mistake; say password_file = \"...\"");
    }
}

void check_shared_secret(health_check const& c, core::check_traits const& t, report& r) {
    only_for(!c.secret.empty(), t.secret, "secret", "radius", c, r);
    only_for(!c.secret_file.empty(), t.secret, "secret_file", "radius", c, r);
    if (!t.secret) {
        return;
    }
    check_secret_file(c.secret_file, c.secret, "secret_file", "secret", r);
    if (c.secret.empty() && c.secret_file.empty()) {
        r.wrong({"check"}, "a radius check needs what it shares with the server; say secret_file = \"...\"");
    }
}

void check_query(health_check const& c, core::check_traits const& t, report& r) {
    static auto const types = checks_that([](auto const& of) { return of.query != need::no; });
    only_for(!c.query.empty(), t.query != need::no, "query", types, c, r);
    if (c.type == kind::dns && !core::parse_dns_question(c.query)) {
        r.wrong(c.query.empty() ? std::initializer_list<std::string_view>{"check"} : std::initializer_list<std::string_view>{"check", "query"},
                "a dns check needs query = \"NAME\" or \"NAME TYPE\", with type A, AAAA, CNAME, MX, NS, PTR, SOA, SRV or TXT");
    } else if (c.type == kind::dicom && !c.query.empty() && !core::parse_dicom_key(c.query)) {
        r.wrong({"check", "query"}, "query " + in_quotes(c.query) +
                                        " is nothing to look for studies by; say for example \"PatientID=NOBODY\", or AccessionNumber, "
                                        "PatientName, StudyDate, StudyID or StudyInstanceUID, with a value of 1 to 64 printable characters "
                                        "and no backslash");
    } else if (c.type == kind::sip && !c.query.empty() && (!c.query.starts_with("sip") || has_space(c.query))) {
        r.wrong({"check", "query"}, "query " + in_quotes(c.query) + " is no SIP URI; say for example \"sip:pbx.example\"");
    } else if (t.query != need::no && !t.database && has_control(c.query)) {
        r.wrong({"check", "query"}, "query holds a control character; leave it out");
    } else if (t.database && c.query.find('\0') != c.query.npos) {
        r.wrong({"check", "query"}, "query holds a zero; leave it out");
    }
    only_for(!c.database.empty(), t.database, "database", "mysql and postgresql", c, r);
    if (t.database && has_control(c.database)) {
        r.wrong({"check", "database"}, "database holds a control character; leave it out");
    }
    only_for(c.tcp, t.tcp_instead, "tcp", "dns and sip", c, r);
}

void check_answer(health_check const& c, core::check_traits const& t, report& r) {
    bool const web = is_web(c.type);
    static auto const types = "http, https, " + checks_that([](auto const& of) { return of.answer; });
    only_for(c.expect != expectation{}, web || t.answer, "expect", types, c, r);
    if (t.answer) {
        if (!c.expect.status.empty() || !c.expect.json.empty()) {
            r.wrong({"check", "expect"}, "status and json are for http and https checks only; say equals, contains or regex");
        }
    }
    if (c.type == kind::redis && c.expect != expectation{} && c.query.empty()) {
        r.wrong({"check", "expect"}, "expect is about the answer to a query; say query = \"...\"");
    }
}

} // namespace

bool has_space(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void only_for(bool given, bool right, char const* key, std::string_view types, health_check const& c, report& r) {
    if (given && !right) {
        r.wrong({"check", key}, std::string(key) + " is for " + std::string(types) + " checks only; leave it out of a check of type " +
                                    std::string(to_string(c.type)));
    }
}

std::string checks_that(bool (*fulfil)(core::check_traits const&)) {
    std::vector<std::string_view> words;
    for (int k = 0; k <= static_cast<int>(kind::off); ++k) {
        if (fulfil(core::traits_of(static_cast<kind>(k)))) {
            words.push_back(to_string(static_cast<kind>(k)));
        }
    }
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        out.append(i == 0 ? "" : i + 1 == words.size() ? " and " : ", ").append(words[i]);
    }
    return out;
}

void check_protocol_keys(health_check const& c, report& r) {
    auto const t = core::traits_of(c.type);
    check_account(c, t, r);
    check_shared_secret(c, t, r);
    check_query(c, t, r);
    check_answer(c, t, r);
}

} // namespace balance::rules
