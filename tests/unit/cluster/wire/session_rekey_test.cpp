// SPDX-License-Identifier: Apache-2.0
// Security test: a session whose secret is replaced while it goes on.
#include "conversation.hpp"

#include <catch2/catch.hpp>

using namespace wire_test;

namespace {

/// The secrets as one node holds them.
struct secrets {
    std::unique_ptr<suite> before = net::make_openssl_suite(test_key());
    std::unique_ptr<suite> after = net::make_openssl_suite(test_key(7));

    void accept(life& l, std::vector<suite*> const& which) const { l.book.accept(which); }
    std::vector<suite*> both() const { return {before.get(), after.get()}; }
};

struct pair_of_lives {
    life a{node_id::primary};
    life b{node_id::secondary};
    secrets of_a;
    secrets of_b;

    pair_of_lives() { introduce(a, b, start); }
};

} // namespace

TEST_CASE("a session goes on while its secret is replaced, and no frame is lost") {
    pair_of_lives p;
    p.of_b.accept(p.b, p.of_b.both());
    CHECK(p.b.hear(p.a.beat(0, start), start).what == kind::heartbeat);
    CHECK(p.b.book.heard_with() == 0u);
    auto const sealed_before = p.a.beat(1, start);
    p.a.session.use(*p.of_a.after);
    auto const sealed_after = p.a.beat(0, start);

    CHECK(p.b.hear(sealed_after, start).what == kind::heartbeat); // not a new session: the peer was not restarted
    CHECK(p.b.book.heard_with() == 1u);
    CHECK(p.b.hear(sealed_before, start, 1).what == kind::heartbeat);
    CHECK(p.b.book.heard_with() == 1u); // it was overtaken
    p.of_b.accept(p.b, {p.of_b.after.get()});
    CHECK_FALSE(p.b.book.heard_with());
    CHECK(p.b.hear(p.a.beat(0, start), start).what == kind::heartbeat);
    CHECK(p.b.book.heard_with() == 0u);
    CHECK(p.b.book.counters(0).lost == 0);
    CHECK(p.b.rejected(reject::forged) == 0);
}

TEST_CASE("a secret that is not accepted any more opens nothing") {
    pair_of_lives p;
    auto const of_goodbye = sealed_goodbye(*p.of_a.before, p.a.session.id(), node_id::primary, 0);
    auto const recorded = p.a.beat(0, start);
    p.of_b.accept(p.b, {p.of_b.after.get()});
    CHECK(p.b.hear(recorded, start).why == reject::forged);
    CHECK(p.b.hear(of_goodbye, start).why == reject::forged);
    life stranger{node_id::primary}; // a new session with the secret before
    CHECK(p.b.hear(stranger.beat(0, start), start).why == reject::forged);
    CHECK(p.b.book.believes());
}

TEST_CASE("what was heard under one secret is a replay under the other one, too") {
    pair_of_lives p;
    p.of_b.accept(p.b, p.of_b.both());
    auto const heard = p.a.beat(0, start);
    CHECK(p.b.hear(heard, start).what == kind::heartbeat);
    p.a.session.use(*p.of_a.after);
    CHECK(p.b.hear(heard, start).why == reject::replayed);
    auto const again = p.a.beat(0, start);
    CHECK(p.b.hear(again, start).what == kind::heartbeat);
    CHECK(p.b.hear(again, start).why == reject::replayed);
}

TEST_CASE("a node that is started amid a replacement is believed with either secret") {
    auto const with = GENERATE(std::uint8_t{0}, std::uint8_t{7});
    pair_of_lives p;
    p.of_b.accept(p.b, p.of_b.both());
    life restarted{node_id::primary, test_key(with), start};
    secrets const its;
    its.accept(restarted, its.both());
    auto const now = start + 1s;
    CHECK(p.b.hear(restarted.beat(0, now), now).why == reject::unbelieved);
    CHECK(restarted.hear(p.b.beat(0, now), now).what == kind::new_session);
    CHECK(p.b.hear(restarted.beat(0, now), now).what == kind::new_session);
    CHECK(p.b.book.heard_with() == (with == 0 ? 0u : 1u));
}

TEST_CASE("a session that is not believed yet may change its secret") {
    life a{node_id::primary};
    life b{node_id::secondary};
    secrets const of_a;
    secrets const of_b;
    of_b.accept(b, of_b.both());
    CHECK(b.hear(a.beat(0, start), start).why == reject::unbelieved);
    a.session.use(*of_a.after);
    CHECK(a.hear(b.beat(0, start), start).what == kind::new_session);
    CHECK(b.hear(a.beat(0, start), start).what == kind::new_session);
}

TEST_CASE("a goodbye counts with each accepted secret") {
    auto const with = GENERATE(0, 1);
    pair_of_lives p;
    p.of_b.accept(p.b, p.of_b.both());
    auto const bytes = sealed_goodbye(*p.of_a.both()[static_cast<std::size_t>(with)], p.a.session.id(), node_id::primary, 1);
    CHECK(p.b.hear(bytes, start, 1).what == kind::goodbye);
    CHECK(p.b.hear(p.a.beat(0, start), start).why == reject::old_session);
}
