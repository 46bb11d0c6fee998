// SPDX-License-Identifier: Apache-2.0
#include "conversation.hpp"

#include <catch2/catch.hpp>

using namespace wire_test;

TEST_CASE("two fresh nodes believe each other after one and a half round trips") {
    life a{node_id::primary};
    life b{node_id::secondary};

    auto const first = b.hear(a.beat(0, start), start);
    CHECK(first == verdict{kind::nothing, reject::unbelieved, true, 0});
    auto const second = a.hear(b.beat(0, start), start); // the immediate answer; answers a's challenge and asks b's
    CHECK(second.what == kind::new_session);
    CHECK(second.answer);
    auto const third = b.hear(a.beat(0, start), start);
    CHECK(third.what == kind::new_session);
    CHECK_FALSE(third.answer);
    CHECK(a.book.believes());
    CHECK(b.book.believes());
    // Nobody asks any more.
    CHECK(a.hear(b.beat(0, start), start) == verdict{kind::heartbeat, reject::none, false, 2});
    heartbeat said;
    a.book.fill(said, start);
    CHECK(said.asked == challenge{});
}

TEST_CASE("a report comes through as it was sent, and an older one from another link doesn't replace it") {
    life a{node_id::primary};
    life b{node_id::secondary};
    introduce(a, b, start);
    node_report older{.epoch = {1, node_id::primary}, .state = node_state::active, .ready = true};
    node_report newer{.epoch = {2, node_id::secondary}, .state = node_state::passive, .ready = true};
    auto const slow = a.beat(1, start, older);
    auto const fast = a.beat(0, start, newer);

    auto const first = b.hear(fast, start, 0);
    CHECK(first.what == kind::heartbeat);
    CHECK(b.book.newest().report == newer);
    auto const late = b.hear(slow, start, 1);
    CHECK(late.what == kind::heartbeat);
    CHECK(late.counter + 1 == first.counter);
    CHECK(b.book.newest().report == newer);
}

TEST_CASE("a restarted peer is believed within a round trip, and its earlier life never again") {
    life a{node_id::primary};
    life before{node_id::secondary};
    introduce(a, before, start);
    auto const late = before.beat(0, start);

    life after{node_id::secondary, test_key(), start + 1s};
    auto now = start + 1s;
    CHECK(a.hear(after.beat(0, now), now) == verdict{kind::nothing, reject::unbelieved, true, 0});
    CHECK(after.hear(a.beat(0, now), now).answer);
    CHECK(a.hear(after.beat(0, now), now).what == kind::new_session);
    CHECK(a.hear(late, now).why == reject::old_session);
    CHECK(a.hear(before.beat(0, now), now).why == reject::old_session);
    CHECK(a.hear(after.beat(0, now), now).what == kind::heartbeat);
}

TEST_CASE("an unbelieved session changes nothing of the believed one") {
    life a{node_id::primary};
    life b{node_id::secondary};
    introduce(a, b, start);
    life other{node_id::secondary};
    node_report const claim{.epoch = {99, node_id::secondary}, .state = node_state::active};
    for (int i = 0; i < 5; ++i) {
        CHECK(a.hear(other.beat(0, start, claim), start).why == reject::unbelieved);
    }
    CHECK(a.book.newest().report == node_report{});
    CHECK(a.hear(b.beat(0, start), start).what == kind::heartbeat);
}

TEST_CASE("a goodbye ends the session for good, and may be repeated") {
    life a{node_id::primary};
    life b{node_id::secondary};
    introduce(a, b, start);
    auto const sealed_long_ago = b.session.goodbye(1);
    CHECK(sealed_long_ago == b.session.goodbye(1));
    CHECK(a.hear(sealed_long_ago, start, 1).what == kind::goodbye);
    CHECK_FALSE(a.book.believes());
    CHECK(a.hear(sealed_long_ago, start, 1).why == reject::old_session);
    CHECK(a.hear(b.session.goodbye(0), start, 0).why == reject::old_session);
    CHECK(a.hear(b.beat(0, start), start).why == reject::old_session);

    life after{node_id::secondary, test_key(), start};
    introduce(a, after, start);
    CHECK(a.book.believes());
}

TEST_CASE("losses are counted per link, and a late frame is none") {
    life a{node_id::primary};
    life b{node_id::secondary};
    introduce(a, b, start);
    b.hear(a.beat(1, start), start, 1);
    [[maybe_unused]] auto const lost = a.beat(1, start);
    auto const late = a.beat(1, start);
    b.hear(a.beat(1, start), start, 1);
    CHECK(b.book.counters(1).lost == 2);
    CHECK(b.book.counters(0).lost == 0);
    b.hear(late, start, 1);
    CHECK(b.book.counters(1).lost == 1);
}

TEST_CASE("each side says what it heard on which link, and how long ago") {
    life a{node_id::primary};
    life b{node_id::secondary};
    introduce(a, b, start);
    a.hear(b.beat(0, start + 30ms), start + 40ms);
    b.hear(a.beat(0, start + 100ms), start + 100ms);
    auto const& said = b.book.newest();
    CHECK(said.links == 2);
    CHECK(said.hearing[0] == link_hearing{4, 60});
    CHECK(said.hearing[1] == link_hearing{});
}

TEST_CASE("after a new session the link's memory of the old one is gone") {
    life a{node_id::primary};
    life b{node_id::secondary};
    introduce(a, b, start);
    b.hear(a.beat(1, start), start, 1);
    life again{node_id::primary, test_key(), start};
    for (int i = 0; i < 3; ++i) {
        b.hear(again.beat(0, start), start);
        again.hear(b.beat(0, start), start);
    }
    heartbeat said;
    b.book.fill(said, start);
    CHECK(said.hearing[1] == link_hearing{});
    CHECK(b.book.counters(0).lost == 0);
}
