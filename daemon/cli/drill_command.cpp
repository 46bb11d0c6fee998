// SPDX-License-Identifier: Apache-2.0
// Moves the addresses on purpose, there and back, while probes sit on the services.
#include <balance/text.hpp>

#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/first_files.hpp>
#include <cli/prober.hpp>
#include <cli/table.hpp>

#include <algorithm>
#include <bit>
#include <deque>
#include <istream>
#include <ostream>
#include <thread>

namespace dyad::cli {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_targets = 16;
constexpr auto lead = 500ms;    ///< of the probes, before a move
constexpr auto settling = 2s;   ///< after a move, before its report
constexpr auto turn_limit = 10s; ///< for the peer to be able to take them back

/// What was seen of one move.
struct seen_move {
    std::string what;
    std::int64_t took_ms = 0;
    std::vector<probe_report> reports; ///< of each target
};

/// One TCP port of each service that serves.
std::vector<balance::endpoint> targets_of(json::object const& status) {
    std::vector<balance::endpoint> out;
    for (auto const& value : array(status, "services")) {
        auto const& service = item(value);
        auto const address = balance::parse_address(text(service, "address"));
        auto const& servers = array(service, "servers");
        bool const up = std::any_of(servers.begin(), servers.end(),
                                    [](auto const& s) { return text(item(s), "health") == "up"; });
        auto const port = std::strtoul(text(service, "ports").c_str(), nullptr, 10); // the first of a list or range
        if (address && up && port != 0 && port < 65536 && text(service, "not_served").empty() &&
            text(service, "protocol").starts_with("tcp")) {
            out.push_back({*address, static_cast<std::uint16_t>(port)});
        }
    }
    out.resize(std::min(out.size(), most_targets));
    return out;
}

/// Bits that two addresses of one family begin with alike.
template <class Bytes>
std::size_t alike(Bytes const& a, Bytes const& b) {
    auto const at = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
    auto const more = at == a.size() ? 0 : std::countl_zero(static_cast<unsigned char>(a[at] ^ b[at]));
    return 8 * at + static_cast<std::size_t>(more);
}

std::size_t alike(balance::address const& a, balance::address const& b) {
    return a.is_v6() ? alike(a.to_v6().to_bytes(), b.to_v6().to_bytes()) : alike(a.to_v4().to_bytes(), b.to_v4().to_bytes());
}

/// The address of this machine nearest to the target that does not move: a probe from a floating address would move with it.
std::optional<balance::address> own_address(json::object const& status, balance::address const& like) {
    std::optional<balance::address> nearest;
    for (auto const& own : this_machine().addresses) {
        auto const& floating = array(status, "addresses");
        bool const moves = std::any_of(floating.begin(), floating.end(), [&own](auto const& f) {
            return text(item(f), "address") == own.address.to_string();
        });
        if (!moves && own.address.is_v6() == like.is_v6() && (!nearest || alike(own.address, like) > alike(*nearest, like))) {
            nearest = own.address;
        }
    }
    return nearest;
}

/// Why no drill now, or empty.
std::string hindrance(json::object const& status) {
    auto const& peer = object(status, "peer");
    if (peer.empty()) {
        return "this node has no peer";
    }
    if (!flag(peer, "alive")) {
        return "the peer is silent";
    }
    if (!flag(peer, "ready")) {
        return "the peer is not ready to serve";
    }
    auto const own = text(object(status, "node"), "state");
    auto const other = text(peer, "state");
    if (!((own == "active" && other == "passive") || (own == "passive" && other == "active"))) {
        return "the pair is changing: this node is " + own + ", the peer is " + other;
    }
    if (flag(object(status, "node"), "maintenance") || flag(peer, "maintenance")) {
        return "a node is in maintenance";
    }
    return {};
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
        std::this_thread::sleep_for(50ms);
    }
}

bool agreed(environment& env, bool yes, json::object const& status, int rounds) {
    if (yes) {
        return true;
    }
    if (!env.asks || env.in == nullptr) {
        env.err << "a drill moves the addresses for real; say so with --yes\n";
        return false;
    }
    env.err << "This moves the floating addresses of " << text(object(status, "node"), "name") << " and "
            << text(object(status, "peer"), "name") << " there and back, " << rounds
            << (rounds == 1 ? " time" : " times") << ". Type yes to begin: " << std::flush;
    std::string line;
    std::getline(*env.in, line);
    return line == "yes";
}

/// What probes saw, a row for each move and target.
void print(environment& env, std::vector<seen_move> const& moves, std::vector<prober::settings> const& targets) {
    table out({{"move", 24}, {"took", 12, true}, {"target", 48}, {"attempts", 10, true}, {"failed", 8, true}, {"slowest", 10, true},
               {"longest gap", 12, true}});
    for (auto const& move : moves) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
            auto const& r = move.reports[i];
            bool const first = i == 0;
            out.row({{first ? move.what : ""},
                     {first ? std::to_string(move.took_ms) + " ms" : ""},
                     {balance::to_string(targets[i].target)},
                     {std::to_string(r.attempts)},
                     {std::to_string(r.failed), r.failed == 0 ? colour::green : colour::red},
                     {short_time(r.slowest)},
                     {short_time(r.longest_gap)}});
        }
    }
    env.out << out.text(env.colour);
    for (auto const& move : moves) {
        for (std::size_t i = 0; i < targets.size(); ++i) {
            for (auto const& [reason, times] : move.reports[i].failures) {
                env.out << move.what << ", " << balance::to_string(targets[i].target) << ": " << times << " times " << reason << '\n';
            }
        }
    }
}

json::object document_of(std::vector<seen_move> const& moves, std::vector<prober::settings> const& targets) {
    json::array list;
    for (auto const& move : moves) {
        json::array seen;
        for (std::size_t i = 0; i < targets.size(); ++i) {
            auto of = to_json(move.reports[i]);
            of["target"] = balance::to_string(targets[i].target);
            seen.push_back(std::move(of));
        }
        list.push_back(json::object{{"move", move.what}, {"took_ms", move.took_ms}, {"seen", std::move(seen)}});
    }
    return {{"moves", std::move(list)}};
}

/// Gives the addresses to the other node, whoever has them.
balance::result<seen_move> move_once(client const& daemon, std::deque<prober>& probes) {
    auto const status = settled_status(daemon);
    if (!status) {
        return status.error();
    }
    bool const here = text(object(*status, "node"), "state") == "active";
    std::vector<std::int64_t> from;
    for (auto const& p : probes) {
        from.push_back(p.now());
    }
    std::this_thread::sleep_for(lead);
    auto const moved = daemon.post(here ? "/v1/handover" : "/v1/takeover", {});
    if (!moved) {
        return moved.error();
    }
    std::this_thread::sleep_for(settling);
    auto const& taker = text(object(*status, here ? "peer" : "node"), "name");
    seen_move out{"to " + taker, number(*moved, "took_ms"), {}};
    for (std::size_t i = 0; i < probes.size(); ++i) {
        out.reports.push_back(report_of(probes[i].attempts(), from[i], probes[i].now()));
    }
    return out;
}

} // namespace

exit_code drill(environment& env, drill_options const& o) {
    std::vector<prober::settings> targets;
    for (auto const& target : o.targets) {
        auto of_one = o.probing;
        of_one.target = target;
        auto const how = probe_settings(env, of_one);
        if (!how) {
            return exit_code::wrong_usage;
        }
        targets.push_back(*how);
    }
    client const daemon(env.run_dir);
    auto const status = daemon.get("/v1/status");
    if (!status) {
        return fail(env, status.error());
    }
    if (auto const why = hindrance(*status); !why.empty()) {
        return fail(env, balance::make_error(balance::errc::refused, "no drill: " + why));
    }
    for (auto const& target : targets.empty() ? targets_of(*status) : std::vector<balance::endpoint>{}) {
        auto of_one = o.probing;
        of_one.target = balance::to_string(target);
        auto const how = probe_settings(env, of_one);
        if (!how) {
            return exit_code::wrong_usage;
        }
        targets.push_back(*how);
    }
    if (targets.empty()) {
        return fail(env, balance::make_error(balance::errc::refused,
                                             "no drill: no TCP service has a server that is up; name a target as ADDRESS:PORT"));
    }
    if (!agreed(env, o.yes, *status, o.rounds)) {
        return exit_code::refused;
    }
    std::deque<prober> probes;
    for (auto& how : targets) {
        how.source = own_address(*status, how.target.address);
        probes.emplace_back(how);
    }
    std::vector<seen_move> moves;
    for (int move = 0; move < 2 * o.rounds; ++move) {
        auto seen = move_once(daemon, probes);
        if (!seen) {
            print(env, moves, targets);
            return fail(env, seen.error());
        }
        if (!env.json) {
            env.err << "move " << move + 1 << " of " << 2 * o.rounds << ", " << seen->what << ": after " << seen->took_ms << " ms\n";
        }
        moves.push_back(std::move(*seen));
    }
    probes.clear();
    if (env.json) {
        env.out << json::serialize(document_of(moves, targets)) << '\n';
    } else {
        print(env, moves, targets);
    }
    bool const well = std::all_of(moves.begin(), moves.end(), [](seen_move const& m) {
        return std::all_of(m.reports.begin(), m.reports.end(), [](auto const& r) { return r.failed == 0 && r.attempts > 0; });
    });
    return well ? exit_code::done : exit_code::refused;
}

} // namespace dyad::cli
