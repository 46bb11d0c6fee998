// SPDX-License-Identifier: Apache-2.0
#include <cli/document.hpp>
#include <cli/drill_ready.hpp>
#include <cli/drill_runner.hpp>
#include <cli/drill_time.hpp>
#include <cli/words.hpp>
#include <config/words.hpp>

#include <algorithm>
#include <thread>
#include <utility>

namespace dyad::cli {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr auto lead = 500ms;        ///< of the probes, before a move
constexpr auto settling = 2s;       ///< after a move, before its report
constexpr auto turn_limit = 10s;    ///< for the peer to be able to take the addresses back
constexpr auto whole_limit = 30s;   ///< for a node that was hurt to be well again
constexpr auto report_limit = 30s;  ///< for a seat behind a link that was cut
constexpr auto look_again = 50ms;

std::int64_t micros(std::chrono::steady_clock::duration d) {
    return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
}

std::string epoch_of(json::object const& status) { return text(object(status, "node"), "epoch"); }

bool is_active(json::object const& status) { return text(object(status, "node"), "state") == "active"; }

} // namespace

std::string harm_done(drill_kind kind, std::string const& node, harm_settings const& harm) {
    auto const time = config::format_duration(harm.outage);
    switch (kind) {
    case drill_kind::process:
        return "the cluster process of dyadd on " + node + " was killed (SIGKILL)";
    case drill_kind::freeze:
        return "all processes of dyadd on " + node + " stood still for " + time;
    case drill_kind::link: {
        std::string list;
        for (auto const& interface : harm.interfaces) {
            list += (list.empty() ? "" : ", ") + interface;
        }
        return node + " was cut off at " + list + " for " + time;
    }
    case drill_kind::planned:
        break;
    }
    return node + " handed the addresses over";
}

balance::result<json::object> settled_status(client const& daemon) {
    auto const end = std::chrono::steady_clock::now() + turn_limit;
    while (true) {
        auto status = daemon.get("/v1/status");
        if (!status) {
            return status;
        }
        auto const why = hindrance(*status);
        if (why.empty()) {
            return status;
        }
        if (std::chrono::steady_clock::now() > end) {
            return balance::make_error(balance::errc::refused, "no drill: " + why);
        }
        std::this_thread::sleep_for(look_again);
    }
}

drill_runner::drill_runner(client const& daemon, std::vector<std::unique_ptr<seat>> const& seats, drill_record& record,
                           harm_settings harm, std::function<void(drill_move const&)> moved)
    : daemon_(daemon), seats_(seats), record_(record), harm_(std::move(harm)), moved_(std::move(moved)) {}

balance::result<> drill_runner::round(int number, drill_kind kind) {
    auto const before = settled_status(daemon_);
    if (!before) {
        return before.error();
    }
    bool const was_active = is_active(*before);
    auto const there = kind == drill_kind::planned ? planned_move(number) : unplanned_move(number, kind);
    if (!there) {
        go_home(was_active);
        return there;
    }
    auto const status = settled_status(daemon_);
    if (!status) {
        return status.error();
    }
    // Failback may have brought them home.
    return is_active(*status) == was_active ? balance::result<>() : planned_move(number);
}

void drill_runner::go_home(bool was_active) {
    auto const status = settled_status(daemon_);
    if (status && is_active(*status) == was_active) {
        return;
    }
    auto const moved = status ? daemon_.post(was_active ? "/v1/takeover" : "/v1/handover", {}) : status;
    record_.notes.push_back(moved ? "the drill ended within a round, and brought the addresses back"
                                  : "the drill ended within a round, and the addresses are not where they were: " + moved.error().detail);
}

drill_move drill_runner::begin_move(int number, drill_kind kind, json::object const& status) const {
    for (auto const& s : seats_) {
        s->compare_clocks();
    }
    auto const own = text(object(status, "node"), "name");
    auto const peer = text(object(status, "peer"), "name");
    bool const here = is_active(status);
    drill_move out;
    out.round = number;
    out.kind = kind;
    out.from = here ? own : peer;
    out.to = here ? peer : own;
    out.epoch_before = epoch_of(status);
    return out;
}

/// Gives the addresses to the other node, whoever has them.
balance::result<> drill_runner::planned_move(int number) {
    auto const status = settled_status(daemon_);
    if (!status) {
        return status.error();
    }
    auto move = begin_move(number, drill_kind::planned, *status);
    bool const here = is_active(*status);
    std::this_thread::sleep_for(lead);
    move.when = wall_time();
    auto const mark = clock::now();
    auto const moved = daemon_.post(here ? "/v1/handover" : "/v1/takeover", {});
    if (!moved) {
        return moved.error();
    }
    move.took_ms = cli::number(*moved, "took_ms");
    move.did = here ? move.from + " handed the addresses over" : move.to + " took the addresses over";
    std::this_thread::sleep_for(settling);
    auto const after = settled_status(daemon_);
    auto const ended = end_move(std::move(move), mark, after ? *after : *status);
    return after ? ended : balance::result<>(after.error());
}

balance::result<> drill_runner::unplanned_move(int number, drill_kind kind) {
    auto const status = settled_status(daemon_);
    if (!status) {
        return status.error();
    }
    if (!is_active(*status)) {
        return balance::make_error(balance::errc::refused, "no drill: this node is not the active one any more");
    }
    auto plan = plan_of(kind, *status);
    if (!plan) {
        return plan.error();
    }
    auto move = begin_move(number, kind, *status);
    std::this_thread::sleep_for(lead);
    move.when = wall_time();
    auto done = disturbance::begin(std::move(*plan));
    if (!done) {
        return done.error();
    }
    auto const mark = (*done)->begun();
    move.did = harm_done(kind, move.from, harm_);
    auto const restored = (*done)->wait_restored();
    if (restored && kind != drill_kind::process) {
        move.restored = micros(*restored - mark);
    }
    auto const whole = moved_away(move.epoch_before);
    move.took_ms = micros(clock::now() - mark) / 1000;
    std::this_thread::sleep_for(settling);
    if (!whole) {
        move.faults.push_back(whole.error().detail);
    }
    auto const ended = end_move(std::move(move), mark, whole ? *whole : *status);
    return !restored ? balance::result<>(restored.error()) : !whole ? balance::result<>(whole.error()) : ended;
}

balance::result<disturbance_plan> drill_runner::plan_of(drill_kind kind, json::object const& status) const {
    disturbance_plan out;
    out.kind = kind;
    auto const cluster = static_cast<pid_t>(process_of(status, "cluster"));
    auto all = processes_below(static_cast<pid_t>(process_of(status, "guardian")), cluster);
    if (!all) {
        return all.error();
    }
    out.processes = kind == drill_kind::process ? std::vector{cluster} : kind == drill_kind::freeze ? *all : std::vector<pid_t>{};
    if (kind == drill_kind::link) {
        out.interfaces = harm_.interfaces;
    }
    if (kind != drill_kind::process) {
        out.length = harm_.outage;
    }
    return out;
}

balance::result<json::object> drill_runner::moved_away(std::string const& epoch_before) const {
    auto const end = clock::now() + whole_limit;
    std::string why;
    while (clock::now() < end) {
        if (auto status = daemon_.get("/v1/status"); !status) {
            why = status.error().detail;
        } else if (why = hindrance(*status); why.empty()) {
            // What a node says that has just woken up is from before.
            if (epoch_of(*status) != epoch_before) {
                return status;
            }
            why = "the addresses did not move";
        }
        std::this_thread::sleep_for(look_again);
    }
    return balance::make_error(balance::errc::refused, "the pair was not whole again within " +
                                                           age_text(std::chrono::milliseconds(whole_limit).count()) + ": " + why);
}

balance::result<> drill_runner::end_move(drill_move move, clock::time_point mark, json::object const& status) {
    auto const now = clock::now();
    move.epoch_after = epoch_of(status);
    move.begins = -micros(lead);
    move.ends = micros(now - mark);
    balance::result<> gone;
    for (auto const& s : seats_) {
        if (auto const reported = s->reported(s->at(now), report_limit); !reported) {
            move.faults.push_back(reported.error().detail);
            gone = reported;
        }
        move.uncertain = std::max(move.uncertain, s->uncertain());
        for (std::size_t i = 0; i < s->plan().targets.size(); ++i) {
            auto seen = see_target(s->attempts(i), s->at(mark), move.begins, move.ends);
            seen.seat = s->name();
            seen.target = name_of(s->plan().targets[i]);
            move.seen.push_back(std::move(seen));
        }
        for (std::size_t i = 0; i < s->plan().watched.size(); ++i) {
            auto seen = see_address(s->owners(i), s->at(mark), move.begins, move.ends);
            seen.seat = s->name();
            seen.address = s->plan().watched[i].to_string();
            move.owners.push_back(std::move(seen));
        }
    }
    name_owners(move);
    auto faults = judge(move, record_.limits);
    move.faults.insert(move.faults.end(), faults.begin(), faults.end());
    moved_(move);
    record_.moves.push_back(std::move(move));
    return gone;
}

} // namespace dyad::cli
