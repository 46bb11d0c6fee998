// SPDX-License-Identifier: Apache-2.0
// docs/FAILOVER.md, "Requests": each gets one answer.
#include "subject.hpp"

#include <catch2/catch.hpp>

using namespace bench;

namespace {

/// The answer among `l`, without its number.
std::string answer_in(lines const& l) {
    std::string found;
    for (std::string const& line : l)
        if (line.starts_with("answer "))
            found += line.substr(line.find(' ', 7) + 1);
    return found;
}
std::string words(refusal r) { return std::string(to_string(r)); }

node_report unfit(void (*spoil)(node_report&)) {
    node_report r = says(node_state::passive, {1, node_id::primary});
    spoil(r);
    return r;
}

} // namespace

TEST_CASE("hand-over: released first, then offered, then done when the peer is active") {
    subject x(node_id::primary);
    x.active();
    CHECK(x.asks(10, request::handover) == lines{"active -> releasing", "release planned", "beat releasing 1/primary"});
    CHECK(x.at(11, addresses_released{true}) == lines{"releasing -> passive", "beat passive 1/primary offers"});
    CHECK(x.deadline() == 36); // said again soon
    CHECK(x.timer(36) == lines{"beat passive 1/primary offers"});
    CHECK(x.hears(37, says(node_state::acquiring, {2, node_id::secondary})) ==
          lines{"persist 2/secondary", "beat passive 2/secondary"});
    CHECK(x.hears(38, says(node_state::active, {2, node_id::secondary})) == lines{"answer 7: done"});
}

TEST_CASE("hand-over that the peer lets pass: taken back with a greater epoch, and said so") {
    subject x(node_id::primary);
    x.active();
    x.asks(10, request::handover);
    x.at(11, addresses_released{true});
    lines told;
    for (double ms = 50; ms <= 2100; ms += 50) {
        for (auto const& l : x.news(ms))
            told.push_back(l);
        x.hears(ms, says(node_state::passive, {1, node_id::primary}));
    }
    CHECK(told == lines{"answer 7: " + words(refusal::timed_out), "passive -> acquiring", "persist 2/primary",
                        "acquire 2/primary"});
}

TEST_CASE("hand-over to a peer that dies on the way") {
    subject x(node_id::primary);
    x.active();
    x.asks(10, request::handover);
    x.at(11, addresses_released{true});
    CHECK(x.at(12, goodbye_received{}) == lines{"peer dead", "answer 7: " + words(refusal::peer_silent),
                                                "passive -> acquiring", "persist 2/primary", "acquire 2/primary",
                                                "beat acquiring 2/primary"});
}

TEST_CASE("hand-over to a peer that fails gives it back at once") {
    subject x(node_id::primary);
    x.active();
    x.asks(10, request::handover);
    x.at(11, addresses_released{true});
    x.hears(12, says(node_state::acquiring, {2, node_id::secondary}));
    x.hears(13, says(node_state::releasing, {2, node_id::secondary}));
    CHECK(x.hears(14, offering({2, node_id::secondary})).front() == "passive -> acquiring");
    CHECK(answer_in(x.at(15, addresses_acquired{true})) == words(refusal::timed_out));
}

TEST_CASE("hand-over is refused with the reason") {
    SECTION("by who owns nothing") {
        subject x(node_id::primary);
        x.beside_active();
        CHECK(x.asks(10, request::handover) == lines{"answer 7: " + words(refusal::not_active)});
    }
    SECTION("while the addresses are being put on") {
        subject x(node_id::primary);
        x.passive(says(node_state::passive));
        CHECK(answer_in(x.asks(10, request::handover)) == words(refusal::in_transition));
    }
    SECTION("without a peer") {
        subject x(node_id::primary);
        x.active();
        x.at(1, goodbye_received{});
        CHECK(answer_in(x.asks(10, request::handover)) == words(refusal::peer_silent));
    }
    SECTION("when the peer cannot") {
        struct {
            void (*spoil)(node_report&);
            refusal expected;
        } const cases[] = {{[](node_report& r) { r.maintenance = true; }, refusal::in_maintenance},
                           {[](node_report& r) { r.service_ok = false; }, refusal::service_down},
                           {[](node_report& r) { r.ready = false; }, refusal::peer_not_ready},
                           {[](node_report& r) { r.state = node_state::listening; }, refusal::not_listened},
                           {[](node_report& r) { r.state = node_state::releasing; }, refusal::in_transition}};
        for (auto const& c : cases) {
            subject x(node_id::primary);
            x.active();
            x.hears(1, unfit(c.spoil));
            CHECK(answer_in(x.asks(10, request::handover)) == words(c.expected));
            CHECK(answer_in(x.asks(11, request::maintenance_on)) == words(c.expected));
            CHECK(x.state() == node_state::active);
        }
    }
    SECTION("while another is under way") {
        subject x(node_id::primary);
        x.active();
        x.asks(10, request::handover);
        for (request r : {request::handover, request::takeover, request::maintenance_on, request::maintenance_off})
            CHECK(x.asks(11, r, 8) == lines{"answer 8: " + words(refusal::in_transition)});
    }
}

TEST_CASE("take-over: the peer is asked, offers, and the answer comes with the addresses") {
    subject x(node_id::secondary);
    x.beside_active();
    CHECK(x.asks(10, request::takeover) == lines{"beat passive 5/primary asks-1"});
    CHECK(x.timer(35) == lines{"beat passive 5/primary asks-1"});
    CHECK(x.hears(36, offering({5, node_id::primary})) == lines{"passive -> acquiring", "persist 6/secondary",
                                                                "acquire 6/secondary planned",
                                                                "beat acquiring 6/secondary asks-1"});
    CHECK(x.at(37, addresses_acquired{true}) ==
          lines{"acquiring -> active", "announce", "answer 7: done", "beat active 6/secondary"});
}

TEST_CASE("take-over from a silent peer needs nobody's leave") {
    subject x(node_id::secondary);
    x.beside_active();
    local_health h = fit;
    h.pings_configured = 1;
    x.at(1, h);
    x.pass(600);
    CHECK(x.asks(610, request::takeover) ==
          lines{"passive -> acquiring", "persist 6/secondary", "acquire 6/secondary", "beat acquiring 6/secondary"});
    CHECK(answer_in(x.at(611, addresses_acquired{true})) == words(refusal::none));
}

TEST_CASE("take-over that fails says so") {
    subject x(node_id::secondary);
    x.beside_active();
    x.asks(10, request::takeover);
    x.hears(11, offering({5, node_id::primary}));
    CHECK(answer_in(x.at(12, addresses_acquired{false})) == words(refusal::effect_failed));
}

TEST_CASE("take-over that the peer refuses, or does not answer") {
    subject x(node_id::secondary);
    x.beside_active();
    x.asks(10, request::takeover);
    node_report r = says(node_state::active, {5, node_id::primary});
    r.takeover_answer = 9; // of another time
    r.refusal = static_cast<std::uint8_t>(refusal::in_transition);
    CHECK(x.hears(11, r).empty());
    SECTION("refused") {
        r.takeover_answer = 1;
        CHECK(x.hears(12, r) == lines{"answer 7: " + words(refusal::in_transition), "beat passive 5/primary"});
    }
    SECTION("no answer") {
        lines told;
        for (double ms = 50; ms <= 4600; ms += 50) {
            for (auto const& l : x.news(ms))
                told.push_back(l);
            x.hears(ms, says(node_state::active, {5, node_id::primary}));
        }
        CHECK(told == lines{"answer 7: " + words(refusal::timed_out)});
    }
}

TEST_CASE("take-over is refused with the reason") {
    SECTION("by the owner") {
        subject x(node_id::primary);
        x.active();
        CHECK(answer_in(x.asks(10, request::takeover)) == words(refusal::already_active));
    }
    SECTION("before it has listened") {
        subject x(node_id::primary);
        x.timer(0);
        CHECK(answer_in(x.asks(10, request::takeover)) == words(refusal::not_listened));
    }
    SECTION("while the addresses are being put on") {
        subject x(node_id::primary);
        x.passive(says(node_state::passive));
        CHECK(answer_in(x.asks(10, request::takeover)) == words(refusal::in_transition));
    }
    SECTION("in maintenance") {
        subject x(node_id::primary);
        x.beside_active();
        x.asks(5, request::maintenance_on);
        CHECK(answer_in(x.asks(10, request::takeover)) == words(refusal::in_maintenance));
    }
    SECTION("without service, or not ready") {
        subject x(node_id::primary);
        x.beside_active();
        local_health h = fit;
        h.service_ok = false;
        x.at(5, h);
        CHECK(answer_in(x.asks(10, request::takeover)) == words(refusal::service_down));
        h.service_ok = true;
        h.ready = false;
        x.at(11, h);
        CHECK(answer_in(x.asks(12, request::takeover)) == words(refusal::not_ready));
    }
    SECTION("while the peer changes or listens") {
        subject x(node_id::primary);
        x.beside_active();
        x.hears(5, says(node_state::releasing, {5, node_id::secondary}));
        CHECK(answer_in(x.asks(10, request::takeover)) == words(refusal::in_transition));
        x.hears(11, says(node_state::listening, {5, node_id::secondary}));
        CHECK(answer_in(x.asks(12, request::takeover)) == words(refusal::not_listened));
    }
}

TEST_CASE("the peer's wish is granted or refused once") {
    node_report wish = says(node_state::passive, {1, node_id::primary});
    wish.takeover_request = 4;
    SECTION("granted") {
        subject x(node_id::primary);
        x.active();
        CHECK(x.hears(10, wish) == lines{"active -> releasing", "release planned", "beat releasing 1/primary answers-4-0"});
        CHECK(x.hears(11, wish).empty());
        CHECK(x.at(12, addresses_released{true}).back() == "beat passive 1/primary offers answers-4-0");
    }
    SECTION("refused: it cannot") {
        subject x(node_id::primary);
        x.active();
        wish.ready = false;
        CHECK(x.hears(10, wish) == lines{"beat active 1/primary answers-4-5"});
        wish.ready = true;
        CHECK(x.hears(11, wish).empty()); // that number was judged
        wish.takeover_request = 5;
        CHECK(x.hears(12, wish).at(1) == "release planned");
    }
    SECTION("refused: this node changes") {
        subject x(node_id::primary);
        x.passive(says(node_state::passive));
        wish.epoch = {};
        CHECK(x.hears(10, wish) == lines{"beat acquiring 1/primary answers-4-7"});
    }
    SECTION("refused: this node leaves") {
        subject x(node_id::primary);
        x.active();
        x.asks(5, request::stop);
        CHECK(x.hears(10, wish) == lines{"beat releasing 1/primary answers-4-12"});
    }
    SECTION("a passive node offers what it does not take itself") {
        subject x(node_id::secondary);
        x.passive(says(node_state::passive));
        wish.epoch = {};
        CHECK(x.hears(10, wish) == lines{"beat passive 0/none offers answers-4-0"});
    }
    SECTION("forgotten when it is wished no more") {
        subject x(node_id::primary);
        x.active();
        wish.ready = false;
        x.hears(10, wish);
        wish.takeover_request = 0;
        CHECK(x.hears(11, wish) == lines{"beat active 1/primary"});
    }
}

TEST_CASE("maintenance: at once on a passive node, after a hand-over on the owner") {
    SECTION("passive") {
        subject x(node_id::secondary);
        x.beside_active();
        CHECK(x.asks(10, request::maintenance_on) == lines{"persist 5/primary maintenance", "maintenance",
                                                           "answer 7: done", "beat passive 5/primary maintenance"});
        CHECK(x.asks(11, request::maintenance_on) == lines{"answer 7: done"});
        CHECK(x.asks(12, request::maintenance_off) ==
              lines{"persist 5/primary", "maintenance", "answer 7: done", "beat passive 5/primary"});
    }
    SECTION("owner") {
        subject x(node_id::primary);
        x.active();
        CHECK(x.asks(10, request::maintenance_on) ==
              lines{"active -> releasing", "release planned", "beat releasing 1/primary"});
        x.at(11, addresses_released{true});
        x.hears(12, says(node_state::acquiring, {2, node_id::secondary}));
        CHECK(x.hears(13, says(node_state::active, {2, node_id::secondary})) ==
              lines{"persist 2/secondary maintenance", "maintenance", "answer 7: done",
                    "beat passive 2/secondary maintenance"});
    }
    SECTION("listening") {
        subject x(node_id::primary);
        x.timer(0);
        CHECK(answer_in(x.asks(1, request::maintenance_on)) == "done");
    }
    SECTION("an owner alone") {
        subject x(node_id::primary);
        x.active();
        x.at(1, goodbye_received{});
        CHECK(answer_in(x.asks(10, request::maintenance_on)) == words(refusal::peer_silent));
    }
}

TEST_CASE("leaving: hand over, then goodbye") {
    subject x(node_id::primary);
    x.active();
    CHECK(x.asks(10, request::stop) == lines{"active -> releasing", "release planned", "beat releasing 1/primary"});
    CHECK(x.asks(11, request::stop, 8) == lines{"answer 8: " + words(refusal::leaving)});
    CHECK(x.at(12, addresses_released{true}) == lines{"releasing -> passive", "beat passive 1/primary offers"});
    SECTION("taken") {
        CHECK(x.hears(13, says(node_state::acquiring, {2, node_id::secondary})) ==
              lines{"persist 2/secondary", "passive -> stopped", "answer 7: done", "goodbye"});
        CHECK(x.timer(14).empty());
        CHECK(x.get().deadline() == time_point::max());
        CHECK(x.asks(15, request::stop) == lines{"answer 7: done"});
        CHECK(x.asks(16, request::takeover) == lines{"answer 7: " + words(refusal::leaving)});
        CHECK(x.hears(17, says(node_state::passive)).empty());
        CHECK(x.at(18, fit).empty());
        CHECK(x.at(18, goodbye_received{}).empty());
        CHECK(x.at(18, link_changed{0, false}).empty());
    }
    SECTION("not taken within a second") {
        lines told;
        for (double ms = 50; ms <= 1100 && x.state() != node_state::stopped; ms += 50) {
            for (auto const& l : x.news(ms))
                told.push_back(l);
            x.hears(ms, says(node_state::passive, {1, node_id::primary}));
        }
        CHECK(told == lines{"passive -> stopped", "answer 7: done", "goodbye"});
    }
}

TEST_CASE("leaving from any other state") {
    SECTION("listening") {
        subject x(node_id::primary);
        x.timer(0);
        CHECK(x.asks(10, request::stop) == lines{"listening -> stopped", "answer 7: done", "goodbye"});
    }
    SECTION("passive") {
        subject x(node_id::primary);
        x.beside_active();
        CHECK(x.asks(10, request::stop) == lines{"passive -> stopped", "answer 7: done", "goodbye"});
    }
    SECTION("acquiring") {
        subject x(node_id::primary);
        x.passive(says(node_state::passive));
        CHECK(x.asks(10, request::stop) == lines{"acquiring -> releasing", "release", "beat releasing 1/primary"});
        CHECK(x.at(11, addresses_acquired{true}).empty());
        CHECK(x.at(12, addresses_released{true}) == lines{"releasing -> stopped", "answer 7: done", "goodbye"});
    }
    SECTION("active, with nobody to take over") {
        subject x(node_id::primary);
        x.active();
        x.at(1, goodbye_received{});
        x.asks(10, request::stop);
        CHECK(x.at(12, addresses_released{true}) == lines{"releasing -> stopped", "answer 7: done", "goodbye"});
    }
    SECTION("releasing after a conflict") {
        subject x(node_id::primary);
        x.active();
        x.hears(5, says(node_state::active, {9, node_id::secondary}));
        CHECK(x.asks(10, request::stop).empty());
        CHECK(x.at(12, addresses_released{true}) == lines{"releasing -> stopped", "answer 7: done", "goodbye"});
    }
    SECTION("in the middle of a hand-over: its operator hears why it was broken off") {
        subject x(node_id::primary);
        x.active();
        x.asks(5, request::handover, 3);
        CHECK(x.asks(10, request::stop) == lines{"answer 3: " + words(refusal::leaving)});
        x.at(12, addresses_released{true});
        CHECK(x.hears(13, says(node_state::active, {2, node_id::secondary})).back() == "goodbye");
    }
    SECTION("asleep on the way") {
        subject x(node_id::primary);
        x.active();
        x.asks(5, request::stop);
        x.timer(1000);
        CHECK(x.at(1001, addresses_released{true}).back() == "goodbye");
    }
}

TEST_CASE("a node that was asleep tells its operator to ask again") {
    subject x(node_id::secondary);
    x.beside_active();
    x.asks(10, request::takeover);
    CHECK(x.timer(3000) == lines{"was asleep", "answer 7: " + words(refusal::not_listened), "passive -> listening",
                                 "beat listening 5/primary"});
}

TEST_CASE("every refusal has words of its own") {
    std::vector<std::string> all;
    for (int r = 0; r <= static_cast<int>(refusal::leaving) + 1; ++r)
        all.push_back(words(static_cast<refusal>(r)));
    for (std::size_t i = 0; i < all.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            CHECK(all[i] != all[j]);
}
