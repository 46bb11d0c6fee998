// SPDX-License-Identifier: Apache-2.0
// Datagrams of strangers and of the past change nothing but counters.
#include "conversation.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace wire_test;

namespace {

/// A pair that believes each other, and the proof that `a` is unmoved at the end.
struct established {
    established() { introduce(a, b, start); }

    /// `a` must refuse `f` for `why`, and nothing else may change.
    void refused(frame const& f, reject why, std::size_t link = 0) {
        belief const before{a, start};
        auto const count = a.rejected(why, link);
        auto const v = a.hear(f, start, link);
        CHECK(v.what == kind::nothing);
        CHECK(to_string(v.why) == to_string(why));
        CHECK(a.rejected(why, link) == count + 1);
        CHECK(belief{a, start} == before);
    }

    life a{node_id::primary};
    life b{node_id::secondary};
};

} // namespace

TEST_CASE("sec_random: noise is counted and forgotten") {
    established e;
    belief const before{e.a, start};
    std::mt19937 random{1};
    for (int i = 0; i < 20'000; ++i) {
        frame f(random() % 600);
        std::generate(f.begin(), f.end(), [&] { return static_cast<std::uint8_t>(random()); });
        REQUIRE(e.a.hear(f, start).what == kind::nothing);
    }
    CHECK(belief{e.a, start} == before);
    CHECK(e.a.rejected(reject::truncated) + e.a.rejected(reject::malformed) == 20'000);
    CHECK(e.a.hear(e.b.beat(0, start), start).what == kind::heartbeat);
}

TEST_CASE("sec_truncated: no part of a frame is a frame") {
    established e;
    auto const whole = e.b.beat(0, start);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO(size << " bytes");
        e.refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)},
                  size < header_size + tag_size ? reject::truncated : reject::forged);
    }
    auto longer = whole;
    longer.push_back(0);
    e.refused(longer, reject::forged);
    longer.resize(max_frame_size + 1);
    e.refused(longer, reject::truncated);
    CHECK(e.a.hear(whole, start).what == kind::heartbeat);
}

TEST_CASE("sec_forged: a change of any bit is noticed") {
    established e;
    auto const whole = e.b.beat(0, start);
    belief const before{e.a, start};
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        auto changed = whole;
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
        INFO("bit " << bit);
        auto const v = e.a.hear(changed, start);
        REQUIRE(v.what == kind::nothing);
        REQUIRE_FALSE(v.answer);
    }
    CHECK(belief{e.a, start} == before);
    CHECK(e.a.hear(whole, start).what == kind::heartbeat);
}

TEST_CASE("sec_forged: a counter far ahead doesn't move the window") {
    established e;
    auto const next = e.b.beat(0, start);
    auto ahead = next;
    ahead[24] = 0x7f; // the counter's first byte
    e.refused(ahead, reject::forged);
    CHECK(e.a.hear(next, start).what == kind::heartbeat);
}

TEST_CASE("sec_other_cluster: another pair's key authenticates nothing") {
    established e;
    life stranger{node_id::secondary, test_key(1)};
    e.refused(stranger.beat(0, start), reject::forged);
    e.refused(stranger.session.goodbye(0), reject::unbelieved);
}

TEST_CASE("sec_other_version: a later protocol is counted, not guessed at") {
    established e;
    auto f = e.b.beat(0, start);
    f[0] = 2;
    e.refused(f, reject::other_version);
}

TEST_CASE("sec_replayed: a frame counts once, on whichever link it comes again") {
    established e;
    std::vector<frame> recorded;
    for (int i = 0; i < 50; ++i) {
        recorded.push_back(e.b.beat(0, start));
        CHECK(e.a.hear(recorded.back(), start).what == kind::heartbeat);
    }
    for (auto const& f : recorded) {
        e.refused(f, reject::replayed);
        e.refused(f, reject::wrong_link, 1);
    }
}

TEST_CASE("sec_replayed: a frame older than the window is stale") {
    established e;
    auto const old = e.b.beat(0, start);
    for (std::uint64_t i = 0; i < replay_window::size + 1; ++i) {
        e.a.hear(e.b.beat(0, start), start);
    }
    e.refused(old, reject::stale);
}

TEST_CASE("sec_reflected: what we said ourselves counts for nothing") {
    established e;
    e.refused(e.a.beat(0, start), reject::reflected);
    e.refused(e.a.session.goodbye(0), reject::reflected);
    auto disguised = e.a.beat(0, start);
    disguised[5] = static_cast<std::uint8_t>(node_id::secondary);
    e.refused(disguised, reject::forged); // the direction is in the key and in the header
}

TEST_CASE("sec_wrong_link: a frame counts on the link that it was sent on") {
    established e;
    e.refused(e.b.beat(1, start), reject::wrong_link, 0);
    auto moved = e.b.beat(1, start);
    moved[6] = 0;
    e.refused(moved, reject::forged, 0);
    e.refused(e.b.session.goodbye(1), reject::wrong_link, 0);
}

TEST_CASE("sec_old_session: a session that was replaced never comes back") {
    established e;
    std::vector<frame> recorded{e.b.beat(0, start), e.b.beat(0, start), e.b.session.goodbye(0)};
    life after{node_id::secondary, test_key(), start};
    introduce(e.a, after, start);
    for (auto const& f : recorded) {
        e.refused(f, reject::old_session);
    }
}

TEST_CASE("sec_earlier_life: a whole recorded conversation is not believed by a node that started anew") {
    std::vector<frame> recorded;
    {
        life a{node_id::primary};
        life b{node_id::secondary};
        auto const record = [&](frame f) {
            recorded.push_back(f);
            a.hear(f, start);
        };
        for (int i = 0; i < 20; ++i) {
            record(b.beat(0, start)); // the answer to a's challenge among them
            b.hear(a.beat(0, start), start);
        }
        REQUIRE(a.book.believes());
        recorded.push_back(b.session.goodbye(0));
    }
    life again{node_id::primary, test_key(), start + 1min};
    for (int round = 0; round < 3; ++round) {
        for (auto const& f : recorded) {
            REQUIRE(again.hear(f, start + 1min).what == kind::nothing);
        }
    }
    CHECK_FALSE(again.book.believes());
    CHECK(again.book.newest() == heartbeat{});
    CHECK(again.book.counters(0).received == 0);
    life genuine{node_id::secondary, test_key(), start + 1min};
    introduce(again, genuine, start + 2min);
    CHECK(again.book.believes());
}

TEST_CASE("sec_delayed_answer: an answer kept back longer than a challenge lives proves nothing") {
    life a{node_id::primary};
    life b{node_id::secondary};
    b.hear(a.beat(0, start), start);
    auto const answer = b.beat(0, start); // b dies after this
    CHECK(a.hear(answer, start + 3s).why == reject::unbelieved);
    CHECK_FALSE(a.book.believes());
}

TEST_CASE("sec_answer_reused: an answer given before another session was believed is void") {
    life a{node_id::primary};
    life first{node_id::secondary};
    life second{node_id::secondary};
    first.hear(a.beat(0, start), start);
    second.hear(a.beat(0, start), start);
    auto const kept_back = first.beat(0, start);
    CHECK(a.hear(second.beat(0, start), start).what == kind::new_session);
    CHECK(a.hear(kept_back, start).why == reject::unbelieved);
    CHECK(a.hear(second.beat(0, start), start).what == kind::heartbeat);
}

TEST_CASE("sec_goodbye: neither forged nor of an unbelieved session, nor with a body") {
    established e;
    auto forged = e.b.session.goodbye(0);
    forged.back() ^= 1;
    e.refused(forged, reject::forged);
    life other{node_id::secondary};
    e.refused(other.session.goodbye(0), reject::unbelieved);
    auto relabelled = e.b.beat(0, start);
    relabelled[4] = static_cast<std::uint8_t>(frame_type::goodbye);
    e.refused(relabelled, reject::malformed);
    auto promoted = e.b.session.goodbye(0);
    promoted[4] = static_cast<std::uint8_t>(frame_type::heartbeat);
    promoted[31] = 99; // a counter that is fresh
    e.refused(promoted, reject::forged);
}

TEST_CASE("sec_flood: random sessions cost a bounded number of key derivations and no answer") {
    established e;
    belief const before{e.a, start};
    auto f = e.b.beat(0, start);
    std::mt19937 random{2};
    for (int i = 0; i < 10'000; ++i) {
        std::generate(f.begin() + 8, f.begin() + 24, [&] { return static_cast<std::uint8_t>(random()); });
        REQUIRE_FALSE(e.a.hear(f, start).answer);
    }
    CHECK(e.a.rejected(reject::forged) <= 256);
    CHECK(e.a.rejected(reject::forged) + e.a.rejected(reject::throttled) == 10'000);
    CHECK(belief{e.a, start} == before);
}

TEST_CASE("sec_candidates: replays of many earlier lives don't keep a genuine newcomer out, nor make us chatter") {
    std::vector<frame> recorded;
    for (int i = 0; i < 40; ++i) {
        recorded.push_back(life{node_id::secondary}.beat(0, start));
    }
    life a{node_id::primary};
    life b{node_id::secondary};
    int answers = 0;
    auto now = start;
    for (int i = 0; i < 10 && !a.book.believes(); ++i, now += 100ms) {
        for (auto const& f : recorded) {
            answers += a.hear(f, now).answer ? 1 : 0;
        }
        b.hear(a.beat(0, now), now);
        a.hear(b.beat(0, now), now);
    }
    CHECK(a.book.believes());
    CHECK(answers <= 20);
}
