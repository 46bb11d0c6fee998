// SPDX-License-Identifier: Apache-2.0
// docs/FAILOVER.md, "Dead", "Who takes" and "Acquiring".
#include "subject.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

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

namespace {

constexpr local_health pinging{
    .ready = true, .service_ok = true, .synchronised = true, .pings_answering = 2, .pings_configured = 2};

/// When ping nodes are asked until `until` ms.
std::vector<double> pings_of(subject& x, double until) {
    std::vector<double> out;
    while (x.deadline() <= until) {
        auto const now = x.deadline();
        auto const done = x.timer(now);
        out.insert(out.end(), static_cast<std::size_t>(std::count(done.begin(), done.end(), "ping")), now);
    }
    return out;
}

} // namespace

TEST_CASE("ping nodes are asked while a peer is silent that this node could replace") {
    subject x(node_id::secondary);
    x.beside_active();
    x.at(0, pinging);
    SECTION("from warntime on, and less often the longer it lasts") {
        CHECK(pings_of(x, 900) == std::vector<double>{250, 350, 450, 562, 702, 877});
        CHECK(pings_of(x, 100'000).size() < 120);
    }
    SECTION("not by a node that could not serve") {
        local_health unfit = pinging;
        unfit.service_ok = false;
        x.at(1, unfit);
        CHECK(pings_of(x, 5'000).empty());
    }
    SECTION("not by an owner") {
        x.asks(1, request::takeover);
        x.hears(2, offering({5, node_id::primary}));
        x.at(3, addresses_acquired{true});
        CHECK(pings_of(x, 5'000).empty());
    }
    SECTION("not once it is heard again") {
        CHECK(pings_of(x, 300).size() == 1);
        x.hears(300, says(node_state::active, {5, node_id::primary}));
        CHECK(pings_of(x, 549).empty());
        CHECK(pings_of(x, 550).size() == 1);
    }
}

TEST_CASE("without ping nodes nobody is asked, and nobody is waited for") {
    subject x(node_id::secondary);
    x.beside_active();
    CHECK(pings_of(x, 499).empty());
    CHECK(x.timer(500).at(4) == "acquire 6/secondary");
}

TEST_CASE("with every ping node silent the other node goes first") {
    subject x(node_id::secondary);
    x.beside_active();
    x.at(0, pinging); // as the regular pings said, before anything was cut
    SECTION("for one more deadtime") {
        CHECK(x.news(600) == lines{"peer late", "link 0 down", "peer dead"});
        CHECK(x.news(999.9).empty());
        CHECK(x.news(1000).back() == "acquire 6/secondary");
    }
    SECTION("not when one answers what was asked since the peer is late") {
        x.pass(250);
        CHECK(x.reaches(251, 250).empty());
        CHECK(x.news(500).back() == "acquire 6/secondary");
    }
    SECTION("nor less because of what was asked before") {
        x.pass(250);
        x.reaches(251, 249.9);
        CHECK(x.news(999.9).back() == "peer dead");
    }
    SECTION("unless one answers late, and the peer had time to be heard") {
        x.pass(700);
        CHECK(x.reaches(700, 625).empty());
        CHECK(x.news(899.9).empty());
        CHECK(x.news(900).back() == "acquire 6/secondary");
    }
    SECTION("unless an operator says so") {
        x.pass(600);
        CHECK(x.asks(700, request::takeover).at(2) == "acquire 6/secondary");
    }
}

TEST_CASE("a node that no ping node answers takes nothing where that was asked for") {
    subject x(obedient_to_pings(node_id::secondary));
    x.beside_active();
    x.at(0, pinging); // and goes on saying so until the regular pings notice
    CHECK(x.news(600) == lines{"peer late", "link 0 down", "peer dead", "held back"});
    CHECK(x.get().look(subject::point(600)).held_back);
    CHECK(x.news(60'000).empty());
    SECTION("until one answers and the peer had time to be heard") {
        x.reaches(60'000, 59'999);
        CHECK_FALSE(x.get().look(subject::point(60'000)).held_back);
        CHECK(x.state() == node_state::passive);
        CHECK(x.news(60'199.9).empty());
        CHECK(x.news(60'200).back() == "acquire 6/secondary");
    }
    SECTION("nor when the peer is heard in that time") {
        x.reaches(60'000, 59'999);
        x.hears(60'100, says(node_state::active, {5, node_id::primary}));
        CHECK(x.news(60'299).empty());
        CHECK(x.state() == node_state::passive);
    }
    SECTION("nor when that was asked before the peer fell silent") {
        x.reaches(60'000, 249);
        CHECK(x.news(120'000).empty());
    }
    SECTION("unless an operator says so") { CHECK(x.asks(60'000, request::takeover).at(2) == "acquire 6/secondary"); }
    SECTION("unless the peer has left in order") {
        x.hears(60'000, says(node_state::active, {5, node_id::primary}));
        x.at(60'001, goodbye_received{});
        CHECK(x.state() == node_state::acquiring);
    }
    SECTION("and it says so again when the peer was heard meanwhile") {
        x.hears(60'000, says(node_state::active, {5, node_id::primary}));
        CHECK_FALSE(x.get().look(subject::point(60'000)).held_back);
        CHECK(x.news(60'600).back() == "held back");
    }
}

TEST_CASE("an answer counts for a time, not for the whole of a silence") {
    machine_settings settings = obedient_to_pings(node_id::secondary);
    settings.witness_limit = milliseconds(1000);
    subject x(settings);
    x.beside_active();
    x.at(0, pinging);
    x.pass(480);
    x.reaches(480, 450);
    CHECK(x.news(500).back() == "ask witness 1 about 5/primary");
    double const granted = GENERATE(900.0, 1000.0);
    x.pass(granted);
    x.at(granted, witness_answered{1, true});
    x.timer(granted + 1);
    CHECK(x.state() == (granted < 980 ? node_state::acquiring : node_state::passive));
    CHECK(x.get().look(subject::point(granted + 1)).held_back == (granted >= 980));
}

TEST_CASE("an answer from before a sleep is none") {
    subject x(obedient_to_pings(node_id::secondary));
    x.beside_active();
    x.at(0, pinging);
    x.pass(400);
    x.reaches(401, 400);
    CHECK(x.reaches(2'000, 400).front() == "was asleep");
    CHECK(x.news(60'000).back() == "held back");
}

TEST_CASE("a node that starts cut off from all does not take either") {
    subject x(obedient_to_pings(node_id::primary));
    local_health cut = pinging;
    cut.pings_answering = 0;
    x.timer(0);
    x.at(0, cut);
    CHECK(x.news(60'000).back() == "held back");
    CHECK(x.state() == node_state::passive);
    x.reaches(60'010, 60'000);
    CHECK(x.news(60'210).back() == "acquire 1/primary");
}

TEST_CASE("a silent peer is replaced when the witness says so") {
    machine_settings s;
    s.self = node_id::secondary;
    s.links = 1;
    s.witness_limit = milliseconds(1000);
    s.witness_pause = milliseconds(300);
    subject x(s);
    x.beside_active();
    CHECK(x.news(600) == lines{"peer late", "link 0 down", "peer dead", "witness asked", "ask witness 1 about 5/primary"});
    CHECK(x.news(1000).empty());
    SECTION("but not before all that arrived was heard") {
        CHECK(x.at(1000, witness_answered{1, true}).empty());
        CHECK(x.timer(1001).at(2) == "acquire 6/secondary");
    }
    SECTION("not when it says no, and it is asked again") {
        CHECK(x.at(1000, witness_answered{1, false}) == lines{"witness refused"});
        CHECK(x.news(1299.9).empty());
        CHECK(x.news(1300) == lines{"witness asked", "ask witness 2 about 5/primary"});
        CHECK(x.at(1301, witness_answered{1, true}).empty()); // late, and to another question
        CHECK(x.timer(1302).size() <= 1);
        x.at(1310, witness_answered{2, true});
        CHECK(x.timer(1311).at(2) == "acquire 6/secondary");
    }
    SECTION("not when it says nothing in time") {
        CHECK(x.news(1499.9).empty());
        CHECK(x.news(1500) == lines{"witness refused"});
        x.at(1501, witness_answered{1, true});
        CHECK(x.news(1799.9).empty());
        CHECK(x.state() == node_state::passive);
        CHECK(x.news(1800) == lines{"witness asked", "ask witness 2 about 5/primary"});
    }
    SECTION("not when the peer was heard before the answer") {
        x.hears(1000, says(node_state::active, {5, node_id::primary}));
        x.at(1001, witness_answered{1, true});
        CHECK(x.timer(1002).size() <= 1);
        CHECK(x.news(1501).back() == "ask witness 2 about 5/primary");
        CHECK(x.state() == node_state::passive);
    }
    SECTION("not when this node was asleep since") {
        x.at(1000, witness_answered{1, true});
        x.timer(3000);
        CHECK(x.news(3000 + 499.9).empty());
        CHECK(x.news(3500 + 1).back() == "ask witness 2 about 5/primary");
    }
    SECTION("an operator asks nobody") { CHECK(x.asks(1000, request::takeover).at(2) == "acquire 6/secondary"); }
    SECTION("who left in order is replaced without asking") {
        x.hears(1000, says(node_state::active, {5, node_id::primary}));
        x.at(1001, goodbye_received{});
        CHECK(x.state() == node_state::acquiring);
    }
    SECTION("what it granted counts for a while when the addresses cannot be put on") {
        x.at(1000, witness_answered{1, true});
        x.timer(1001);
        x.at(1002, addresses_acquired{false});
        x.at(1003, addresses_released{true});
        auto const again = x.news(2100);
        CHECK(std::find(again.begin(), again.end(), "acquire 7/secondary") != again.end());
        CHECK(std::find(again.begin(), again.end(), "witness asked") == again.end());
    }
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
