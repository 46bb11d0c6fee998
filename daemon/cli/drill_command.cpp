// SPDX-License-Identifier: Apache-2.0
// Moves the addresses on purpose, there and back, while probes sit on the services.
#include <balance/text.hpp>

#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/drill_plan.hpp>
#include <cli/drill_ready.hpp>
#include <cli/drill_report.hpp>
#include <cli/drill_time.hpp>
#include <config/words.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <istream>
#include <ostream>
#include <pwd.h>
#include <thread>

namespace dyad::cli {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

std::atomic<bool> drill_interrupted{false}; // of this process, by who sits before it

/// Ends the drill after the round that runs; as long as it lives.
class interruption {
public:
    interruption() : before_(std::signal(SIGINT, [](int) { drill_interrupted = true; })) { drill_interrupted = false; }
    ~interruption() { std::signal(SIGINT, before_); }
    interruption(interruption const&) = delete;
    interruption& operator=(interruption const&) = delete;

private:
    void (*before_)(int);
};

balance::error no_drill(std::string const& why) { return balance::make_error(balance::errc::refused, "no drill: " + why); }

bool agreed(environment& env, bool yes, std::string const& what) {
    if (yes) {
        return true;
    }
    if (!env.asks || env.in == nullptr) {
        env.err << "a drill moves the addresses for real; say so with --yes\n";
        return false;
    }
    env.err << what << "Go on? [y/N] " << std::flush;
    std::string line;
    std::getline(*env.in, line);
    return line == "y" || line == "yes";
}

/// False: interrupted.
bool wait_until(environment& env, std::time_t when) {
    for (auto left = when - std::time(nullptr); left > 0 && !drill_interrupted; left = when - std::time(nullptr)) {
        if (env.asks) {
            env.err << "\rthe drill begins in " << left_text(left) << "   " << std::flush;
        }
        std::this_thread::sleep_for(200ms);
    }
    env.err << (env.asks ? "\r\x1b[K" : "") << std::flush;
    return !drill_interrupted;
}

std::string operator_name() {
    auto const* user = ::getpwuid(::getuid());
    auto const* behind = std::getenv("SUDO_USER");
    auto const own = user != nullptr ? std::string(user->pw_name) : "uid " + std::to_string(::getuid());
    return behind != nullptr ? own + ", sudo by " + printable(behind) : own;
}

drill_record record_of(json::object const& status, drill_plan const& plan) {
    drill_record out;
    auto const& node = object(status, "node");
    auto const& config = object(status, "config");
    out.begun = wall_time();
    out.node = text(node, "name");
    out.peer = text(object(status, "peer"), "name");
    out.release = text(node, "version");
    out.operated_by = operator_name();
    out.configuration = text(config, "term") + "." + text(config, "generation");
    out.rounds = plan.rounds;
    out.limits = plan.limits;
    if (std::find(plan.kinds.begin(), plan.kinds.end(), drill_kind::freeze) != plan.kinds.end() &&
        std::any_of(plan.targets.begin(), plan.targets.end(), [](auto const& t) { return t.path.empty(); })) {
        out.notes.emplace_back("the kernel of a node whose processes stand still goes on accepting connections and answering pings; only "
                               "http:// targets show that nobody is behind them");
    }
    return out;
}

/// The machines from which the drill is seen. Errors: the first that does not begin.
balance::result<std::vector<std::unique_ptr<seat>>> take_seats(drill_plan const& plan, json::object const& status, drill_record& record) {
    std::vector<std::unique_ptr<seat>> out;
    if (plan.clients.empty()) {
        out.push_back(seat_here(record.node, {local_targets(plan, status), {}}));
        record.seats.push_back(record.node + ", this node");
    }
    for (auto const& command : plan.clients) {
        auto taken = seat_behind(command, {plan.targets, {}});
        if (!taken) {
            return taken.error();
        }
        record.seats.push_back((*taken)->name() + ", a client, with: " + command);
        out.push_back(std::move(*taken));
    }
    for (auto const& command : plan.witnesses) {
        auto taken = seat_behind(command, {{}, floating_of(status)});
        if (!taken) {
            return taken.error();
        }
        record.seats.push_back((*taken)->name() + ", a witness of who owns the addresses, with: " + command);
        out.push_back(std::move(*taken));
    }
    return out;
}

/// All rounds; why it ended early stands in the record.
void run_rounds(environment& env, client const& daemon, drill_plan const& plan, std::vector<std::unique_ptr<seat>> const& seats,
                drill_record& record) {
    drill_runner runner(daemon, seats, record, plan.harm, [&](drill_move const& m) {
        if (!env.json) {
            env.err << "round " << m.round << " of " << plan.rounds << ", " << to_string(m.kind) << ", to " << m.to << ": after " << m.took_ms
                    << " ms" << (m.faults.empty() ? "" : ", limits not kept") << '\n';
        }
    });
    for (int round = 1; round <= plan.rounds; ++round) {
        for (auto const kind : plan.kinds) {
            if (drill_interrupted) {
                record.aborted = "interrupted by its operator";
                return;
            }
            if (auto const done = runner.round(round, kind); !done) {
                record.aborted = done.error().detail;
                return;
            }
        }
    }
}

exit_code report(environment& env, drill_plan const& plan, drill_record& record) {
    record.ended = wall_time();
    if (env.json) {
        env.out << json::serialize(to_json(record)) << '\n';
    } else {
        env.out << drill_text(record, env.colour);
    }
    if (!record.aborted.empty()) {
        env.err << record.aborted << '\n';
    }
    if (!plan.report.empty()) {
        if (auto const written = write_report(plan.report, record); !written) {
            return fail(env, written.error());
        }
        env.err << "written: " << (plan.report / "report.txt").string() << ", report.json, report.svg\n";
    }
    return record.passed() ? exit_code::done : exit_code::refused;
}

/// After the question, before anybody is hurt; and once more when the time has come.
balance::result<json::object> may_begin(client const& daemon, drill_plan const& plan) {
    auto status = daemon.get("/v1/status");
    if (!status) {
        return status;
    }
    if (auto const why = hindrance(*status); !why.empty()) {
        return no_drill(why);
    }
    if (auto const why = plan_hindrance(plan, *status); !why.empty()) {
        return no_drill(why);
    }
    return status;
}

} // namespace

exit_code drill(environment& env, drill_options const& o) {
    auto plan = read_plan(env, o);
    if (!plan) {
        return exit_code::wrong_usage;
    }
    client const daemon(env.run_dir);
    auto status = may_begin(daemon, *plan);
    if (!status) {
        return fail(env, status.error());
    }
    if (auto const filled = fill_in(*plan, *status); !filled) {
        return fail(env, filled.error());
    }
    if (!agreed(env, o.yes, question_of(*plan, *status))) {
        return exit_code::refused;
    }
    interruption const ctrl_c;
    if (plan->at) {
        env.err << "the drill begins at " << o.at << ", in " << left_text(*plan->at - std::time(nullptr)) << '\n';
        if (!wait_until(env, *plan->at)) {
            env.err << "interrupted before it began\n";
            return exit_code::refused;
        }
        if (status = may_begin(daemon, *plan); !status) {
            return fail(env, status.error());
        }
    }
    if (!plan->report.empty()) {
        if (auto const prepared = prepare_report(plan->report); !prepared) {
            return fail(env, prepared.error());
        }
    }
    auto record = record_of(*status, *plan);
    {
        auto seats = take_seats(*plan, *status, record);
        if (!seats) {
            return fail(env, seats.error());
        }
        run_rounds(env, daemon, *plan, *seats, record);
    }
    return report(env, *plan, record);
}

} // namespace dyad::cli
