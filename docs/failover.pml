// SPDX-License-Identifier: Apache-2.0
// Who owns the floating addresses: the rules of FAILOVER.md as a model that spin checks in every order of events.
// tests/model/run.py has it checked, whole and without each of its guards (-DNO_...); FAILOVER.md, "The model", says how.
//
// Time is discrete. A tick is a keepalive and the longest delay of a datagram. Events of one tick happen in every order; it
// ends when each running node has had its timer and nothing that must have arrived by then is under way.
//
// Every trace is looked at that has at most FAULTS disturbances (a node is killed, dies under its guardian, is stopped, falls
// asleep, loses its service or its readiness, hands over) of any length, any number of starts, and any loss and delay (0 or
// 1 tick) of each datagram; so also cuts of any length, one way or both, on one link or both. What holds then:
//
// S1  At most one node owns (acquiring or active) once link 0 has carried all datagrams both ways within the delay for longer
//     than deadtime + 2 delays, and neither process slept or started meanwhile. Both are needed: who sleeps, or has just
//     started, says nothing on the best of links. Link 1 may do anything, and the links are alike, so "some link" is meant.
//     With both links cut two owners are unavoidable, and not forbidden.
// S4  An owner's epoch is its own, and not lower than one that it was told.
// S6  Nobody claims, or renews, after a start or a sleep without having listened (and S12: initdead).
// S8  In the contact of S1 nobody claims beside a peer that it hears and that has the addresses on.
// S9  The addresses are on only at an owner or while it releases; at one that sleeps or is dead for LIFETIME at most.
// S12 Nobody takes the peer for dead, or claims beside it when late, while an older heartbeat waits unheard in its socket.
// L2  (with HEAL) Whenever link 0 becomes good for ever while both nodes run and can serve, and nothing more happens to
//     them: after SETTLED ticks one is active with the addresses on, the other passive without, and they stay so.
//
// Two links are one channel here: of the copies of a heartbeat the first to arrive counts, and what was sent before it counts
// no more (NO_SEQUENCE); silence is that of all links (NO_ALL_LINKS). Each copy may be lost or late, so the channel may too.
//
// Left out: ping nodes, failback, flapping; take-over requests (to the owner a hand-over), maintenance (as lost service), the
// wait of a primary that was never ready; an owner that is not ready but reachable; effects that fail or take longer than
// until the end of their tick; announcements; sessions and challenges (a started node is believed when heard); a disk that
// loses writes. Counters of epochs are kept relative to the lower; nothing happens to a node more than GAP claims ahead.

// The guards, and where libcluster/src/failover has them:
//   NO_YIELD          the lesser of two owners lets go                      machine::adopt
//   NO_NODE_ID        equal counters are told apart by the node             cluster::epoch, machine::claim
//   NO_GO_ABOVE       an owner goes above a greater epoch                   machine::adopt
//   NO_DEADTIME       silence is believed after deadtime                    machine::watch_silence
//   NO_ALL_LINKS      ... of all links                                      link_monitor::silent_since
//   NO_SEQUENCE       what was overtaken does not count                     machine::on(heartbeat_received), newest_
//   NO_LISTENING      a start listens for initdead                          machine::rule_listening
//   NO_SLEEP          who was asleep lets go, and listens                   machine::notice_sleep
//   NO_DRAIN          a timeout is believed after what had arrived          machine::due, driver::turn
//   NO_BEHIND         who is late waits for that too                        machine::rule_claim, behind_
//   NO_ROLES          of two passive nodes the primary takes                machine::rule_claim, mine
//   NO_FIRST          ... and does not wait to be offered them              machine::rule_claim, mine
//   NO_PAUSE          who withdraws an offer waits before it claims         machine::end_offer, limits::pause
//   NO_SETTLE         so does one whose service comes back                  machine::on(local_health), limits::settle
//   NO_RELEASE_FIRST  a hand-over offers what is off                        machine::begin_handover, released
//   NO_LIFETIME       the kernel drops what nobody renews                   machine::rule_owner, refresh_addresses

#define PRIMARY 0

// FAILOVER.md, "Timing" and limits.hpp, in ticks; the tightest that configuration allows: deadtime > 2 x keepalive.
#define DELAY    1
#define DEADTIME 3
#define INITDEAD 4                // not shorter than deadtime
#define LISTEN   2                // limits::settle: 2 x keepalive
#define OFFER    5                // deadtime + 2 x keepalive
#define PAUSE    6                // 2 x deadtime
#define LIFETIME 4                // of addresses that nobody renews
#define CONTACT  (DEADTIME + 2 * DELAY)

#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef GAP
#define GAP 1
#endif
#ifndef SETTLED
#define SETTLED (OFFER + PAUSE)
#endif
#define STAYS    (DEADTIME + 1)
#ifdef NO_DEADTIME
#define BELIEVED 1
#else
#define BELIEVED DEADTIME
#endif

mtype = { stopped, releasing, active_, acquiring, passive, listening };
mtype:process = { asleep, up, down };
mtype:aftermath = { then_stop, then_listen, then_offer, then_passive };
mtype:event = { nothing, hears, timer, acquired, released, tick, is_killed, dies, falls_asleep, wakes, starts, service_lost,
                service_back, unready, ready, hands_over, is_stopped };

// A node: its process, its machine (machine.hpp), its kernel's addresses. What it no longer needs is zero.
typedef node {
    unsigned process : 2;
    unsigned state : 3;
    unsigned epoch : 4;           // 2 x counter + node: compares as (counter, id); kept over a crash
    unsigned silence : 2;         // link_monitor::silent_since
    unsigned alive : 1;           // alive_
    unsigned peer : 3;            // peer_: its state, while alive
    unsigned peer_offers : 1;
    unsigned peer_serves : 1;
    unsigned heard : 1;           // heard_
    unsigned woken : 1;           // woken_
    unsigned listen : 3;          // until listen_until_; 0 once listening was enough
    unsigned wait : 3;            // until offer_until_ or, without an offer, pause_until_
    unsigned settle : 2;          // until settle_until_
    unsigned offers : 1;          // offer_until_ is set
    unsigned endless : 1;         // ... to max
    unsigned serves : 1;          // able_now()
    unsigned reachable : 1;       // ... or would be, if it were ready
    unsigned pending : 1;         // acquire_addresses is not answered
    unsigned after : 3;           // after_
    unsigned timed : 1;           // had its timer in this tick
    unsigned lapse : 3;           // the kernel's addresses: on, for so long unless renewed
    unsigned late : 3             // ticks without its process; until its next timer: behind_ if more than a keepalive
};
node v[2];

// Under way: node n's older report in m[2n], its newer in m[2n + 1]. A third joins the newer one.
typedef datagram {
    unsigned sent : 1;
    unsigned age : 2;             // ticks; above DELAY it waits in the receiver's socket
    unsigned state : 3;
    unsigned epoch : 4;
    unsigned offers : 1;
    unsigned serves : 1
};
datagram m[4];

unsigned good : 3;                // link 0 is good for good - 1 ticks, and both processes ran; 0: it is not good
unsigned healed : 5;              // no disturbance any more since healed - 1 ticks
unsigned faults : 3;              // so many disturbances are left

// The event at hand.
mtype:event what;
unsigned n : 1;                   // whose it is
unsigned o : 1;                   // the other node
unsigned c : 2;                   // the datagram
unsigned link : 1;                // that brings it; arrives over no link: lost
unsigned says : 1;                // it sends a heartbeat
unsigned again : 1;
unsigned low : 4;

#define owns(s) ((s) == acquiring || (s) == active_)
#define runs(i) (v[i].process == up)
// ownership.hpp, can_take()
#define peer_can_take (v[n].peer == passive && v[n].peer_serves && !v[n].peer_offers)
#define behind (v[n].late > 1)
#define newest(i) (2 * (i) + 1)
// Is a datagram for node i so old, in ticks?
#define aged(d, limit) (m[d].sent && m[d].age >= limit)
#define waits(i, limit) (aged(2 * (1 - i), limit) || aged(newest(1 - i), limit))

inline drop(i) {
    m[i].sent = 0; m[i].age = 0; m[i].state = 0; m[i].epoch = 0; m[i].offers = 0; m[i].serves = 0
}

inline end_offer(pause) { v[n].offers = 0; v[n].endless = 0; v[n].wait = pause; says = 1 }

// The process is gone: its machine's memory and what was in its socket with it. The epoch is on disk.
inline forget() {
    v[n].process = down; v[n].state = stopped; v[n].silence = 0; v[n].alive = 0;
    v[n].peer = 0; v[n].peer_offers = 0; v[n].peer_serves = 0;
    v[n].heard = 0; v[n].woken = 0; v[n].listen = 0; v[n].wait = 0; v[n].settle = 0;
    v[n].offers = 0; v[n].endless = 0; v[n].serves = 0; v[n].reachable = 1; v[n].pending = 0; v[n].after = 0;
    v[n].timed = 0; v[n].late = 0;
    drop(newest(o)); drop(newest(o) - 1)
}

// machine::leave, or the guardian of a process that died: the addresses are off, then goodbye is said.
inline leave() { v[n].lapse = 0; forget(); says = 1 }

// ---- moves: machine.cpp ----

inline claim() {
    assert(v[n].listen == 0);                                                         // S6, S12: initdead
    assert(!(v[n].alive && behind && waits(n, DELAY + 1)));                           // S12
    assert(!(v[n].alive && good > CONTACT + 1 && runs(o) && v[o].lapse));             // S8
    v[n].epoch = (v[n].epoch / 2 + 1) * 2 + n;
    v[n].state = acquiring; v[n].offers = 0; v[n].endless = 0; v[n].wait = 0; v[n].pending = 1;
    v[n].lapse = LIFETIME;        // the first may be on at once
    says = 1; again = 1
}

inline release(then) { v[n].state = releasing; v[n].after = then; says = 1; again = 1 }

inline become_passive() {
    v[n].state = passive; v[n].wait = 0; v[n].listen = 0; v[n].woken = 0; v[n].heard = 0;
    says = 1; again = 1
}

inline offer_now() { become_passive(); v[n].offers = 1; v[n].wait = OFFER }

inline are_released() {
    v[n].lapse = 0;
    if
    :: v[n].after == then_passive -> become_passive()
    :: v[n].after == then_offer -> offer_now()
    :: v[n].after == then_listen -> v[n].state = listening; says = 1; again = 1
    :: v[n].after == then_stop -> leave()
    fi;
    v[n].after = 0
}

// ---- rules: machine_rules.cpp ----

#ifdef NO_BEHIND
#define sure true
#else
#define sure (!behind)
#endif

inline rule_listening() {
    if
    :: v[n].heard && (!v[n].woken || (what == timer && v[n].listen <= DEADTIME - LISTEN)) -> become_passive()
    :: !v[n].heard && !v[n].alive && what == timer && v[n].listen == 0 -> become_passive()
#ifdef NO_LISTENING
    :: !v[n].heard && !v[n].alive && what == timer && v[n].listen > 0 -> v[n].state = passive; says = 1; again = 1
#endif
    :: else
    fi
}

inline rule_offering() {
    if
    :: v[n].offers ->
        if
        :: !v[n].alive || owns(v[n].peer) -> end_offer(0)
        :: v[n].alive && !owns(v[n].peer) && !peer_can_take ->
#ifdef NO_PAUSE
            end_offer(0)
#else
            end_offer(PAUSE)
#endif
        :: v[n].alive && peer_can_take && v[n].endless && v[n].serves -> v[n].endless = 0; v[n].wait = OFFER
        :: v[n].alive && peer_can_take && !v[n].endless && what == timer && v[n].wait == 0 -> end_offer(PAUSE)
        :: else
        fi
    :: !v[n].offers && v[n].alive && sure && peer_can_take && !v[n].serves ->
        v[n].offers = 1; v[n].endless = 1; v[n].wait = 0; says = 1
    :: else
    fi
}

#ifdef NO_ROLES
#define mine true
#elif defined(NO_FIRST)
#define mine (v[n].peer_offers)
#else
#define mine (v[n].peer_offers || n == PRIMARY)
#endif

inline rule_claim() {
    if
    :: v[n].state == passive && v[n].serves && sure && !v[n].offers && !v[n].settle ->
        if
        :: !v[n].alive -> claim()
        :: v[n].alive && v[n].peer == passive && mine && v[n].wait == 0 -> claim()
        :: else
        fi
    :: else
    fi
}

inline rule_owner() {
    if
    :: !v[n].serves -> release(then_passive)
    :: v[n].serves && what == timer ->
        assert(!v[n].woken);                                                          // S6
        assert(v[n].epoch % 2 == n);                                                  // S4
        v[n].lapse = LIFETIME
    :: else
    fi
}

inline rules() {
    again = runs(n);
    do
    :: !again -> break
    :: else ->
        again = 0;
        if
        :: v[n].state == listening -> rule_listening()
        :: v[n].state == passive -> rule_offering(); rule_claim()
        :: owns(v[n].state) -> rule_owner()
        :: else
        fi
    od
}

// ---- events: machine_events.cpp ----

inline adopt() {
    if
    :: owns(v[n].state) && !owns(m[c].state) ->
#ifndef NO_GO_ABOVE
        v[n].epoch = (m[c].epoch / 2 + 1) * 2 + n;
#endif
        says = 1
    :: owns(v[n].state) && owns(m[c].state) ->
#ifndef NO_YIELD
        v[n].epoch = m[c].epoch;
        release(then_passive)
#else
        skip
#endif
    :: else -> v[n].epoch = m[c].epoch; says = 1
    fi
}

#ifdef NO_NODE_ID
#define greater(a, b) ((a) / 2 > (b) / 2)
#else
#define greater(a, b) ((a) > (b))
#endif

// Of what was sent before, on whichever link, nothing counts any more: heartbeat_received::sequence, sessions.
inline hear() {
    v[n].heard = (v[n].state == listening || v[n].state == releasing);
    v[n].peer_offers = m[c].offers; v[n].peer_serves = m[c].serves;
    if
    :: m[c].state == stopped -> v[n].alive = 0; v[n].silence = DEADTIME; v[n].peer = 0
    :: else ->
        v[n].alive = 1; v[n].peer = m[c].state;
#ifdef NO_ALL_LINKS
        v[n].silence = (link -> 0 : v[n].silence);
#else
        v[n].silence = 0;
#endif
        if
        :: greater(m[c].epoch, v[n].epoch) -> adopt()
        :: else
        fi;
#ifndef NO_YIELD
#ifndef NO_NODE_ID
        assert(!(owns(v[n].state) && m[c].epoch > v[n].epoch))                         // S4
#endif
#endif
    fi;
    if
#ifndef NO_SEQUENCE
    :: c % 2 -> drop(c - 1)
#endif
    :: else
    fi;
    drop(c)
}

inline notice_timer() {
    v[n].late = 0; v[n].timed = 1; says = 1;
    if
    :: v[n].silence >= BELIEVED && v[n].alive ->
        assert(!waits(n, DELAY + 1));                                                  // S12
        v[n].alive = 0; v[n].silence = DEADTIME; v[n].peer = 0; v[n].peer_offers = 0; v[n].peer_serves = 0
    :: else
    fi
}

inline notice_sleep() {
    v[n].process = up;
    good = (good -> 1 : 0);
    if
    :: v[n].late > DEADTIME ->
        v[n].silence = 0; v[n].heard = 0; v[n].woken = 1;
        v[n].listen = (v[n].state == listening && v[n].listen > DEADTIME -> v[n].listen : DEADTIME);
#ifndef NO_SLEEP
        v[n].offers = 0; v[n].endless = 0; v[n].wait = 0;
        if
        :: owns(v[n].state) -> release(then_listen)
        :: v[n].state == releasing && v[n].after != then_stop -> v[n].after = then_listen
        :: v[n].state == passive -> v[n].state = listening; says = 1
        :: else
        fi
#endif
    :: else
    fi
}

inline hand_over() {
#ifdef NO_RELEASE_FIRST
    offer_now()
#else
    release(then_offer)
#endif
}

inline stop() {
    if
    :: owns(v[n].state) -> release(then_stop)
    :: v[n].state == releasing -> v[n].after = (v[n].after == then_offer -> then_offer : then_stop)
    :: else -> leave()
    fi
}

inline happen() {
    if
    :: what == hears -> hear(); rules()
    :: what == timer -> notice_timer(); rules()
    :: what == acquired ->
        v[n].pending = 0; v[n].lapse = LIFETIME;
        if :: v[n].state == acquiring -> v[n].state = active_; says = 1 :: else fi;
        rules()
    :: what == released -> are_released(); rules()
    :: what == is_killed -> forget()
    :: what == dies -> leave()
    :: what == falls_asleep -> v[n].process = asleep; v[n].late = 0
    :: what == wakes -> notice_sleep(); rules()
    :: what == starts ->          // whatever the last process left on is taken off
        v[n].process = up; v[n].state = listening; v[n].listen = INITDEAD; v[n].lapse = 0; v[n].late = 0;
        good = (good -> 1 : 0); says = 1
    :: what == service_lost -> v[n].serves = 0; v[n].reachable = 0; v[n].settle = 0; says = 1; rules()
    :: what == unready -> v[n].serves = 0; says = 1; rules()
    :: what == ready -> v[n].serves = 1; says = 1; rules()
    :: what == service_back ->
        v[n].serves = 1; v[n].reachable = 1; says = 1;
#ifndef NO_SETTLE
        v[n].settle = LISTEN;
#endif
        rules()
    :: what == hands_over -> hand_over()
    :: what == is_stopped -> stop()
    :: else
    fi
}

// A heartbeat, on both links. One that says what the last one says joins it, if that is still under way.
inline send() {
    if
    :: m[newest(n)].sent && m[newest(n)].state == v[n].state && m[newest(n)].offers == v[n].offers &&
       (v[n].state == stopped || m[newest(n)].serves == v[n].serves && m[newest(n)].epoch == v[n].epoch) -> skip
    :: else ->
        if
        :: m[newest(n)].sent && !m[2 * n].sent ->
            m[2 * n].sent = 1; m[2 * n].age = m[newest(n)].age; m[2 * n].state = m[newest(n)].state;
            m[2 * n].epoch = m[newest(n)].epoch; m[2 * n].offers = m[newest(n)].offers;
            m[2 * n].serves = m[newest(n)].serves; m[newest(n)].age = 0
        :: else
        fi;
        m[newest(n)].sent = 1; m[newest(n)].state = v[n].state; m[newest(n)].offers = v[n].offers;
        m[newest(n)].epoch = (v[n].state == stopped -> 0 : v[n].epoch);
        m[newest(n)].serves = (v[n].state != stopped && v[n].serves)
    fi
}

// ---- time ----

inline pass(i) {
#ifdef NO_LIFETIME
    v[i].lapse = ((v[i].lapse > 0 && owns(v[i].state)) -> v[i].lapse - 1 : v[i].lapse);
#else
    v[i].lapse = (v[i].lapse > 0 -> v[i].lapse - 1 : 0);
#endif
    if
    :: v[i].process == down
    :: else ->
        v[i].silence = (v[i].silence < DEADTIME -> v[i].silence + 1 : DEADTIME);
        v[i].listen = (v[i].listen > 0 -> v[i].listen - 1 : 0);
        v[i].wait = (v[i].wait > 0 -> v[i].wait - 1 : 0);
        v[i].settle = (v[i].settle > 0 -> v[i].settle - 1 : 0)
    fi;
    v[i].timed = 0;
    v[i].late = ((!runs(i) && v[i].late <= LIFETIME) -> v[i].late + 1 : v[i].late);
    assert(!(!runs(i) && v[i].late > LIFETIME && v[i].lapse));                         // S9
    assert(!(runs(i) && !owns(v[i].state) && v[i].state != releasing && v[i].lapse))   // S9
}

inline grow(i) {
    if
    :: m[i].sent ->
        m[i].age = (m[i].age <= DELAY -> m[i].age + 1 : m[i].age);
        m[i].epoch = (m[i].epoch > low -> m[i].epoch - low : 0)
    :: else
    fi
}

inline time_passes() {
    pass(0); pass(1);
    low = ((v[0].epoch < v[1].epoch -> v[0].epoch : v[1].epoch) / 2) * 2;
    v[0].epoch = v[0].epoch - low; v[1].epoch = v[1].epoch - low;
    grow(0); grow(1); grow(2); grow(3);
    low = 0;
    healed = (healed -> healed + 1 : 0)
}

#define may_pass(i) (!runs(i) || v[i].timed && !waits(i, DELAY) && !v[i].pending && v[i].state != releasing)
#ifdef NO_DRAIN
#define drained(i) true
#else
#define drained(i) (!waits(i, DELAY + 1))   // driver::turn: what arrived is delivered before timer_expired
#endif

// ---- what may come ----

inline at(i) { n = i; o = 1 - (i) }
inline arrive(i) { what = hears; c = i; at(1 - i / 2) }

#define calm(i) (v[i].epoch / 2 <= GAP)
#define wide_awake(i) (runs(i) && calm(i) && faults)

inline disturb(i) {
    if
#ifndef MOVES
    :: v[i].process != down && calm(i) && faults -> what = is_killed; at(i); faults--
    :: v[i].process != down && calm(i) && faults -> what = dies; at(i); faults--
    :: wide_awake(i) -> what = falls_asleep; at(i); faults--
#endif
#ifndef CRASHES                   // without these, more of the others can be looked at
    :: wide_awake(i) && v[i].serves -> what = service_lost; at(i); faults--
    :: wide_awake(i) && !v[i].offers -> what = is_stopped; at(i); faults--
    :: runs(i) && faults && v[i].state == active_ && v[i].alive && v[i].peer == passive && v[i].peer_serves && !v[i].peer_offers ->
        what = hands_over; at(i); faults--
    :: wide_awake(i) && v[i].serves && (v[i].state == passive || v[i].state == listening) -> what = unready; at(i); faults--
#endif
    :: v[i].process == asleep && v[i].late > 0 -> what = wakes; at(i)
    :: v[i].process == down -> what = starts; at(i)
    :: runs(i) && !v[i].reachable -> what = service_back; at(i)
    :: runs(i) && v[i].reachable && !v[i].serves -> what = ready; at(i)
    :: else
    fi
}

#define settled(i) (v[i].state == active_ && v[i].lapse && v[1 - i].state == passive && !v[1 - i].lapse)
#define all_well (runs(0) && runs(1) && v[0].serves && v[1].serves)

// Half a line of a counterexample.
inline tell(i) {
    printf("| %d %e", i + 1, v[i].state);
    if :: v[i].process == asleep -> printf(" asleep") :: else fi;
    if :: v[i].offers -> printf(" offers") :: else fi;
    if :: v[i].serves :: else -> printf(" unfit") fi;
    printf(" epoch %d/%d silent %d", v[i].epoch / 2, v[i].epoch % 2 + 1, v[i].silence);
    if :: v[i].alive -> printf(" peer %e", v[i].peer) :: else fi;
    if :: v[i].peer_offers -> printf(" offers") :: else fi;
    if :: v[i].lapse -> printf(" ADDRESSES %d", v[i].lapse) :: else fi;
    printf(" ")
}

active proctype pair() {
    d_step {
        n = 1; o = 0; forget(); n = 0; o = 1; forget();
        n = 0; o = 0; faults = FAULTS
    }
    do
    :: atomic {
        if
        :: m[0].sent && runs(1) -> arrive(0)
        :: m[1].sent && runs(1) -> arrive(1)
        :: m[2].sent && runs(0) -> arrive(2)
        :: m[3].sent && runs(0) -> arrive(3)
        :: runs(0) && !v[0].timed && drained(0) -> what = timer; at(0)
        :: runs(1) && !v[1].timed && drained(1) -> what = timer; at(1)
        :: runs(0) && v[0].pending -> what = acquired; at(0)
        :: runs(1) && v[1].pending -> what = acquired; at(1)
        :: runs(0) && v[0].state == releasing && !v[0].pending -> what = released; at(0)
        :: runs(1) && v[1].state == releasing && !v[1].pending -> what = released; at(1)
        :: may_pass(0) && may_pass(1) && healed < SETTLED + STAYS ->
            d_step { time_passes(); what = tick };
            if                    // once good for the rest of the trace: a later violation needs no more
            :: good == 0
            :: good = (good < CONTACT + 2 -> good + 1 : good)
            fi;
#ifdef HEAL
            if :: !healed && good && all_well -> healed = 1 :: true fi;
#endif
            if
            :: !healed -> disturb(0)
            :: !healed -> disturb(1)
            :: true
            fi
        fi;
#ifdef NO_ALL_LINKS
        if :: what == hears -> link = 1 :: what == hears -> link = 0 :: what != hears fi;
#endif
        d_step {
            happen();
            c = 0; again = 0;
            printf("%e %d: ", what, n + 1);
            tell(0);
            tell(1);
            printf("| link 0 good %d healed %d\n", good, healed)
        };
        assert(!(good > CONTACT + 1 && runs(0) && owns(v[0].state) && runs(1) && owns(v[1].state)));   // S1
        assert(healed <= SETTLED || settled(0) || settled(1));                                        // L2
        if
        :: says && v[o].process != down ->
            if                    // by link 0 when it is good, else by either, or lost on both
            :: link = 1
            :: !good -> link = 0
            fi;
            if :: link -> d_step { send() } :: else fi
        :: else
        fi;
        d_step { says = 0; link = 0; n = 0; o = 0; what = nothing }
       }
    :: healed >= SETTLED + STAYS -> break
    od
}
