// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cli/commands.hpp>
#include <cli/owner_watch.hpp>
#include <cli/prober.hpp>
#include <cli/words.hpp>

#include <atomic>
#include <config/words.hpp>
#include <csignal>
#include <ostream>
#include <thread>

namespace dyad::cli {
namespace {

using namespace std::chrono_literals;

std::atomic<bool> interrupted{false}; // of this process, by who sits before it

void interrupt(int) { interrupted = true; }

/// A time within bounds, or a sentence on stderr.
std::optional<std::chrono::milliseconds> time_of(environment& env, char const* option, std::string const& text,
                                                 std::chrono::milliseconds least, std::chrono::milliseconds most) {
    auto const d = config::parse_duration(text);
    if (!d || *d < least || *d > most) {
        env.err << option << " is " << balance::in_quotes(text) << ", but must be a time from "
                << config::format_duration(least) << " to " << config::format_duration(most) << '\n';
        return std::nullopt;
    }
    return *d;
}

boost::json::object owners_json(owner_report const& r) {
    boost::json::array spans;
    for (auto const& s : r.spans) {
        spans.push_back(boost::json::object{
            {"from_us", s.from}, {"to_us", s.to}, {"owners", boost::json::array(s.macs.begin(), s.macs.end())}});
    }
    return {{"questions", r.questions}, {"unanswered", r.unanswered}, {"two_owners_us", r.two_owners}, {"spans", std::move(spans)}};
}

std::string owners_text(owner_report const& r) {
    std::string out = "  owners       " + std::to_string(r.questions) + " questions, " + std::to_string(r.unanswered) +
                      " unanswered; two stations answered for " + short_time(r.two_owners) + "\n";
    for (auto const& s : r.spans) {
        std::string who;
        for (auto const& mac : s.macs) {
            who += (who.empty() ? "" : " and ") + mac;
        }
        out += "    " + short_time(s.from) + " to " + short_time(s.to) + ": " + (who.empty() ? "nobody" : who) + "\n";
    }
    return out;
}

} // namespace

std::optional<prober::settings> probe_settings(environment& env, probe_options const& o) {
    if (!o.path.empty() && (!o.path.starts_with('/') || o.path.find_first_of(" \r\n") != std::string::npos)) {
        env.err << "--http is " << balance::in_quotes(o.path) << ", but must be a path such as /health\n";
        return std::nullopt;
    }
    auto how = parse_target(o.target, o.path);
    if (!how) {
        env.err << how.error().detail << '\n';
        return std::nullopt;
    }
    auto const every = time_of(env, "--every", o.every, 1ms, 1min);
    auto const patience = time_of(env, "--timeout", o.timeout, 1ms, 1min);
    if (!every || !patience) {
        return std::nullopt;
    }
    how->every = *every;
    how->patience = *patience;
    return *how;
}

exit_code probe(environment& env, probe_options const& o) {
    auto const how = probe_settings(env, o);
    auto const length = time_of(env, "--for", o.length, 0ms, 24h);
    if (!how || !length) {
        return exit_code::wrong_usage;
    }
    auto const epoch = prober::clock::now();
    std::unique_ptr<owner_watch> watch;
    if (o.watch_owner) {
        auto started = owner_watch::start({how->target.address}, epoch);
        if (!started) {
            return fail(env, started.error());
        }
        watch = std::move(*started);
    }
    interrupted = false;
    auto const before = std::signal(SIGINT, interrupt);
    prober client(*how, epoch);
    std::int64_t const end = std::chrono::microseconds(*length).count();
    std::int64_t told = 0;
    while (!interrupted && (end == 0 || client.now() < end)) {
        std::this_thread::sleep_for(20ms);
        if (env.asks && !env.json && client.now() - told >= 1'000'000) { // somebody looks on
            auto const r = report_of(client.attempts(), 0, client.now());
            env.err << '\r' << r.attempts << " attempts, " << r.failed << " failed, longest gap " << short_time(r.longest_gap) << "   "
                    << std::flush;
            told = client.now();
        }
    }
    auto const ended = client.now();
    client.stop();
    std::signal(SIGINT, before);
    if (told != 0) {
        env.err << "\r\x1b[K" << std::flush;
    }
    // Those under way at the end count as they ended; the time in which they did is no gap.
    auto attempts = client.attempts();
    for (auto& a : attempts) {
        a.ended = std::min(a.ended, ended);
    }
    auto const r = report_of(attempts, 0, ended);
    auto const owners = watch ? owners_of(watch->samples(0), 0, ended) : owner_report{};
    if (env.json) {
        auto document = to_json(r);
        if (watch) {
            document["owners"] = owners_json(owners);
        }
        document["target"] = name_of(*how);
        document["seconds"] = static_cast<double>(ended) / 1e6;
        env.out << boost::json::serialize(document) << '\n';
    } else {
        env.out << name_of(*how) << ": " << r.attempts << " attempts in " << short_time(ended)
                << ", one every " << config::format_duration(how->every) << '\n'
                << to_text(r) << (watch ? owners_text(owners) : "");
    }
    return r.failed == 0 && r.attempts > 0 ? exit_code::done : exit_code::refused;
}

} // namespace dyad::cli
