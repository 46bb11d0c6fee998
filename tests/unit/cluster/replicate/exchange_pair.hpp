// SPDX-License-Identifier: Apache-2.0
// Two exchanges with a wire between them and a disk each, in virtual time. The wire keeps order and loses all or nothing, as
// TCP does; a disk keeps what was committed and forgets what was staged.
#pragma once

#include "replicate/exchange.hpp"

#include <array>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace test {

using namespace cluster;
using replicate::verb;

inline generation_id id_of(std::uint64_t generation, std::uint8_t content = 0, std::uint32_t term = 1) {
    generation_id id{{term, generation}, {}};
    id.hash.fill(static_cast<std::uint8_t>(generation * 16 + content));
    return id;
}

struct exchange_node {
    explicit exchange_node(node_id self, generation_id holds = {}) : machine({self, milliseconds{5000}, holds}), current(holds) {}

    replicate::exchange machine;
    generation_id current;               ///< on the disk
    std::optional<generation_id> staged; ///< on the disk
    bool refuses = false;                ///< what the peer prepares
    bool disk_full = false;              ///< nothing can be staged
    bool commit_fails = false;
    std::vector<replicate::answer_apply> answers;
    std::string alarm;
    std::optional<std::string> dropped;
    std::deque<replicate::say> outbox;
    std::vector<generation_id> history; ///< every commit
};

class exchange_pair {
public:
    explicit exchange_pair(generation_id a = {}, generation_id b = {})
        : nodes{exchange_node(node_id::primary, a), exchange_node(node_id::secondary, b)} {}

    exchange_node& a() { return nodes[0]; }
    exchange_node& b() { return nodes[1]; }

    void connect() {
        connected = true;
        auto const a_holds = a().machine.own();
        step(0, replicate::peer_greeted{b().machine.own()});
        step(1, replicate::peer_greeted{a_holds});
    }
    void lose() {
        connected = false;
        for (auto& n : nodes)
            n.outbox.clear();
        step(0, replicate::peer_lost{"cut"});
        step(1, replicate::peer_lost{"cut"});
    }
    void apply(std::size_t who, generation_id id) { step(who, replicate::apply_requested{id}); }
    /// Delivers the oldest message of `from`.
    bool deliver(std::size_t from) {
        auto& box = nodes[from].outbox;
        if (box.empty())
            return false;
        auto const m = box.front();
        box.pop_front();
        step(1 - from, replicate::heard{m.what, m.id, m.text});
        return true;
    }
    void settle() {
        while (deliver(0) || deliver(1)) {
        }
    }
    /// The process dies and starts again from its disk.
    void restart(std::size_t who) {
        auto const self = who == 0 ? node_id::primary : node_id::secondary;
        auto fresh = exchange_node(self, nodes[who].current);
        fresh.history = nodes[who].history;
        nodes[who] = std::move(fresh);
        lose();
    }
    void advance(milliseconds by) {
        now += by;
        for (std::size_t i = 0; i < 2; ++i)
            if (auto const due = nodes[i].machine.deadline(); due && *due <= now)
                step(i, replicate::timer_expired{});
    }

    void step(std::size_t who, replicate::event first) {
        std::deque<replicate::event> events{std::move(first)};
        while (!events.empty()) {
            auto const e = events.front();
            events.pop_front();
            std::vector<replicate::action> actions;
            nodes[who].machine.step(now, e, actions);
            for (auto const& action : actions)
                perform(nodes[who], action, events);
        }
    }

    replicate::time_point now{};
    bool connected = false;
    std::array<exchange_node, 2> nodes;

private:
    static error full() { return balance::make_error(balance::errc::io_error, "the disk is full"); }

    void perform(exchange_node& n, replicate::action const& action, std::deque<replicate::event>& events) {
        if (auto const* said = std::get_if<replicate::say>(&action)) {
            if (connected)
                n.outbox.push_back(*said);
        } else if (auto const* s = std::get_if<replicate::stage>(&action)) {
            std::optional<error> failure;
            if (s->from_peer && n.refuses)
                failure = balance::make_error(balance::errc::refused, "not here");
            else if (n.disk_full)
                failure = full();
            else
                n.staged = s->id;
            events.push_back(replicate::stage_done{s->id, failure});
        } else if (auto const* c = std::get_if<replicate::commit_staged>(&action)) {
            commit(n, *c, events);
        } else if (std::holds_alternative<replicate::drop_staged>(action)) {
            n.staged.reset();
        } else if (auto const* answer = std::get_if<replicate::answer_apply>(&action)) {
            n.answers.push_back(*answer);
        } else if (auto const* alarm = std::get_if<replicate::alarm>(&action)) {
            n.alarm = alarm->text;
        } else if (auto const* drop = std::get_if<replicate::drop_connection>(&action)) {
            n.dropped = drop->why;
        }
    }

    void commit(exchange_node& n, replicate::commit_staged const& c, std::deque<replicate::event>& events) {
        if (n.staged != c.id)
            throw std::logic_error("a commit of what was not staged");
        if (n.commit_fails) {
            events.push_back(replicate::commit_done{c.id, full()});
            return;
        }
        if (c.id.version <= n.current.version)
            throw std::logic_error("something older replaced something newer");
        n.current = c.id;
        n.history.push_back(c.id);
        n.staged.reset();
        events.push_back(replicate::commit_done{c.id, std::nullopt});
    }
};

} // namespace test
