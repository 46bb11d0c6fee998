// SPDX-License-Identifier: Apache-2.0
// docs/FAILOVER.md, "Flapping".
#include "subject.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace bench;

namespace {

machine_settings damped(node_id self, unsigned limit) {
    machine_settings s;
    s.self = self;
    s.links = 1;
    s.timing.auto_failback = true;
    s.timing.failback_hold = milliseconds(1000);
    s.timing.flap_limit = limit;
    s.timing.flap_window = milliseconds(60'000);
    return s;
}

bool has(lines const& all, std::string const& line) { return std::find(all.begin(), all.end(), line) != all.end(); }

/// The owner is heard until `from` and dies; this node takes over; then the peer is back and asks for the addresses, gets
/// them, and serves. Returns what was done.
lines lose_the_owner(subject& x, double from) {
    node_report owner = says(node_state::active, {x.get().report().epoch.counter + 1, cluster::peer_of(x.settings.self)});
    lines all = x.hears(from, owner);
    auto const add = [&all](lines more) { all.insert(all.end(), more.begin(), more.end()); };
    add(x.pass(from + 700));
    add(x.at(from + 701, addresses_acquired{true}));
    return all;
}

/// What this node owns goes to the peer, which asks.
void give_away(subject& x, double at, std::uint32_t number) {
    x.pass(at - 1);
    node_report back = says(node_state::passive, x.get().report().epoch);
    back.takeover_request = number;
    x.hears(at, back);
    x.at(at + 1, addresses_released{true});
    x.hears(at + 2, says(node_state::active, {x.get().report().epoch.counter + 1, cluster::peer_of(x.settings.self)}));
}

} // namespace

TEST_CASE("a survivor says after so many owners died within the window that failback should wait", "[flapping]") {
    subject x(damped(node_id::secondary, 3));
    x.beside_active();
    for (std::uint32_t i = 1; i <= 3; ++i) {
        double const at = (i - 1) * 1100.0 + 100;
        x.pass(at - 1);
        auto const done = lose_the_owner(x, at);
        REQUIRE(x.get().report().state == node_state::active); // however often: a dead owner is replaced
        CHECK(has(done, "unsteady") == (i == 3));
        CHECK(x.get().report().unsteady == (i == 3));
        give_away(x, at + 1000, i);
        REQUIRE(x.get().report().state == node_state::passive);
    }
}

TEST_CASE("an owner's goodbye counts, anybody else's does not", "[flapping]") {
    subject x(damped(node_id::secondary, 1));
    bool const owned = GENERATE(true, false);
    x.passive(says(owned ? node_state::active : node_state::passive, {5, node_id::primary}));
    auto const done = x.at(10, goodbye_received{});
    CHECK(x.state() == node_state::acquiring);
    CHECK(x.report().unsteady == owned);
    // One move, however often the addresses have to be put on.
    x.at(11, addresses_acquired{false});
    x.at(12, addresses_released{true});
    x.pass(1500);
    CHECK(x.state() == node_state::acquiring);
    CHECK(x.get().look(subject::point(1500)).unplanned_moves == (owned ? 1 : 0));
}

TEST_CASE("planned moves do not count", "[flapping]") {
    subject x(damped(node_id::secondary, 1));
    x.beside_active();
    for (std::uint32_t i = 1; i <= 5; ++i) {
        double const at = (i - 1) * 200.0 + 100;
        x.pass(at - 1);
        x.hears(at - 1, says(node_state::active, {i * 10, node_id::primary}));
        node_report offer = says(node_state::passive, {i * 10, node_id::primary});
        offer.offered = true;
        x.hears(at, offer);
        x.at(at + 1, addresses_acquired{true});
        REQUIRE(x.get().report().state == node_state::active);
        give_away(x, at + 100, i);
        CHECK_FALSE(x.get().report().unsteady);
    }
}

TEST_CASE("failback waits while the peer calls the addresses unsteady, and goes on when it does not", "[flapping]") {
    subject x(damped(node_id::primary, 3));
    x.beside_active();
    node_report owner = says(node_state::active, {5, node_id::secondary});
    owner.unsteady = true;
    for (double ms = 50; ms <= 20'000; ms += 50) {
        x.pass(ms);
        x.hears(ms, owner);
        REQUIRE(x.get().report().takeover_request == 0);
    }
    owner.unsteady = false;
    std::uint32_t asked = 0;
    for (double ms = 20'050; ms <= 21'200; ms += 50) {
        x.pass(ms);
        x.hears(ms, owner);
        asked = x.get().report().takeover_request;
        CHECK((asked == 0 || ms >= 21'050)); // failback_hold begins anew
    }
    CHECK(asked == 1);
}

TEST_CASE("an operator's take-over does not wait", "[flapping]") {
    subject x(damped(node_id::primary, 3));
    x.beside_active();
    node_report owner = says(node_state::active, {5, node_id::secondary});
    owner.unsteady = true;
    x.hears(50, owner);
    x.at(60, operator_request{request::takeover, 9});
    CHECK(x.get().report().takeover_request == 1);
}

TEST_CASE("it ends by itself when the moves are out of the window", "[flapping]") {
    subject x(damped(node_id::secondary, 1));
    x.beside_active();
    CHECK(has(lose_the_owner(x, 100), "unsteady"));
    CHECK(x.get().report().unsteady);
    CHECK_FALSE(has(x.news(60'000), "steady")); // the owner was dead 500 ms after 100
    CHECK(has(x.news(60'700), "steady"));
    CHECK_FALSE(x.get().report().unsteady);
}

TEST_CASE("a limit of 0 never damps", "[flapping]") {
    subject x(damped(node_id::secondary, 0));
    x.beside_active();
    CHECK_FALSE(has(lose_the_owner(x, 100), "unsteady"));
    CHECK_FALSE(x.get().report().unsteady);
}

TEST_CASE("a better ping score of the peer moves nothing then, unless this node reaches none", "[flapping]") {
    auto const answering = static_cast<std::uint8_t>(GENERATE(0, 1));
    subject x(damped(node_id::secondary, 1));
    x.beside_active();
    lose_the_owner(x, 100);
    local_health h = fit;
    h.pings_configured = 2;
    h.pings_answering = answering;
    x.at(810, h);
    node_report better = says(node_state::passive, x.get().report().epoch);
    better.pings_configured = better.pings_answering = 2;
    for (double ms = 820; ms <= 4000; ms += 50) {
        x.pass(ms);
        x.hears(ms, better);
    }
    CHECK((x.get().report().state == node_state::active) == (answering == 1));
}

TEST_CASE("the newest moves count, however many there were", "[flapping]") {
    cluster::timing t;
    t.flap_limit = 3;
    t.flap_window = milliseconds(1000);
    flap_damper d(t);
    auto const ms = [](int n) { return time_point{} + milliseconds(n); };
    CHECK(d.steady_at() < ms(0));
    for (int i = 0; i < 50; ++i)
        d.moved(ms(i * 100));
    CHECK(d.steady_at() == ms(4700 + 1000));
    CHECK(d.count(ms(4900)) == 10);
    CHECK(d.count(ms(5899)) == 1);
    CHECK(d.count(ms(5900)) == 0);
}
