// SPDX-License-Identifier: Apache-2.0
// docs/FAILOVER.md, "Dead", "Who takes" and "Acquiring".
#include "subject.hpp"

#include <catch2/catch.hpp>

using namespace bench;

namespace {

machine_settings obedient_to_pings(node_id self) {
    machine_settings s;
    s.self = self;
    s.links = 1;
    s.timing.no_takeover_without_ping = true;
    return s;
}

} // namespace

TEST_CASE("a peer is late after warntime, dead after deadtime, and replaced at once") {
    subject x(node_id::secondary);
    x.beside_active();
    x.hears(30, says(node_state::active, {5, node_id::primary}));
    CHECK(x.news(279.9).empty());
    CHECK(x.news(280) == lines{"peer late"});
    CHECK(x.news(529.9).empty());
    CHECK(x.timer(530) == lines{"link 0 down", "peer dead", "passive -> acquiring", "persist 6/secondary",
                                "acquire 6/secondary", "beat acquiring 6/secondary"});
    CHECK(x.at(531, addresses_acquired{true}) == lines{"acquiring -> active", "announce", "beat active 6/secondary"});
}

TEST_CASE("silence is not believed before everything that arrived was heard") {
    subject x(node_id::secondary);
    x.beside_active();
    x.pass(450);
    CHECK(x.at(501, link_changed{0, false}) == lines{"link 0 down"}); // time alone says nothing
    CHECK(x.asks(502, request::takeover) == lines{"beat passive 5/primary asks-1"});
    CHECK(x.hears(502, says(node_state::active, {5, node_id::primary})).empty());
    CHECK(x.timer(503).size() <= 1); // at most a heartbeat: the peer lives
    CHECK(x.state() == node_state::passive);
}

TEST_CASE("one living link is enough") {
    subject x(node_id::secondary, 2);
    x.beside_active();
    for (int ms = 100; ms <= 900; ms += 100) {
        x.pass(ms);
        x.hears(ms, says(node_state::active, {5, node_id::primary}), 1);
    }
    CHECK(x.state() == node_state::passive);
    view const v = x.get().look(subject::point(950));
    CHECK(v.peer_alive);
    CHECK_FALSE(v.links[0].alive);
    CHECK(v.links[1].alive);
    CHECK(v.peer_silence == milliseconds(50));
}

TEST_CASE("a goodbye needs no waiting, and what it overtook is not believed") {
    subject x(node_id::secondary);
    x.beside_active();
    CHECK(x.at(10, goodbye_received{}) == lines{"peer dead", "passive -> acquiring", "persist 6/secondary",
                                                "acquire 6/secondary", "beat acquiring 6/secondary"});
    CHECK(x.hears(11, says(node_state::active, {5, node_id::primary})).empty());
    CHECK(x.at(12, peer_restarted{}).empty());
    CHECK(x.hears(13, says(node_state::listening, {5, node_id::primary})) == lines{"link 0 up", "peer alive"});
}

TEST_CASE("an overtaken report proves life and says nothing") {
    subject x(node_id::secondary);
    x.timer(0);
    x.at(0, fit);
    x.at(1, heartbeat_received{0, says(node_state::active, {5, node_id::primary}), 10});
    CHECK(x.at(100, heartbeat_received{0, offering({4, node_id::primary}), 9}).empty());
    CHECK(x.news(599) == lines{"peer late"});
    CHECK(x.news(600).at(1) == "peer dead");
    CHECK(x.at(601, heartbeat_received{0, offering({4, node_id::primary}), 10}).empty()); // nor does it wake the dead
}

TEST_CASE("who cannot serve does not take") {
    for (auto spoil : {+[](local_health& h) { h.ready = false; }, +[](local_health& h) { h.service_ok = false; }}) {
        subject x(node_id::secondary);
        x.beside_active();
        local_health h = fit;
        spoil(h);
        x.at(10, h);
        CHECK(x.news(1000) == lines{"peer late", "link 0 down", "peer dead"});
        x.at(1000, fit);
        x.pass(1300);
        CHECK(x.known() == epoch{6, node_id::secondary});
    }
}

TEST_CASE("a service that came back has to have listened") {
    subject x(node_id::secondary);
    x.beside_active();
    local_health down = fit;
    down.service_ok = false;
    x.at(10, down);
    x.pass(1000);
    x.at(1001, fit);
    CHECK(x.news(1200.9).empty());
    CHECK(x.news(1201).front() == "passive -> acquiring");
}

TEST_CASE("a node in maintenance never takes") {
    machine_settings s;
    s.self = node_id::secondary;
    s.links = 1;
    s.maintenance = true;
    subject x(s);
    x.passive(says(node_state::active, {5, node_id::primary}));
    CHECK(x.hears(10, offering({5, node_id::primary})).empty());
    CHECK(x.at(20, goodbye_received{}) == lines{"peer dead"});
    CHECK(x.news(60000).empty());
}

TEST_CASE("with every ping node silent the other node goes first") {
    subject x(node_id::secondary);
    x.beside_active();
    local_health cut = fit;
    cut.pings_configured = 2;
    x.at(0, cut);
    CHECK(x.news(600) == lines{"peer late", "link 0 down", "peer dead"});
    SECTION("for one more deadtime") {
        CHECK(x.news(999.9).empty());
        CHECK(x.news(1000).back() == "acquire 6/secondary");
    }
    SECTION("unless one answers") {
        cut.pings_answering = 1;
        CHECK(x.at(700, cut).at(2) == "acquire 6/secondary");
    }
    SECTION("unless an operator says so") { CHECK(x.asks(700, request::takeover).at(2) == "acquire 6/secondary"); }
}

TEST_CASE("a node that no ping node answers takes nothing where that was asked for") {
    subject x(obedient_to_pings(node_id::secondary));
    x.beside_active();
    local_health cut = fit;
    cut.pings_configured = 2;
    x.at(0, cut);
    CHECK(x.news(600) == lines{"peer late", "link 0 down", "peer dead", "held back"});
    CHECK(x.news(60'000).empty());
    SECTION("until one answers and the peer had time to be heard") {
        cut.pings_answering = 1;
        x.at(60'000, cut);
        CHECK(x.state() == node_state::passive);
        CHECK(x.news(60'199.9).empty());
        CHECK(x.news(60'200).back() == "acquire 6/secondary");
    }
    SECTION("nor when the peer is heard in that time") {
        cut.pings_answering = 1;
        x.at(60'000, cut);
        x.hears(60'100, says(node_state::active, {5, node_id::primary}));
        CHECK(x.news(60'300).empty());
        CHECK(x.state() == node_state::passive);
    }
    SECTION("unless an operator says so") { CHECK(x.asks(60'000, request::takeover).at(2) == "acquire 6/secondary"); }
    SECTION("unless the peer has left in order") {
        x.hears(60'000, says(node_state::active, {5, node_id::primary}));
        x.at(60'001, goodbye_received{});
        CHECK(x.state() == node_state::acquiring);
    }
    SECTION("and it says so again when the peer was heard meanwhile") {
        x.hears(60'000, says(node_state::active, {5, node_id::primary}));
        CHECK(x.news(60'600).back() == "held back");
    }
}

TEST_CASE("a node that starts cut off from all does not take either") {
    subject x(obedient_to_pings(node_id::primary));
    local_health cut = fit;
    cut.pings_configured = 1;
    x.timer(0);
    x.at(0, cut);
    CHECK(x.news(60'000).back() == "held back");
    CHECK(x.state() == node_state::passive);
}

TEST_CASE("of two passive nodes the primary takes") {
    subject p(node_id::primary);
    p.timer(0);
    p.at(0, fit);
    CHECK(p.hears(1, says(node_state::listening)) ==
          lines{"link 0 up", "peer alive", "listening -> passive", "beat passive 0/none"});
    CHECK(p.hears(2, says(node_state::passive)) ==
          lines{"passive -> acquiring", "persist 1/primary", "acquire 1/primary", "beat acquiring 1/primary"});

    subject s(node_id::secondary);
    s.passive(says(node_state::passive));
    CHECK(s.hears(2, says(node_state::passive)).empty());
}

TEST_CASE("a primary that cannot serve, or is worse connected, offers to the secondary") {
    subject x(node_id::primary);
    x.timer(0);
    node_report peer = says(node_state::passive);
    peer.pings_configured = peer.pings_answering = 2;
    SECTION("not ready any more") {
        x.at(0, fit);
        x.at(0, local_health{});
        CHECK(x.hears(1, peer).back() == "beat passive 0/none offers");
    }
    SECTION("not ready yet: not before initdead, for it has only just started") {
        x.hears(1, peer);
        for (int ms = 100; ms < 5000; ms += 100) {
            x.pass(ms);
            x.hears(ms, peer);
        }
        CHECK_FALSE(x.report().offered);
        x.pass(5000);
        CHECK(x.report().offered);
    }
    SECTION("worse connected") {
        local_health h = fit;
        h.pings_configured = 2;
        h.pings_answering = 1;
        x.at(0, h);
        CHECK(x.hears(1, peer).back() == "beat passive 0/none offers");
        // The peer lets it pass: take it, however connected; but not while the peer may still believe in the offer.
        for (int ms = 50; ms <= 2000; ms += 50) {
            x.pass(ms);
            x.hears(ms, peer);
            if (ms == 1950)
                CHECK(x.state() == node_state::passive);
        }
        x.pass(2001);
        CHECK(x.state() == node_state::acquiring);
    }
}

TEST_CASE("a secondary takes what it is offered, unless it offers itself") {
    subject x(node_id::secondary);
    x.passive(says(node_state::passive));
    CHECK(x.hears(1, offering({4, node_id::primary})) == lines{"persist 4/primary", "passive -> acquiring",
                                                               "persist 5/secondary", "acquire 5/secondary planned",
                                                               "beat acquiring 5/secondary"});
}

TEST_CASE("a peer whose clients cannot reach it gives nothing that it could go on with") {
    subject x(node_id::secondary);
    x.passive(says(node_state::passive));
    auto cut = offering({4, node_id::primary});
    cut.service_ok = false;
    CHECK(x.hears(1, cut).at(3) == "acquire 5/secondary");
}

TEST_CASE("addresses that cannot be put on are taken off again, offered, and tried again later and later") {
    subject x(node_id::secondary);
    x.beside_active();
    x.at(10, goodbye_received{});
    double now = 10;
    for (double hold : {1000.0, 2000.0, 4000.0, 8000.0, 16000.0, 30000.0, 30000.0}) {
        now += 1;
        CHECK(x.at(now, addresses_acquired{false}).at(1) == "release");
        double const failed = now;
        now += 1;
        CHECK(x.at(now, addresses_released{true}).at(0) == "releasing -> passive");
        CHECK(x.news(failed + hold - 0.1).empty());
        now = failed + hold;
        CHECK(x.news(now).at(0) == "passive -> acquiring");
    }
    x.at(now + 1, addresses_acquired{true});
    CHECK(x.state() == node_state::active);
}

TEST_CASE("a node whose acquiring failed offers to a peer that can") {
    subject x(node_id::primary);
    x.passive(says(node_state::passive));
    REQUIRE(x.state() == node_state::acquiring);
    CHECK(x.at(5, addresses_acquired{false}) == lines{"acquiring -> releasing", "release", "beat releasing 1/primary"});
    CHECK(x.at(6, addresses_released{true}) == lines{"releasing -> passive", "beat passive 1/primary offers"});
}
