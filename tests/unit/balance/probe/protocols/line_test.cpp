// SPDX-License-Identifier: Apache-2.0
#include "spoken.hpp"

#include <catch2/catch.hpp>

using namespace balance;
using namespace test;
using kind = health_check::kind;
using texts = std::vector<std::string>;

TEST_CASE("smtp: EHLO, and AUTH with an account", "[protocols]") {
    auto const c = check_that_asks(kind::smtp);
    auto const plain = speak(c, {"220 mail.example\r\n", "250-mail.example\r\n250-SIZE 1\r\n250 HELP\r\n"}, 3);
    CHECK(plain.said == texts{"EHLO dyad\r\n", "QUIT\r\n"});
    CHECK(plain.found == probe::finding_out{true, "the answer to EHLO is \"250 HELP\""});
    auto const account = check_that_asks(kind::smtp, "dyad", "secret");
    auto const with = speak(account, {"220 a\r\n", "250 a\r\n", "235 2.7.0 fine\r\n"});
    CHECK(with.said[1] == "AUTH PLAIN AGR5YWQAc2VjcmV0\r\n"); // base64 of coreutils
    CHECK(with.shown[1] == "AUTH PLAIN (hidden)\r\n");
    CHECK(with.found.success);
    CHECK(reason_of(account, {"220 a\r\n", "250 a\r\n", "535 no\r\n"}) == "down: the answer to AUTH is \"535 no\"");
    CHECK(reason_of(c, {"554 not here\r\n"}) == "down: the greeting is \"554 not here\"");
    CHECK(reason_of(c, {"220 a\r\n", "421 busy\r\n"}) == "down: the answer to EHLO is \"421 busy\"");
    CHECK(reason_of(c, {"220 a\r\n"}) == "down: the connection was closed before the answer to EHLO");
    CHECK(reason_of(c, {"SSH-2.0-x\r\n"}) == "down: the greeting is not SMTP: \"SSH-2.0-x\"");
    CHECK(reason_of(c, {"220 a\r\n", "250-a\r\n"}) == "down: the connection was closed before the answer to EHLO");
    CHECK(reason_of(c, {std::string(9000, '2')}) == "down: the server's line is longer than 8192 bytes");
    std::string endless = "220-";
    for (int i = 0; i < 60; ++i)
        endless += std::string(8000, 'x') + "\r\n220-";
    CHECK(reason_of(c, {endless}) == "down: the server says more than 256 KiB");
}

TEST_CASE("imap: CAPABILITY, or LOGIN with quoted words", "[protocols]") {
    auto const c = check_that_asks(kind::imap);
    auto const plain = speak(c, {"* OK ready\r\n", "* CAPABILITY IMAP4rev1\r\nd1 OK done\r\n"}, 1);
    CHECK(plain.said == texts{"d1 CAPABILITY\r\n", "d2 LOGOUT\r\n"});
    CHECK(plain.found == probe::finding_out{true, "the answer to CAPABILITY is \"OK done\""});
    auto const account = check_that_asks(kind::imap, "dy ad", "a\"b\\c");
    auto const with = speak(account, {"* OK ready\r\n", "d1 OK in\r\n"});
    CHECK(with.said[0] == "d1 LOGIN \"dy ad\" \"a\\\"b\\\\c\"\r\n");
    CHECK(with.shown[0] == "d1 LOGIN \"dy ad\" (hidden)\r\n");
    CHECK(reason_of(account, {"* OK a\r\n", "d1 NO [AUTHENTICATIONFAILED] no\r\n"}) ==
          "down: the answer to LOGIN is \"NO [AUTHENTICATIONFAILED] no\"");
    CHECK(reason_of(c, {"* BYE full\r\n"}) == "down: the greeting is \"BYE full\"");
    CHECK(reason_of(c, {"* OK a\r\n", "* BYE going\r\n"}) == "down: the answer to CAPABILITY is \"BYE going\"");
    CHECK(reason_of(c, {"* OK a\r\n", "x OK in\r\n"}) == "down: the answer to CAPABILITY is not IMAP: \"x OK in\"");
}

TEST_CASE("pop3 and ftp: who wants no account asks all the same", "[protocols]") {
    auto const pop3 = check_that_asks(kind::pop3);
    CHECK(speak(pop3, {"+OK\r\n", "-ERR what\r\n"}).said == texts{"CAPA\r\n", "QUIT\r\n"});
    CHECK(reason_of(pop3, {"+OK\r\n", "-ERR what\r\n"}) == "up: the answer to CAPA is \"-ERR what\"");
    CHECK(reason_of(pop3, {"-ERR full\r\n"}) == "down: the greeting is \"-ERR full\"");
    auto const post = check_that_asks(kind::pop3, "dyad", "secret");
    auto const fetched = speak(post, {"+OK\r\n", "+OK\r\n", "+OK in\r\n", "+OK 2 320\r\n"});
    CHECK(fetched.said == texts{"USER dyad\r\n", "PASS secret\r\n", "STAT\r\n", "QUIT\r\n"});
    CHECK(fetched.shown[1] == "PASS (hidden)\r\n");
    CHECK(fetched.found.success);
    CHECK(reason_of(post, {"+OK\r\n", "+OK\r\n", "-ERR no\r\n"}) == "down: the answer to PASS is \"-ERR no\"");
    auto const ftp = check_that_asks(kind::ftp);
    CHECK(reason_of(ftp, {"220 a\r\n", "211-Features:\r\n EPRT\r\n220 is no end\r\n211 End\r\n"}) == "up: the answer to FEAT is \"211 End\"");
    CHECK(reason_of(ftp, {"220 a\r\n", "421 closing\r\n"}) == "down: the answer to FEAT is \"421 closing\"");
    auto const files = check_that_asks(kind::ftp, "dyad", "secret");
    CHECK(speak(files, {"220 a\r\n", "331 word?\r\n", "230 in\r\n", "200 ok\r\n"}).said ==
          texts{"USER dyad\r\n", "PASS secret\r\n", "NOOP\r\n", "QUIT\r\n"});
    CHECK(speak(files, {"220 a\r\n", "230 in\r\n", "200 ok\r\n"}).said == texts{"USER dyad\r\n", "NOOP\r\n", "QUIT\r\n"});
    CHECK(reason_of(files, {"220 a\r\n", "331 word?\r\n", "530 no\r\n"}) == "down: the answer to PASS is \"530 no\"");
}
