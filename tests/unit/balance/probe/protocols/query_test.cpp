// SPDX-License-Identifier: Apache-2.0
#include "core/dns_question.hpp"
#include "probe/digest.hpp"
#include "probe/protocols/bytes.hpp"
#include "probe/protocols/scram.hpp"
#include "spoken.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::probe;
using namespace test;
using namespace std::string_literals;
using kind = health_check::kind;
using texts = std::vector<std::string>;

namespace {

std::string dns_answer(std::string_view id, std::uint16_t flags, std::string_view question, std::string_view records, unsigned count) {
    return std::string(id) + be_bytes(flags, 2) + be_bytes(1, 2) + be_bytes(count, 2) + be_bytes(0, 4) + std::string(question) +
           std::string(records);
}

std::string mysql_packet(unsigned number, std::string_view content) {
    return le_bytes(content.size(), 3) + be_bytes(number, 1) + std::string(content);
}

std::string mysql_greeting(std::string_view method = "mysql_native_password") {
    return mysql_packet(0, "\x0a" "8.0\0"s + "1234" + "abcdefgh\0"s + "\xff\xff\x21\2\0\xff\xff\x15"s + std::string(10, '\0') +
                               "ijklmnopqrst\0"s + std::string(method) + '\0');
}

std::string postgresql_message(char type, std::string_view content) {
    return type + be_bytes(content.size() + 4, 4) + std::string(content);
}

} // namespace

TEST_CASE("redis: PING, or a query with an answer", "[protocols]") {
    auto c = check_that_asks(kind::redis);
    CHECK(speak(c, {"+PONG\r\n"}, 2).said == texts{"*1\r\n$4\r\nPING\r\n"});
    CHECK(reason_of(c, {"+PONG\r\n"}) == "up: PONG");
    CHECK(reason_of(c, {"-LOADING soon\r\n"}) == "down: the answer to PING is \"LOADING soon\"");
    CHECK(reason_of(c, {"HTTP/1.1 400\r\n"}) == "down: the answer to PING is not Redis: \"HTTP/1.1 400..\"");
    c.password = "secret";
    auto const let_in = speak(c, {"+OK\r\n", "+PONG\r\n"});
    CHECK(let_in.said[0] == "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n");
    CHECK(let_in.shown[0] == "AUTH (hidden)\r\n");
    CHECK(reason_of(c, {"-WRONGPASS no\r\n"}) == "down: the answer to AUTH is \"WRONGPASS no\"");
    c.password.clear();
    c.query = "MGET  a b";
    auto const asked = speak(c, {"*3\r\n$2\r\nxy\r\n$-1\r\n*1\r\n:7\r\n"}, 1);
    CHECK(asked.said == texts{"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n"});
    CHECK(asked.found.answer == "xy\n\n7");
    for (auto const* nothing : {"$-1\r\n", "*-1\r\n"})
        CHECK(reason_of(c, {nothing}) == "down: the query gives nothing");
    for (auto const* wrong : {"*9999999\r\n", "$99999999\r\n", "$x\r\n", "*-2\r\n", "?\r\n"})
        CHECK(reason_of(c, {wrong}).starts_with("down: the answer to the query is not Redis"));
}

TEST_CASE("dns: a question is a name and a type", "[protocols]") {
    using core::parse_dns_question;
    CHECK(parse_dns_question("PACS.example") == core::dns_question{"pacs.example", 1});
    CHECK(parse_dns_question("pacs.example. AAAA") == core::dns_question{"pacs.example", 28});
    CHECK(parse_dns_question(". NS") == core::dns_question{"", 2});
    for (auto const& wrong : {""s, "a..b"s, "a b"s, "a A A"s, " A"s, "a\n"s, std::string(64, 'a'), std::string(254, 'a')})
        CHECK_FALSE(parse_dns_question(wrong));
}

TEST_CASE("dns: up is who has a record of that type", "[protocols]") {
    auto c = check_that_asks(kind::dns);
    c.query = "a.example";
    auto const question = "\1a\7example\0\0\1\0\1"s;
    CHECK(speak(c, {}).said == texts{"01\1\0\0\1\0\0\0\0\0\0"s + question});
    auto const record = "\xc0\x0c\0\1\0\1\0\0\0\1\0\4\xc0\0\2\7"s;
    auto const good = dns_answer("01", 0x8180, question, record, 1);
    CHECK(speak(c, {good}).found == finding_out{true, "A of \"a.example\" is \"192.0.2.7\"", "192.0.2.7"});
    CHECK(reason_of(c, {dns_answer("02", 0x8180, question, record, 1)}) == "down: the connection was closed before the answer");
    CHECK(reason_of(c, {dns_answer("01", 0x8183, question, "", 0)}) == "down: the answer is NXDOMAIN (no such name)");
    CHECK(reason_of(c, {dns_answer("01", 0x8180, question, "", 0)}) == "down: the answer has no record of type A");
    CHECK(reason_of(c, {dns_answer("01", 0x8380, question, "", 0)}) == "down: the answer does not fit into a datagram; say tcp = true");
    auto const alias = "\xc0\x0c\0\5\0\1\0\0\0\1\0\4\1b\xc0\x0e"s;
    CHECK(reason_of(c, {dns_answer("01", 0x8180, question, alias, 1)}) == "down: the answer has no record of type A");
    CHECK(speak(c, {dns_answer("01", 0x8180, question, alias + record, 2)}).found.answer == "b.example\n192.0.2.7");
    for (auto const& broken : {"\xc0\x1c\0\1\0\1\0\0\0\1\0\4\xc0\0\2\7"s, "\xc0\x0c\0\1\0\1\0\0\0\1\0\3\xc0\0\2"s, "\xc0"s, ""s, record.substr(0, 14)})
        CHECK(reason_of(c, {dns_answer("01", 0x8180, question, broken, 1)}) == "down: the answer cannot be read");
    c.tcp = true;
    CHECK(speak(c, {be_bytes(good.size(), 2) + good}, 1).found.success);
    CHECK(reason_of(c, {be_bytes(12, 2) + std::string(12, '\0')}) == "down: the answer is to no question of ours");
}

TEST_CASE("ldap: bind, and an entry that is shown", "[protocols]") {
    auto c = check_that_asks(kind::ldap, "cn=a", "secret");
    c.query = "dc=b";
    auto const bound = "\x30\x0c\2\1\1\x61\7\x0a\1\0\4\0\4\0"s;
    auto const entry = "\x30\x1a\2\1\2\x64\x15\4\4dc=b\x30\x0d\x30\x0b\4\1o\x31\6\4\1x\4\1y"s;
    auto const done = "\x30\x0c\2\1\2\x65\7\x0a\1\0\4\0\4\0"s;
    auto const good = speak(c, {bound, entry, done}, 1);
    CHECK(good.said[0] == "\x30\x16\2\1\1\x60\x11\2\1\3\4\4cn=a\x80\6secret"s);
    CHECK(good.shown[0].find("secret") == std::string::npos);
    CHECK(good.found == finding_out{true, "the entry \"dc=b\" is there", "dn: dc=b\no: x\no: y\n"});
    CHECK(reason_of(c, {bound, done}) == "down: the entry \"dc=b\" is not shown to who binds like this");
    CHECK(reason_of(c, {"\x30\x0e\2\1\1\x61\x09\x0a\1\x31\4\0\4\2no"s}) ==
          "down: the answer to bind is 49, invalidCredentials: \"no\"");
    CHECK(reason_of(c, {bound, "\x30\x0c\2\1\2\x65\7\x0a\1\x20\4\0\4\0"s}) == "down: the answer to search is 32, noSuchObject");
    CHECK(reason_of(c, {"220 mail\r\n"}) == "down: the answer to bind is not LDAP: \"220 mail..\"");
    CHECK(reason_of(c, {"\x30\x84\x7f\xff\xff\xff"s}) == "down: the answer to bind is longer than 65536 bytes");
    CHECK(reason_of(c, {"\x30\x0c\2\1\7\x61\7\x0a\1\0\4\0\4\0"s}) == "down: the answer to bind belongs to another request");
}

TEST_CASE("mysql: a login by what the server wants, and a row", "[protocols]") {
    auto const c = check_that_asks(kind::mysql, "dyad", "secret");
    auto const ok = "\0\0\0\2\0\0\0"s;
    auto const end = "\xfe\0\0\2\0"s;
    auto const row = mysql_packet(1, "\1") + mysql_packet(2, "def") + mysql_packet(3, end) + mysql_packet(4, "\1" "1") + mysql_packet(5, end);
    auto const good = speak(c, {mysql_greeting(), mysql_packet(2, ok), row}, 3);
    CHECK(good.found == finding_out{true, "the answer to the query is \"1\"", "1"});
    CHECK(good.said[1] == mysql_packet(0, "\3SELECT 1"));
    CHECK(good.said[0].find("dyad\0\x14"s + exclusive_or(sha1("secret"), sha1("abcdefghijklmnopqrst" + sha1(sha1("secret"))))) !=
          std::string::npos);
    CHECK(good.shown[0] == "login of dyad by mysql_native_password (hidden)");
    auto const fast = speak(c, {mysql_greeting("caching_sha2_password"), mysql_packet(2, "\1\3"), mysql_packet(3, ok), row});
    CHECK(fast.found.success);
    CHECK(reason_of(c, {mysql_greeting("caching_sha2_password"), mysql_packet(2, "\1\4")}) ==
          "down: the server wants to see the password once, which needs TLS; say tls = true");
    auto const other = speak(c, {mysql_greeting("client_ed25519"), mysql_packet(2, "\xfe" "mysql_native_password\0zyxwvutsrqponmlkjihg\0"s),
                                 mysql_packet(4, ok), row});
    CHECK(other.found.success);
    CHECK(other.said[1] == mysql_packet(3, exclusive_or(sha1("secret"), sha1("zyxwvutsrqponmlkjihg" + sha1(sha1("secret"))))));
    auto const open = check_that_asks(kind::mysql, "dyad", "");
    for (auto const& [method, nothing] : {std::pair("mysql_native_password", ""s), {"caching_sha2_password", "\0"s}}) {
        auto const packet = "\xfe"s + method + "\0zyxwvutsrqponmlkjihg\0"s;
        CHECK(speak(open, {mysql_greeting("client_ed25519"), mysql_packet(2, packet)}).said.at(1) == mysql_packet(3, nothing));
    }
    CHECK(reason_of(c, {mysql_greeting(), mysql_packet(2, "\xfe" "client_ed25519\0x"s)}) ==
          "down: the server wants the login by \"client_ed25519\", which is not known here");
    CHECK(reason_of(c, {mysql_greeting(), mysql_packet(2, "\xfe" "mysql_clear_password\0"s)}) ==
          "down: the server wants the login by \"mysql_clear_password\", which needs TLS; say tls = true");
    CHECK(reason_of(c, {mysql_greeting(), mysql_packet(2, "\xff\x15\4#28000Access denied"s)}) ==
          "down: the answer to login is error 1045: \"Access denied\"");
    CHECK(reason_of(c, {mysql_packet(0, "\xff\x6a\4Host is blocked")}) == "down: the greeting is error 1130: \"Host is blocked\"");
    CHECK(reason_of(c, {mysql_greeting(), mysql_packet(2, ok), mysql_packet(1, ok)}) == "down: the query gives no rows");
    CHECK(reason_of(c, {mysql_greeting(), mysql_packet(2, ok), mysql_packet(1, "\xfb/etc/passwd")}) ==
          "down: the answer to the query cannot be read");
    CHECK(reason_of(c, {"220 mail.example ESMTP\r\n"}).starts_with("down: the greeting is not MySQL"));
}

TEST_CASE("scram: the example of RFC 7677", "[protocols]") {
    // The RFC's user is "user"; PostgreSQL takes an empty one, so only what does not depend on it is the RFC's.
    scram s("pencil", "rOprNGfwEbeRWgbNEkqO");
    auto const first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    CHECK(s.first() == "n,,n=,r=rOprNGfwEbeRWgbNEkqO");
    auto const proof = s.final(first);
    REQUIRE(proof);
    CHECK(proof->starts_with("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="));
    CHECK_FALSE(s.is_proven("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    CHECK(hex(pbkdf2_sha256("pencil", from_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)) ==
          "c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d"); // Python's hashlib
    for (auto const* wrong : {"", "r=another,s=W22Z,i=4096", "r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096", "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=0",
                              "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=100001", "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=1"})
        CHECK_FALSE(s.final(wrong));
}

TEST_CASE("postgresql: a login, and a row", "[protocols]") {
    auto const c = check_that_asks(kind::postgresql, "dyad", "secret");
    auto const in = postgresql_message('R', "\0\0\0\0"s) + postgresql_message('Z', "I");
    auto const row = postgresql_message('D', "\0\2\0\0\0\1" "1\xff\xff\xff\xff"s) + postgresql_message('Z', "I");
    auto const good = speak(c, {postgresql_message('R', "\0\0\0\3"s), in, row}, 3);
    CHECK(good.said[0] == "\0\0\0\x21\0\3\0\0user\0dyad\0database\0dyad\0\0"s);
    CHECK(good.said[1] == postgresql_message('p', "secret\0"s));
    CHECK(good.shown[1] == "password (hidden)");
    CHECK(good.found == finding_out{true, "the answer to the query is \"1.NULL\"", "1\tNULL"});
    auto const md5_login = speak(c, {postgresql_message('R', "\0\0\0\5salt"s), in, row});
    CHECK(md5_login.said[1] == postgresql_message('p', "md5" + hex(md5(hex(md5("secretdyad")) + "salt")) + '\0'));
    CHECK(reason_of(c, {postgresql_message('E', "SFATAL\0C28P01\0Mno\0\0"s)}) == "down: the answer to login is \"FATAL 28P01: no\"");
    CHECK(reason_of(c, {postgresql_message('R', "\0\0\0\7"s)}) == "down: the server wants a login of kind 7, which is not known here");
    CHECK(reason_of(c, {in, postgresql_message('Z', "I")}) == "down: the query gives no rows");
    CHECK(reason_of(c, {postgresql_message('R', "\0\0\0\x0c" "v=AAAA"s)}) == "down: the server does not know the password itself");
    CHECK(reason_of(c, {"220 mail.example\r\n"}).starts_with("down: the answer to login is not PostgreSQL"));
    CHECK(reason_of(check_that_asks(kind::postgresql, "dyad"), {postgresql_message('R', "\0\0\0\3"s)}) == "down: the server wants a password");
    auto over_tls = c;
    over_tls.tls = true;
    CHECK(reason_of(over_tls, {"N"}) == "down: the server speaks no TLS");
    CHECK(reason_of(over_tls, {"SFATAL"}) == "down: the server sent more in clear than it should before TLS begins");
}

TEST_CASE("radius: only what was made with our secret is an answer", "[protocols]") {
    auto c = check_that_asks(kind::radius, "dyad", "secret");
    c.secret = "shared";
    auto const request = speak(c, {}).said[0];
    CHECK(request.starts_with("\1" "0"));
    CHECK(request.find("secret") == std::string::npos);
    auto const answer = [&](char code, std::string const& secret) {
        std::string const head = code + "0"s + be_bytes(24, 2), rest = "\x12\4hi";
        return head + md5(head + request.substr(4, 16) + rest + secret) + rest;
    };
    CHECK(reason_of(c, {answer(2, "shared")}) == "up: Access-Accept: \"hi\"");
    CHECK(reason_of(c, {answer(3, "shared")}) == "down: Access-Reject: \"hi\"");
    CHECK(reason_of(c, {answer(11, "shared")}) == "down: Access-Challenge instead of Access-Accept: \"hi\"");
    CHECK(reason_of(c, {answer(2, "other")}) == "down: the connection was closed before the answer made with our secret");
    CHECK(reason_of(c, {"", "\2" "0", std::string(20, 'x'), answer(2, "shared")}) == "up: Access-Accept: \"hi\"");
}

TEST_CASE("sip: OPTIONS is answered, at last", "[protocols]") {
    auto c = check_that_asks(kind::sip);
    auto const request = speak(c, {}).said[0];
    CHECK(request.starts_with("OPTIONS sip:192.0.2.9:5060 SIP/2.0\r\nVia: SIP/2.0/UDP dyad.invalid;branch=z9hG4bK"));
    auto const call = request.substr(request.find("Call-ID: "), request.find("\r\nCSeq") - request.find("Call-ID: "));
    auto const answer = [&](std::string const& status) { return "SIP/2.0 " + status + "\r\n" + call + "\r\n\r\n"; };
    CHECK(reason_of(c, {answer("100 Trying"), answer("200 OK")}) == "up: OPTIONS was answered with \"200 OK\"");
    CHECK(reason_of(c, {answer("503 Closed")}) == "down: OPTIONS was answered with \"503 Closed\"");
    CHECK(reason_of(c, {"SIP/2.0 200 OK\r\nCall-ID: x\r\n\r\n"}) == "down: the connection was closed before the answer to OPTIONS");
    c.tcp = true;
    CHECK(speak(c, {answer("200 OK")}, 1).found.success);
    CHECK(reason_of(c, {"HTTP/1.1 400 Bad\r\n\r\n"}) == "down: the answer to OPTIONS is not SIP, or not ours: \"HTTP/1.1 400 Bad\"");
    CHECK(reason_of(c, {std::string(17000, 'x')}) == "down: the answer to OPTIONS is longer than 16384 bytes");
}

TEST_CASE("ntp: a server that has a time", "[protocols]") {
    auto const c = check_that_asks(kind::ntp);
    CHECK(speak(c, {}).said[0] == "\x23"s + std::string(39, '\0') + "01234567");
    auto const answer = [](char first, char stratum, std::string const& origin) {
        return std::string{first, stratum} + std::string(10, '\0') + "RATE" + std::string(8, '\0') + origin + std::string(8, 't') + std::string(8, 't');
    };
    CHECK(reason_of(c, {answer(0x24, 2, "01234567")}) == "up: a clock of stratum 2");
    CHECK(reason_of(c, {answer('\xe4', 2, "01234567")}) == "down: the server's clock is not synchronised");
    CHECK(reason_of(c, {answer('\xe4', 0, "01234567").replace(12, 4, 4, '\0')}) == "down: the server's clock is not synchronised");
    CHECK(reason_of(c, {answer(0x24, 16, "01234567")}) == "down: the server's clock is not synchronised");
    CHECK(reason_of(c, {answer(0x24, 0, "01234567")}) == "down: the server sends us away: \"RATE\"");
    CHECK(reason_of(c, {answer(0x24, 2, "another!"), "short"}) == "down: the connection was closed before the answer");
}
