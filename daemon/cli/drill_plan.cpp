// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <cli/document.hpp>
#include <cli/drill_plan.hpp>
#include <cli/drill_ready.hpp>
#include <cli/drill_time.hpp>
#include <cli/first_files.hpp>
#include <config/config.hpp>
#include <config/words.hpp>

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <ostream>

namespace dyad::cli {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

/// systemd restarts a dyadd that says nothing for 10 s (WatchdogSec).
constexpr auto longest_outage = 8s;

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

/// The address of this machine nearest to the target that does not move.
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

/// A time of an option, or a sentence on stderr.
std::optional<std::chrono::milliseconds> limit_of(environment& env, char const* option, std::string const& text,
                                                  std::chrono::milliseconds least, std::chrono::milliseconds most) {
    auto const d = config::parse_duration(text);
    if (!d || *d < least || *d > most) {
        env.err << option << " is " << balance::in_quotes(text) << ", but must be a time from " << config::format_duration(least) << " to "
                << config::format_duration(most) << '\n';
        return std::nullopt;
    }
    return *d;
}

bool read_limits(environment& env, drill_options const& o, drill_plan& plan) {
    auto const gap = limit_of(env, "--max-gap", o.max_gap, 1ms, 1min);
    auto const outage = limit_of(env, "--outage", o.outage, 100ms, longest_outage);
    if (!gap || !outage) {
        return false;
    }
    plan.limits.max_gap = std::chrono::microseconds(*gap).count();
    plan.harm.outage = *outage;
    if (o.max_errors >= 0) {
        plan.limits.max_errors = static_cast<std::size_t>(o.max_errors);
    }
    if (!o.max_two_owners.empty()) {
        auto const two = limit_of(env, "--max-two-owners", o.max_two_owners, 0ms, 1min);
        if (!two) {
            return false;
        }
        if (o.witnesses.empty()) {
            env.err << "--max-two-owners needs somebody who watches who owns the addresses; name a machine with --witness\n";
            return false;
        }
        plan.limits.max_two_owners = std::chrono::microseconds(*two).count();
    }
    return true;
}

std::vector<std::string> interfaces_of(config::directory_config const& files, json::object const& status) {
    std::vector<std::string> out;
    auto const add = [&out](std::string const& interface) {
        if (!interface.empty() && interface != "lo" && std::find(out.begin(), out.end(), interface) == out.end()) {
            out.push_back(interface);
        }
    };
    for (auto const& value : array(status, "addresses")) {
        add(text(item(value), "interface"));
    }
    for (auto const& link : files.node.links) {
        add(link.interface);
    }
    return out;
}

std::string list_of(std::vector<std::string> const& words) {
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        out += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
    }
    return out;
}

std::string what_happens(drill_kind kind, std::string const& node, std::string const& peer, harm_settings const& harm) {
    auto const time = config::format_duration(harm.outage);
    switch (kind) {
    case drill_kind::planned:
        return "the floating addresses go from one node to the other, as with 'dyad handover', and back";
    case drill_kind::process:
        return "the cluster process of dyadd on " + node + " is killed; " + peer + " takes over, then the addresses come back";
    case drill_kind::link:
        return node + " is cut off at " + list_of(harm.interfaces) + " for " + time + ", with all that goes over them, this session too; " +
               peer + " takes over, then the addresses come back";
    case drill_kind::freeze:
        return "all processes of dyadd on " + node + " stand still for " + time + "; " + peer +
               " takes over, then the addresses come back";
    }
    return {};
}

} // namespace

bool drill_plan::hurts() const noexcept {
    return std::any_of(kinds.begin(), kinds.end(), [](drill_kind k) { return k != drill_kind::planned; });
}

std::optional<drill_plan> read_plan(environment& env, drill_options const& o) {
    drill_plan plan;
    auto const kinds = parse_kinds(o.kinds);
    if (!kinds) {
        env.err << kinds.error().detail << '\n';
        return std::nullopt;
    }
    plan.kinds = *kinds;
    plan.rounds = o.rounds;
    plan.clients = o.clients;
    plan.witnesses = o.witnesses;
    plan.report = o.report;
    auto any = o.probing;
    any.target = "192.0.2.1:1"; // its times and path are read, whatever the target
    auto const probing = probe_settings(env, any);
    if (!probing || !read_limits(env, o, plan)) {
        return std::nullopt;
    }
    plan.probing = *probing;
    for (auto const& target : o.targets) {
        auto of_one = o.probing;
        of_one.target = target;
        auto const how = probe_settings(env, of_one);
        if (!how) {
            return std::nullopt;
        }
        plan.targets.push_back(*how);
    }
    if (!o.at.empty()) {
        auto const at = time_named(o.at, std::time(nullptr));
        if (!at) {
            env.err << at.error().detail << '\n';
            return std::nullopt;
        }
        plan.at = *at;
    }
    if (plan.hurts() && plan.clients.empty()) {
        env.err << "a node that is hurt cannot tell what its clients see; name a client's machine, such as --client 'ssh viewer1 dyad'\n";
        return std::nullopt;
    }
    return plan;
}

std::string plan_hindrance(drill_plan const& plan, json::object const& status) {
    if (!plan.hurts()) {
        return {};
    }
    if (text(object(status, "node"), "state") != "active") {
        return "this kind hurts the active node, which is " + text(object(status, "peer"), "name") + "; run it there";
    }
    return ::geteuid() == 0 ? "" : "killing and stopping dyadd's processes and cutting links is root's alone; run it as root";
}

balance::result<> fill_in(drill_plan& plan, json::object const& status) {
    for (auto const& target : plan.targets.empty() ? targets_of(status) : std::vector<balance::endpoint>{}) {
        plan.targets.push_back(plan.probing);
        plan.targets.back().target = target;
    }
    if (plan.targets.empty()) {
        return balance::make_error(balance::errc::refused,
                                   "no drill: no TCP service has a server that is up; name a target as ADDRESS:PORT");
    }
    if (!plan.hurts()) {
        return {};
    }
    auto const where = text(object(status, "node"), "config_dir");
    auto const files = config::load_directory(where);
    if (!files.value) {
        return balance::make_error(balance::errc::refused, "no drill: the configuration in " + where +
                                                               " cannot be read, in which links and deadtime stand; 'dyad validate' says why");
    }
    if (auto const deadtime = files.value->cluster.timing.deadtime; plan.harm.outage < 2 * deadtime) {
        return balance::make_error(balance::errc::refused, "no drill: --outage is " + config::format_duration(plan.harm.outage) +
                                                               ", but must be twice the deadtime of " + config::format_duration(deadtime) +
                                                               " at least, or nothing would move");
    }
    plan.harm.interfaces = interfaces_of(*files.value, status);
    return {};
}

std::string question_of(drill_plan const& plan, json::object const& status) {
    auto const node = text(object(status, "node"), "name");
    auto const peer = text(object(status, "peer"), "name");
    auto out = "A drill of " + node + " and " + peer + ", " + std::to_string(plan.rounds) + (plan.rounds == 1 ? " round:\n" : " rounds:\n");
    for (auto const kind : plan.kinds) {
        out += "  " + std::string(to_string(kind)) + ": " + what_happens(kind, node, peer, plan.harm) + "\n";
    }
    std::vector<std::string> services;
    for (auto const& value : array(status, "services")) {
        services.push_back(text(item(value), "name"));
    }
    out += "  services that move: " + (services.empty() ? "none" : list_of(services)) + "\n";
    std::vector<std::string> targets;
    for (auto const& target : plan.targets) {
        targets.push_back(name_of(target));
    }
    out += "  probed: " + list_of(targets) + "\n";
    return out + (plan.hurts() ? "Clients' connections of layer 7 break each time that the node is hurt.\n" : "");
}

std::vector<prober::settings> local_targets(drill_plan const& plan, json::object const& status) {
    auto out = plan.targets;
    for (auto& target : out) {
        target.source = own_address(status, target.target.address);
    }
    return out;
}

} // namespace dyad::cli
