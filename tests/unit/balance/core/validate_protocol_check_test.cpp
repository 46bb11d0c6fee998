// SPDX-License-Identifier: Apache-2.0
// What checks that ask servers for something take, and what they cannot do without.
#include "validate_fixture.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::test;
using kind = health_check::kind;

namespace {

/// Faults of a check of that type after the change.
template <class Change>
paths faults_of(kind type, Change change) {
    return after([&](auto& s) {
        s.check.type = type;
        change(s.check);
    });
}

paths at(std::string const& key) { return {"service.Web.check" + (key.empty() ? "" : "." + key)}; }

} // namespace

TEST_CASE("validate: accounts and their passwords", "[protocols]") {
    for (auto const type : {kind::smtp, kind::imap, kind::pop3, kind::ftp, kind::redis, kind::ldap, kind::sip, kind::ntp})
        CHECK(faults_of(type, [](auto&) {}).empty());
    for (auto const type : {kind::smtp, kind::imap, kind::pop3, kind::ftp, kind::redis, kind::ldap, kind::mysql, kind::postgresql}) {
        CHECK(faults_of(type, [](auto& c) { c.user = "a", c.password_file = "b"; }).empty());
        CHECK(faults_of(type, [](auto& c) { c.user = "a", c.password = "b", c.password_file = "b"; }) == at("password_file"));
        CHECK(faults_of(type, [](auto& c) { c.user = "a", c.password = "b\nc"; }) == at("password"));
        for (auto const* name : {"../a", "/a", ".a", "a b"})
            CHECK(faults_of(type, [&](auto& c) { c.user = "a", c.password_file = name; }) == at("password_file"));
    }
    CHECK(faults_of(kind::imap, [](auto& c) { c.password = "b"; }) == at("password"));
    CHECK(faults_of(kind::imap, [](auto& c) { c.password_file = "b"; }) == at("password_file"));
    CHECK(faults_of(kind::redis, [](auto& c) { c.password = "b"; }).empty());
    CHECK(faults_of(kind::ldap, [](auto& c) { c.user = "cn=a"; }) == at("user"));
    CHECK(faults_of(kind::mysql, [](auto&) {}) == at(""));
    CHECK(faults_of(kind::postgresql, [](auto&) {}) == at(""));
    CHECK(faults_of(kind::hl7, [](auto& c) { c.message = "MSH|^~\\&|DYAD||||||ZZZ|1|P|2.5", c.user = "a"; }) == at("user"));
    CHECK(faults_of(kind::connect, [](auto& c) { c.password_file = "a"; }) == at("password_file"));
}

TEST_CASE("validate: secrets of radius", "[protocols]") {
    auto const radius = [](auto change) {
        return faults_of(kind::radius, [&](auto& c) {
            c.user = "a";
            change(c);
        });
    };
    CHECK(radius([](auto& c) { c.secret = "b"; }).empty());
    CHECK(radius([](auto& c) { c.secret_file = "b"; }).empty());
    CHECK(radius([](auto&) {}) == at(""));
    CHECK(radius([](auto& c) { c.secret = "b", c.secret_file = "b"; }) == at("secret_file"));
    CHECK(faults_of(kind::smtp, [](auto& c) { c.secret = "b"; }) == at("secret"));
    CHECK(faults_of(kind::smtp, [](auto& c) { c.secret_file = "b"; }) == at("secret_file"));
}

TEST_CASE("validate: queries and what is expected of their answers", "[protocols]") {
    CHECK(faults_of(kind::dns, [](auto& c) { c.query = "a.example AAAA", c.expect.contains = "1"; }).empty());
    CHECK(faults_of(kind::dns, [](auto&) {}) == at(""));
    CHECK(faults_of(kind::dns, [](auto& c) { c.query = "a..b"; }) == at("query"));
    CHECK(faults_of(kind::dicom, [](auto& c) { c.query = "PatientID=NOBODY"; }).empty());
    CHECK(faults_of(kind::dicom, [](auto& c) { c.query = "Modality=CT"; }) == at("query"));
    CHECK(faults_of(kind::sip, [](auto& c) { c.query = "sip:a@b"; }).empty());
    CHECK(faults_of(kind::sip, [](auto& c) { c.query = "a@b"; }) == at("query"));
    CHECK(faults_of(kind::sip, [](auto& c) { c.query = "sip:a\r\nb"; }) == at("query"));
    CHECK(faults_of(kind::ldap, [](auto& c) { c.query = "dc=a\n"; }) == at("query"));
    CHECK(faults_of(kind::mysql, [](auto& c) { c.user = "a", c.query = "SELECT\n1", c.database = "b"; }).empty());
    CHECK(faults_of(kind::mysql, [](auto& c) { c.user = "a", c.query = std::string("a\0b", 3); }) == at("query"));
    CHECK(faults_of(kind::redis, [](auto& c) { c.expect.equals = "a"; }) == at("expect"));
    CHECK(faults_of(kind::redis, [](auto& c) { c.query = "GET a", c.expect.equals = "a"; }).empty());
    CHECK(faults_of(kind::ldap, [](auto& c) { c.expect.status = {{200, 200}}; }) == at("expect"));
    CHECK(faults_of(kind::smtp, [](auto& c) { c.expect.equals = "a"; }) == at("expect"));
    CHECK(faults_of(kind::ntp, [](auto& c) { c.query = "a"; }) == at("query"));
    CHECK(faults_of(kind::redis, [](auto& c) { c.database = "a"; }) == at("database"));
}

TEST_CASE("validate: TCP, UDP and TLS of checks", "[protocols]") {
    CHECK(faults_of(kind::sip, [](auto& c) { c.tcp = true; }).empty());
    CHECK(faults_of(kind::imap, [](auto& c) { c.tcp = true; }) == at("tcp"));
    CHECK(faults_of(kind::imap, [](auto& c) { c.tls = c.verify = true, c.host = "a.example", c.min_days = 3; }).empty());
    CHECK(faults_of(kind::ntp, [](auto& c) { c.tls = true; }) == at("tls"));
    CHECK(faults_of(kind::ntp, [](auto& c) { c.connects = 1; }) == at("connects"));
    CHECK(faults_of(kind::sip, [](auto& c) { c.connects = 1, c.tcp = true; }).empty());
}
