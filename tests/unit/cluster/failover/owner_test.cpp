// SPDX-License-Identifier: Apache-2.0
// docs/FAILOVER.md, "Both active", "Handing over by itself" and "Effects".
#include "subject.hpp"

#include <catch2/catch.hpp>

using namespace bench;

TEST_CASE("an owner sends on a fixed grid and renews the addresses") {
    subject x(node_id::primary);
    x.active();
    std::string const beat = "beat active 1/primary";
    CHECK(x.pass(500) == lines{beat, beat, "peer late", beat, beat, "link 0 down", "peer dead", "refresh", beat});
    CHECK(x.timer(777) == lines{"beat active 1/primary"}); // missed beats are not made up for
    CHECK(x.deadline() == 800);
}

TEST_CASE("both active: the lesser epoch yields at once") {
    subject x(node_id::primary);
    x.active();
    CHECK(x.hears(10, says(node_state::active, {1, node_id::secondary})) ==
          lines{"dual active", "active -> releasing", "release", "persist 1/secondary", "beat releasing 1/secondary"});
    CHECK(x.at(11, addresses_released{true}) == lines{"releasing -> passive", "beat passive 1/secondary"});
    CHECK(x.news(400) == lines{"peer late"});
}

TEST_CASE("both active: the greater epoch stays, announces now and when it is over, and says so once") {
    subject x(node_id::secondary);
    x.active();
    node_report const other = says(node_state::active, {1, node_id::primary});
    CHECK(x.hears(10, other) == lines{"dual active", "announce"});
    CHECK(x.hears(20, other).empty());
    node_report leaving = other;
    leaving.state = node_state::releasing;
    CHECK(x.hears(30, leaving).empty());
    SECTION("the peer lets go") {
        CHECK(x.hears(40, says(node_state::passive, {1, node_id::secondary})) == lines{"announce"});
        CHECK(x.hears(50, says(node_state::passive, {1, node_id::secondary})).empty());
    }
    SECTION("the peer leaves") { CHECK(x.at(40, goodbye_received{}) == lines{"announce", "peer dead"}); }
}

TEST_CASE("both acquiring: the lesser epoch takes off what it was putting on, whatever comes of that") {
    subject x(node_id::primary);
    x.passive(says(node_state::passive));
    CHECK(
        x.hears(1, says(node_state::acquiring, {1, node_id::secondary})) ==
        lines{"dual active", "acquiring -> releasing", "release", "persist 1/secondary", "beat releasing 1/secondary"});
    CHECK(x.at(2, addresses_acquired{true}).empty());
    CHECK(x.at(3, addresses_released{true}).at(0) == "releasing -> passive");
    CHECK(x.at(4, addresses_acquired{true}).empty());
    CHECK(x.at(5, addresses_released{true}).empty());
}

TEST_CASE("an owner goes above a greater epoch of a peer that owns nothing") {
    subject x(node_id::primary);
    x.active();
    CHECK(x.hears(10, says(node_state::passive, {8, node_id::secondary})) ==
          lines{"persist 9/primary", "announce", "beat active 9/primary"});
}

TEST_CASE("an owner announces again when a peer that was silent is heard") {
    subject x(node_id::primary);
    x.active();
    x.pass(700);
    CHECK(x.hears(710, says(node_state::listening, {1, node_id::primary})) ==
          lines{"link 0 up", "peer alive", "announce"});
    CHECK(x.hears(720, says(node_state::passive, {1, node_id::primary})).empty());
}

TEST_CASE("without its service interfaces an owner lets go, and the peer takes") {
    subject x(node_id::primary);
    x.active();
    local_health down = fit;
    down.service_ok = false;
    CHECK(x.at(10, down) == lines{"active -> releasing", "release", "beat releasing 1/primary"});
    SECTION("a living peer") {
        CHECK(x.at(11, addresses_released{true}) == lines{"releasing -> passive", "beat passive 1/primary offers"});
    }
    SECTION("nobody") {
        x.at(11, goodbye_received{});
        CHECK(x.at(12, addresses_released{true}) == lines{"releasing -> passive", "beat passive 1/primary"});
        x.at(100, fit);
        CHECK(x.news(299).empty());
        CHECK(x.news(300).back() == "acquire 2/primary");
    }
}

TEST_CASE("an owner that is not ready hands over to one that is, and keeps serving when there is none") {
    subject x(node_id::primary);
    x.active();
    local_health h = fit;
    h.ready = false;
    SECTION("there is one") { CHECK(x.at(10, h).at(1) == "release planned"); }
    SECTION("there is none") {
        node_report other = says(node_state::passive, x.known());
        other.maintenance = true;
        x.hears(5, other);
        CHECK(x.at(10, h) == lines{"beat active 1/primary"});
        CHECK(x.hears(20, says(node_state::passive, x.known())).at(1) == "release planned");
    }
}

TEST_CASE("a worse ping score for a second moves the addresses, an equal one never") {
    subject x(node_id::primary);
    x.active();
    node_report other = says(node_state::passive, x.known());
    other.pings_configured = other.pings_answering = 2;
    local_health h = fit;
    h.pings_configured = 2;
    h.pings_answering = 1;
    x.hears(1, other);
    x.at(10, h);
    auto const wait = [&](double from, double until) {
        for (double ms = from; ms <= until; ms += 50) {
            x.pass(ms);
            x.hears(ms, other);
        }
    };
    wait(50, 1000);
    CHECK(x.state() == node_state::active);
    SECTION("worse") {
        CHECK(x.news(1010) == lines{"active -> releasing", "release planned"});
        CHECK(x.at(1011, addresses_released{true}).back() == "beat passive 1/primary offers");
    }
    SECTION("it recovered, and begins anew") {
        h.pings_answering = 2;
        x.at(1005, h);
        h.pings_answering = 1;
        x.at(1006, h);
        wait(1050, 2000);
        CHECK(x.state() == node_state::active);
        x.pass(2006);
        CHECK(x.state() == node_state::releasing);
    }
    SECTION("equal") {
        h.pings_answering = 2;
        x.at(1005, h);
        wait(1050, 5000);
        CHECK(x.state() == node_state::active);
    }
}

TEST_CASE("a release that fails is asked for again, one at a time, until the lifetime has done it") {
    subject x(node_id::primary);
    x.active();
    x.asks(10, request::stop);
    CHECK(x.at(11, addresses_released{false}).empty());
    CHECK(x.at(12, addresses_released{false}).empty()); // nobody asked
    for (double ms = 210; ms < 2000; ms += 200) {
        x.pass(ms - 1);
        CHECK(x.timer(ms).front().starts_with("release"));
        CHECK(x.at(ms, addresses_released{false}).empty());
    }
    CHECK(x.news(2009.9).empty());
    CHECK(x.news(2010) == lines{"releasing -> passive", "passive -> stopped", "answer 7: done", "goodbye"});
}

TEST_CASE("an acquire that is never answered is given up after the lifetime") {
    subject x(node_id::primary);
    x.passive(says(node_state::passive));
    CHECK(x.news(1999) == lines{"peer late", "link 0 down", "peer dead"});
    CHECK(x.news(2000) == lines{"acquiring -> releasing", "release"});
}

TEST_CASE("failback is the primary's, when asked for, when well for long enough") {
    machine_settings s;
    s.self = node_id::primary;
    s.links = 1;
    s.timing.auto_failback = true;
    s.timing.failback_hold = milliseconds(3000);
    // Beside an owner that is heard; the number of the first request made on the way.
    auto const wait = [](subject& x, double from, double until) {
        std::uint32_t asked = 0;
        for (double ms = from; ms <= until && asked == 0; ms += 50) {
            x.pass(ms);
            x.hears(ms, says(node_state::active, {5, cluster::peer_of(x.settings.self)}));
            asked = x.get().report().takeover_request;
        }
        return asked;
    };
    SECTION("it asks the peer, and again when it was refused") {
        subject x(s);
        x.beside_active();
        CHECK(wait(x, 50, 2950) == 0);
        CHECK(wait(x, 3000, 3000) == 1);
        node_report refused = says(node_state::active, {5, node_id::secondary});
        refused.takeover_answer = 1;
        refused.refusal = static_cast<std::uint8_t>(refusal::in_transition);
        CHECK(x.hears(3001, refused) == lines{"beat passive 5/secondary"});
        CHECK(wait(x, 3050, 5950) == 0);
        CHECK(wait(x, 6000, 6050) == 2);
    }
    SECTION("not before it is synchronised") {
        subject x(s);
        x.beside_active();
        local_health h = fit;
        h.synchronised = false;
        x.at(1, h);
        CHECK(wait(x, 50, 10000) == 0);
    }
    SECTION("not while it is worse connected") {
        subject x(s);
        x.beside_active();
        local_health h = fit;
        h.pings_configured = 1;
        x.at(1, h);
        for (double ms = 50; ms <= 10000; ms += 50) {
            x.pass(ms);
            node_report r = says(node_state::active, {5, node_id::secondary});
            r.pings_answering = r.pings_configured = 1;
            x.hears(ms, r);
            CHECK(x.get().report().takeover_request == 0);
        }
    }
    SECTION("not the secondary") {
        s.self = node_id::secondary;
        subject x(s);
        x.beside_active();
        CHECK(wait(x, 50, 10000) == 0);
    }
    SECTION("not when it was not asked for") {
        s.timing.auto_failback = false;
        subject x(s);
        x.beside_active();
        CHECK(wait(x, 50, 60000) == 0);
    }
}
