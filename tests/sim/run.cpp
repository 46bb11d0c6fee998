// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include "failover/limits.hpp"
#include "mischief.hpp"

#include <algorithm>

namespace sim {

using cluster::node_state;
using cluster::failover::refusal;
using cluster::failover::request;

namespace {

/// How long a healed pair may take until one node owns the addresses and the other knows it.
instant settling_time(world& w) {
    conditions const& c = w.surroundings();
    cluster::failover::limits const limits(c.timing);
    instant t = 100 * ms + c.preparation + c.initdead() + 3 * c.deadtime() + (limits.offer + limits.pause).count() * ms;
    t += 2 * c.lifetime + (limits.request + limits.inferior).count() * ms + 6 * c.effect_most;
    if (c.timing.auto_failback)
        t += (c.timing.failback_hold + limits.request + (c.timing.flap_limit != 0 ? c.timing.flap_window : std::chrono::milliseconds(0))).count() * ms;
    for (std::size_t n = 0; n < 2; ++n)
        t = std::max(t, w.at(n).patience - w.now() + c.deadtime() + limits.pause.count() * ms);
    return t;
}

/// L1, L2: exactly one owner, and neighbours know it.
void expect_one_owner(world& w, char const* when) {
    int owner = -1;
    int owners = 0;
    for (std::size_t n = 0; n < 2; ++n) {
        if (w.state(n) == node_state::active) {
            owner = static_cast<int>(n);
            ++owners;
        } else if (w.state(n) != node_state::passive) {
            w.judge().fail("L1 settled", w.now(), std::string("a node is neither active nor passive ") + when);
        }
    }
    if (owners != 1)
        w.judge().fail("L1 one owner", w.now(), std::to_string(owners) + " owners " + when);
    else if (!w.at(static_cast<std::size_t>(owner)).addresses.present(w.now()))
        w.judge().fail("L1 one owner", w.now(), std::string("the owner has no addresses ") + when);
    else if (w.neighbour() != owner)
        w.judge().fail("L2 neighbours know", w.now(), std::string("neighbours send to the wrong node ") + when);
}

/// L7: what an operator wants of a healthy pair is done, at once.
void expect_hand_over(world& w, bool by_takeover) {
    auto const from = static_cast<std::size_t>(w.judge().last_owner());
    w.ask(by_takeover ? 1 - from : from, by_takeover ? request::takeover : request::handover);
    w.run_until(w.now() + 10 * w.surroundings().keepalive() + 4 * w.surroundings().effect_most);
    if (w.last_answer() != refusal::none)
        w.judge().fail("L7 operators are obeyed", w.now(),
                       "a healthy pair refuses: " + std::string(cluster::failover::to_string(w.last_answer())));
    else if (w.judge().last_owner() == static_cast<int>(from))
        w.judge().fail("L7 operators are obeyed", w.now(), "the owner is the same as before");
    expect_one_owner(w, "after a planned hand-over");
}

void expect_maintenance(world& w, std::size_t n) {
    w.ask(n, request::maintenance_on);
    w.run_until(w.now() + 1000 * ms + 4 * w.surroundings().effect_most);
    if (w.last_answer() != refusal::none || w.state(n) == node_state::active)
        w.judge().fail("S2 maintenance", w.now(), "a node with an able peer does not go into maintenance");
    expect_one_owner(w, "with one node in maintenance");
}

/// L3: a node that is gone at once is replaced after deadtime, not before and not much later.
void expect_detection(world& w) {
    conditions const& c = w.surroundings();
    auto const owner = static_cast<std::size_t>(w.judge().last_owner());
    w.crash(owner, world::crash_kind::power, 3600'000 * ms);
    // The witness's yes counts with the next step of the timer, which may be late, too.
    w.run_until(w.now() + c.deadtime() + c.delay + c.jitter + (c.witness ? 2 : 1) * c.lateness + c.effect_most + ms);
    if (w.state(1 - owner) != node_state::active || w.neighbour() == static_cast<int>(owner))
        w.judge().fail("L3 detection", w.now(), "the owner is gone and nobody took over within the bound");
}

/// L1 with one node that cannot serve: the other one does. What is wrong, if anything, is over when this returns.
void expect_the_fit_one(world& w, random& dice) {
    auto const unfit = static_cast<std::size_t>(dice.between(0, 1));
    host& h = w.at(unfit);
    int& what = dice.chance(500'000) ? h.service_down : h.not_ready;
    what = 1;
    w.note(unfit, "* remains unfit");
    w.tell_health(unfit);
    w.run_until(w.now() + settling_time(w));
    expect_one_owner(w, "with one node that cannot serve");
    if (w.state(unfit) == node_state::active)
        w.judge().fail("L1 one owner", w.now(),
                       "the node that cannot serve owns the addresses, the other one does not");
    what = 0;
    w.tell_health(unfit);
}

void peace(world& w, random& dice) {
    conditions const& c = w.surroundings();
    w.heal();
    bool const one_in_maintenance = dice.chance(150'000);
    auto const resting = static_cast<std::size_t>(dice.between(0, 1));
    w.run_until(w.now() + 150 * ms);
    for (int tries = 0; tries < 2; ++tries) {
        w.heal(); // what was stopped meanwhile is started
        for (std::size_t n = 0; n < 2; ++n)
            w.ask(n, request::maintenance_off);
        w.run_until(w.now() + 5000 * ms); // the first may be refused while another request is under way
    }
    if (dice.chance(200'000))
        expect_the_fit_one(w, dice);
    w.run_until(w.now() + settling_time(w));
    expect_one_owner(w, "after the faults ended");
    if (w.judge().found())
        return;
    if (c.timing.auto_failback && w.judge().last_owner() != 0)
        w.judge().fail("L5 failback", w.now(), "the primary did not take the addresses back");
    auto const moves = w.judge().moves();
    w.run_until(w.now() + 1000 * ms + 4 * c.deadtime());
    if (w.judge().moves() != moves)
        w.judge().fail("S13 no flapping", w.now(), "a healthy pair does not rest");
    if (w.judge().found())
        return;
    if (one_in_maintenance)
        return expect_maintenance(w, resting);
    if (!c.timing.auto_failback) // it would take them back at a time of its own
        expect_hand_over(w, dice.chance(500'000));
    w.run_until(w.now() + c.deadtime());
    if (!w.judge().found())
        expect_detection(w);
}

} // namespace

outcome run(std::uint64_t seed, int seconds, std::string* trace, world::detail detail) {
    random dice(seed);
    conditions const c = conditions_of(dice);
    world w(c, random(dice.next()), trace, detail);
    mischief m(w, random(dice.next()));
    w.start_later(0, dice.chance(800'000) ? dice.between(0, 100 * ms) : dice.between(0, 10'000 * ms));
    w.start_later(1, dice.chance(800'000) ? dice.between(0, 100 * ms) : dice.between(0, 10'000 * ms));
    instant const end = seconds * 1000 * ms;
    instant const calm = 10'000 * ms + settling_time(w) + 3000 * ms;
    m.run_until(std::max(end - calm, end / 2));
    if (!w.judge().found())
        peace(w, dice);
    return {w.hash(), w.judge().found(), w.covered()};
}

} // namespace sim
