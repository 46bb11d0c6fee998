// SPDX-License-Identifier: Apache-2.0
#include "doctor/questions.hpp"

#include <catch2/catch.hpp>

using namespace balance::doctor;

namespace {

constexpr std::uint16_t from_port = 61'234;
constexpr std::uint32_t base = 0xffff'fffe; // numbers wrap around

tcp_question to_server(std::uint8_t last) {
    tcp_question q;
    q.source = address_v4(0x0a4d'0001);
    q.target = address_v4(0x0a4d'0000U + last);
    q.port = 80;
    return q;
}

tcp_answer says(tcp_question const& q, std::uint32_t acknowledged, bool accepted) {
    return {{q.target, q.port, q.source, from_port}, acknowledged, accepted};
}

} // namespace

TEST_CASE("an answer is the one's that it acknowledges") {
    auto const one = to_server(1);
    auto const two = to_server(2);
    conversation talk({one, two}, from_port, base);
    talk.sent(0);
    talk.sent(1);
    CHECK(talk.sequence(1) == 0);
    talk.take(says(two, 1, true));
    talk.take(says(two, 1, false)); // the first counts
    CHECK(talk.answered(1));
    CHECK_FALSE(talk.over());
    CHECK(talk.answers(true) == tcp_answers{{one, reply::silent}, {two, reply::accepted}});
    talk.take(says(one, 0xffff'ffff, false));
    CHECK(talk.over());
    CHECK(talk.answers(true).at(one) == reply::refused);
}

TEST_CASE("what a stranger says is no answer") {
    auto const one = to_server(1);
    auto const two = to_server(2);
    conversation talk({one, two}, from_port, base);
    talk.sent(0);
    talk.sent(1);
    for (std::uint32_t const acknowledged : {0xffff'fffeU, 0U, 2U, 3U, 77U}) {
        talk.take(says(one, acknowledged, true));
    }
    talk.take(says(two, 0xffff'ffff, true)); // another's number
    auto other_port = says(one, 0xffff'ffff, true);
    other_port.ends.target_port = from_port + 1;
    talk.take(other_port);
    CHECK(talk.answers(true) == tcp_answers{{one, reply::silent}, {two, reply::silent}});
}

TEST_CASE("silence is none where answers may have been missed, or nothing could be sent") {
    auto const one = to_server(1);
    auto const two = to_server(2);
    conversation talk({one, two}, from_port, base);
    talk.sent(0);
    CHECK(talk.answers(true) == tcp_answers{{one, reply::silent}, {two, reply::unknown}});
    CHECK(talk.answers(false) == tcp_answers{{one, reply::unknown}, {two, reply::unknown}});
    talk.take(says(one, 0xffff'ffff, true));
    talk.sent(0); // once more: it stays answered
    CHECK(talk.answers(false).at(one) == reply::accepted);
}

TEST_CASE("what may be left half open") {
    auto const one = to_server(1);
    conversation talk({one}, from_port, base);
    CHECK_FALSE(talk.may_be_open(0));
    talk.sent(0);
    CHECK(talk.may_be_open(0)); // its answer may have gone elsewhere
    talk.take(says(one, 0xffff'ffff, true));
    CHECK(talk.may_be_open(0));
    conversation refused({one}, from_port, base);
    refused.sent(0);
    refused.take(says(one, 0xffff'ffff, false));
    CHECK_FALSE(refused.may_be_open(0));
}
