// SPDX-License-Identifier: Apache-2.0
#include "referee.hpp"

#include "failover/ownership.hpp"
#include "failover/transition_table.hpp"

#include <algorithm>
#include <cstring>

namespace sim {

using namespace cluster::failover;
using cluster::epoch;
using cluster::node_id;
using cluster::node_state;

static node_id id_of(std::size_t n) { return n == 0 ? node_id::primary : node_id::secondary; }

referee::referee(conditions const& c, instant slowest) : conditions_(c), settled_(c.deadtime() + 2 * slowest) {}

void referee::fail(char const* rule, instant now, std::string text) {
    if (!found_)
        found_ = violation{rule, now, std::move(text)};
}

void referee::started(std::size_t n, instant now, host const& h) {
    observed o;
    o.started = now;
    o.greatest = h.disk.epoch;
    o.maintenance = h.disk.maintenance;
    o.kept = {h.disk.epoch, h.disk.maintenance};
    o.impaired_at = now;
    seen_[n] = std::move(o);
    contact_since_ = never;
}

void referee::ended(std::size_t n, instant now) {
    seen_[n].impaired_at = now;
    seen_[n].state = node_state::stopped;
    seen_[n].requests.clear();
    contact_since_ = never;
}

void referee::stalled(std::size_t) { contact_since_ = never; }

void referee::woke(std::size_t n, instant now, bool asleep) {
    observed& o = seen_[n];
    contact_since_ = never;
    for (observed::request& r : o.requests)
        r.at = now; // nobody answers asleep
    if (!asleep)
        return;
    o.woke = now;
    o.heard_since_woke = o.fresh_since_woke = false;
    o.impaired_at = now;
}

void referee::effect_answered(std::size_t n) {
    auto& open = seen_[n].effects;
    if (!open.empty())
        open.erase(open.begin());
}

void referee::asked(std::size_t n, instant now, request what, std::uint32_t id) {
    asked_at_ = now;
    if (what == request::takeover)
        seen_[n].overruled_at = now;
    seen_[n].requests.push_back({id, now});
}

void referee::before(std::size_t n, instant now, event const& e, instant sent, std::array<host, 2> const& hosts) {
    observed& o = seen_[n];
    event_ = &e;
    o.announced = o.must_stay = false;
    update_contact(now, hosts);
    if (auto const* hb = std::get_if<heartbeat_received>(&e)) {
        o.last_heard = now;
        o.heard_since_start = o.heard_since_woke = true;
        o.fresh_since_woke = o.fresh_since_woke || sent >= o.woke;
        o.left = false;
        o.fresh = std::max(o.fresh, sent);
        if (hb->sequence <= o.newest)
            return;
        o.newest = hb->sequence;
        o.peer = hb->report;
        o.greatest = std::max(o.greatest, hb->report.epoch);
        if (o.state != node_state::active)
            return;
        epoch const mine = hosts[n].machine->report().epoch;
        if (owns(o.peer.state) && o.peer.epoch < mine)
            o.conflict = o.must_stay = true;
        if (!owns(o.peer.state) && o.peer.state != node_state::releasing && o.conflict) {
            o.conflict = false;
            o.owes_announcement = true;
        }
    } else if (std::holds_alternative<peer_restarted>(e) || std::holds_alternative<goodbye_received>(e)) {
        o.newest = 0;
        o.left = true;
        if (!std::holds_alternative<goodbye_received>(e))
            return;
        o.heard_since_start = o.heard_since_woke = o.fresh_since_woke = true;
        o.owes_announcement = o.conflict && o.state == node_state::active;
        o.conflict = false;
    } else if (auto const* health = std::get_if<local_health>(&e)) {
        if (!health->ready || !health->service_ok)
            o.impaired_at = now;
    } else if (auto const* acquired = std::get_if<addresses_acquired>(&e)) {
        if (!acquired->ok)
            o.impaired_at = now;
    }
}

/// S6, S12: nobody claims to be the owner before it has listened.
void referee::check_claim(std::size_t n, instant now, char const* what) {
    observed const& o = seen_[n];
    instant const enough = o.heard_since_woke ? 2 * conditions_.keepalive() : conditions_.deadtime();
    bool const listened = o.fresh_since_woke || now >= o.woke + enough;
    if (!listened)
        fail("S6 listen after sleep", now,
             std::string(what) + " although this node has not listened since it was asleep");
    if (!o.heard_since_start && now < o.started + conditions_.initdead())
        fail("S12 initdead", now, std::string(what) + " although the peer was never heard and initdead is not over");
}

/// S3: without auto_failback the owner changes for a reason only.
void referee::check_cause(std::size_t n, instant now) {
    observed const& o = seen_[n];
    if (conditions_.timing.auto_failback || last_owner_ < 0 || last_owner_ == static_cast<int>(n))
        return;
    observed const& before = seen_[static_cast<std::size_t>(last_owner_)];
    instant const recent = now - 3 * conditions_.deadtime() - 8000 * ms;
    bool const silent = now - o.last_heard >= conditions_.deadtime() || o.left;
    if (!silent && asked_at_ < recent && before.impaired_at < recent)
        fail("S3 no change without cause", now, "the owner changes although it is well, heard, and nobody asked");
}

/// By what was so, not by what the node believed: was it cut off with its peer, or for longer than an answer counts?
bool referee::nobody_answered(std::size_t n, instant now, host const& h) const {
    if (conditions_.pings == 0 || h.pings.cut_off_since == ping_nodes::reachable)
        return false;
    instant const late = std::max(seen_[n].last_heard + conditions_.timing.warntime.count() * ms, h.started);
    instant const counts = std::max(conditions_.deadtime(), 2000 * ms) + conditions_.ping_time;
    return h.pings.cut_off_since < late || h.pings.cut_off_since < now - counts;
}

void referee::on_acquire(std::size_t n, instant now, epoch e, std::array<host, 2> const& hosts) {
    observed& o = seen_[n];
    host const& peer = hosts[1 - n];
    check_claim(n, now, "the addresses are taken");
    check_cause(n, now);
    // Until a late timer shows it, the silence of a passive peer is none: the primary may take then, as beside one that is heard.
    bool const alone = !hosts[n].machine->look(cluster::failover::time_point(std::chrono::nanoseconds(now))).peer_alive && now - o.last_heard >= conditions_.deadtime() && !o.left && o.overruled_at < now - limits::request.count() * ms;
    if (conditions_.timing.no_takeover_without_ping && alone && nobody_answered(n, now, hosts[n]))
        fail("S3 no change without cause", now, "taken from a silent peer although no ping node could be reached");
    bool const granted = o.granted_at > o.last_heard && now - o.granted_at <= 10'000 * ms;
    if (conditions_.witness && alone && !granted)
        fail("S3 no change without cause", now, "taken from a silent peer although the witness did not say yes");
    if (o.maintenance)
        fail("S2 maintenance", now, "a node in maintenance takes the addresses");
    if (e.owner != id_of(n) || e <= o.greatest)
        fail("S4 epochs grow", now, "taken with an epoch that is not greater than all that were known");
    if (o.kept.epoch != e)
        fail("S4 epochs grow", now, "taken with an epoch that was not kept before");
    for (auto const& other : o.effects)
        if (other.acquire || now - other.at < conditions_.lifetime)
            fail("S14 effects once", now, "taken while an effect is outstanding");
    bool const contact = contact_since_ != never && now - contact_since_ > settled_;
    if (contact && peer.process == host::process_state::running && peer.addresses.present(now))
        fail("S8 release before acquire", now, "taken while the peer, which is heard, has the addresses on");
    o.greatest = std::max(o.greatest, e);
    o.effects.push_back({true, now});
}

void referee::on_notify(std::size_t n, instant now, notify const& what) {
    observed& o = seen_[n];
    if (what.what == notify::kind::state_changed) {
        if (what.from != o.state)
            fail("S15 one notice a transition", now, "a transition starts from another state than the last one led to");
        o.state = what.to;
        ++moves_;
        if (what.to != node_state::active)
            o.conflict = o.owes_announcement = false;
    } else if (what.what == notify::kind::peer_dead && !std::holds_alternative<goodbye_received>(*event_)) {
        if (now - o.last_heard < conditions_.deadtime())
            fail("S12 deadtime", now, "the peer counts as dead before deadtime");
        if (!std::holds_alternative<timer_expired>(*event_))
            fail("S12 deadtime", now, "the peer counts as dead before everything that arrived was heard");
    } else if (what.what == notify::kind::peer_late) {
        if (now - o.last_heard < conditions_.timing.warntime.count() * ms)
            fail("S12 warntime", now, "the peer counts as late before warntime");
    } else if (what.what == notify::kind::maintenance) {
        o.maintenance = !o.maintenance;
    }
}

void referee::on_answer(std::size_t n, instant now, std::uint32_t id) {
    auto& open = seen_[n].requests;
    auto const it = std::find_if(open.begin(), open.end(), [id](auto const& r) { return r.id == id; });
    if (it == open.end())
        return fail("L7 one answer", now, "a request is answered that nobody waits for");
    open.erase(it);
}

void referee::acted(std::size_t n, instant now, action const& a, std::array<host, 2> const& hosts) {
    observed& o = seen_[n];
    if (auto const* beat = std::get_if<send_heartbeat>(&a)) {
        if (owns(beat->report.state))
            check_claim(n, now, "a heartbeat says that this node owns the addresses");
    } else if (auto const* acquire = std::get_if<acquire_addresses>(&a)) {
        on_acquire(n, now, acquire->epoch, hosts);
    } else if (std::holds_alternative<release_addresses>(a)) {
        if (!o.effects.empty() && !o.effects.back().acquire && now - o.effects.back().at < conditions_.lifetime)
            fail("S14 effects once", now, "a release is asked for while one is outstanding");
        o.effects.push_back({false, now});
    } else if (std::holds_alternative<refresh_addresses>(a)) {
        if (!owns(o.state))
            fail("S9 only the owner has them", now, "a node that owns nothing renews the addresses");
    } else if (std::holds_alternative<announce_addresses>(a)) {
        check_claim(n, now, "the addresses are announced");
        o.announced = true;
        o.owes_announcement = false;
        if (std::holds_alternative<peer_restarted>(*event_))
            o.conflict = false; // a new process takes the addresses off before it says a word
        if (o.state != node_state::active || !hosts[n].addresses.on)
            fail("S9 only the owner has them", now, "addresses are announced that are not on");
    } else if (auto const* kept = std::get_if<persist>(&a)) {
        o.kept = *kept;
    } else if (auto const* answer = std::get_if<answer_request>(&a)) {
        on_answer(n, now, answer->id);
    } else if (auto const* told = std::get_if<notify>(&a)) {
        on_notify(n, now, *told);
    } else if (std::holds_alternative<send_goodbye>(a)) {
        if (hosts[n].addresses.present(now))
            fail("S9 only the owner has them", now, "goodbye is said with the addresses still on");
    }
}

void referee::update_contact(instant now, std::array<host, 2> const& hosts) {
    bool contact = true;
    for (std::size_t n = 0; n < 2; ++n)
        contact = contact && hosts[n].process == host::process_state::running &&
                  now - seen_[n].fresh < conditions_.deadtime();
    if (!contact)
        contact_since_ = never;
    else if (contact_since_ == never)
        contact_since_ = now;
}

/// What a node says of itself has to be what it would say after a crash, and an owner has to be reachable.
void referee::check_kept(std::size_t n, instant now, cluster::node_report const& mine) {
    observed const& o = seen_[n];
    if (mine.epoch != o.kept.epoch)
        fail("S4 epochs grow", now, "the node uses an epoch that it has not kept");
    if (mine.maintenance != o.kept.maintenance || mine.maintenance != o.maintenance)
        fail("S2 maintenance", now, "the node's maintenance is not what it has kept and told");
    if (owns(mine.state) && !mine.service_ok)
        fail("L1 one owner", now, "a node that nobody can reach keeps the addresses");
}

void referee::after(std::size_t n, instant now, std::array<host, 2> const& hosts) {
    observed& o = seen_[n];
    update_contact(now, hosts);
    auto const mine = hosts[n].machine->report();
    check_kept(n, now, mine);
    if (mine.state != o.state)
        fail("S15 one notice a transition", now, "the state changed without notice");
    bool const both = o.state == node_state::active && seen_[1 - n].state == node_state::active;
    if (o.state == node_state::active && !both)
        last_owner_ = static_cast<int>(n);
    if (both && contact_since_ != never && now - contact_since_ > settled_)
        fail("S1 one owner", now, "both nodes own the addresses although they hear each other");
    if (owns(o.state) && (mine.epoch.owner != id_of(n) || mine.epoch < o.greatest))
        fail("S4 epochs grow", now, "a node acts on an epoch lower than one it knows");
    bool const idle =
        o.state == node_state::passive || o.state == node_state::listening || o.state == node_state::stopped;
    if (idle && hosts[n].addresses.present(now))
        fail("S9 only the owner has them", now, "a node that owns nothing has the addresses on");
    if (o.must_stay && o.state != node_state::active && now != o.woke)
        fail("L2 the greater epoch stays", now, "the owner whose epoch is greater lets go");
    if (o.owes_announcement)
        fail("L2 announce after a conflict", now, "the conflict is over and the winner does not announce");
    if (mine.pings_answering < seen_[1 - n].peer.pings_answering || mine.pings_answering < o.peer.pings_answering)
        o.impaired_at = now;
    for (auto const& r : o.requests)
        if (now - r.at > 5000 * ms)
            fail("L7 one answer", now, "an operator was not answered within 5 s");
}

} // namespace sim
