// SPDX-License-Identifier: Apache-2.0
// Two nodes become a pair: a token on one, typed at the other.
#include <balance/text.hpp>

#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/secret.hpp>
#include <cli/words.hpp>

#include <chrono>
#include <ostream>
#include <thread>

namespace dyad::cli {

namespace {

namespace json = boost::json;
using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_again{150};
constexpr std::chrono::seconds restart_limit{60}; ///< for two cluster processes and their first heartbeats

/// Prints the steps that were not printed yet.
void print_steps(environment& env, json::object const& progress, std::size_t& printed) {
    auto const& steps = array(progress, "steps");
    for (; printed < steps.size(); ++printed) {
        if (auto const* s = steps[printed].if_string(); s != nullptr && !env.json) {
            env.out << printable(*s) << '\n' << std::flush;
        }
    }
}

/// Until both nodes were started again, hear each other and hold the same configuration.
exit_code wait_for_peer(environment& env) {
    client const daemon(env.run_dir);
    bool heard = false;
    for (auto const limit = clock::now() + restart_limit; clock::now() < limit;
         std::this_thread::sleep_for(look_again)) {
        auto const status = daemon.get("/v1/status");
        if (!status) {
            continue; // it is being started again
        }
        if (!heard && flag(object(*status, "peer"), "alive")) {
            heard = true;
            if (!env.json) {
                env.out << "the nodes hear each other's heartbeats\n" << std::flush;
            }
        }
        if (heard && flag(object(*status, "config"), "in_sync")) {
            if (env.json) {
                env.out << json::serialize(*status) << '\n';
            } else {
                env.out << "both have the same configuration: the pair is made\n";
            }
            return exit_code::done;
        }
    }
    env.err << (heard ? "the configuration did not come to the peer" : "the peer's heartbeats are not heard")
            << " within " << restart_limit.count() << " s; `dyad status` and `dyad doctor` on both nodes say more\n";
    return exit_code::refused;
}

} // namespace

exit_code pair_token(environment& env) {
    auto const document = client(env.run_dir).post("/v1/pair-token", {});
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return exit_code::done;
    }
    env.out << text(*document, "token") << '\n';
    env.err << "good for one use, for " << age_text(number(*document, "life_ms"))
            << ": run `dyad pair ADDRESS` on the primary, with an address of this node, and type it there\n";
    return exit_code::done;
}

exit_code pair(environment& env, std::string const& address) {
    auto const peer = balance::parse_address(address);
    if (!peer) {
        env.err << peer.error().detail << '\n';
        return exit_code::wrong_usage;
    }
    client const daemon(env.run_dir);
    if (auto const status = daemon.get("/v1/status"); !status) {
        return fail(env, status.error()); // before anybody types 28 characters
    }
    auto progress = daemon.post("/v1/pair", {{"address", peer->to_string()}, {"token", ask_secret(env, "Token that `dyad pair-token` shows on the other node (it is not shown here): ")}});
    std::size_t printed = 0;
    while (progress && text(*progress, "state") == "working") {
        print_steps(env, *progress, printed);
        std::this_thread::sleep_for(look_again);
        progress = daemon.get("/v1/pairing");
    }
    if (!progress) {
        return fail(env, progress.error());
    }
    print_steps(env, *progress, printed);
    if (text(*progress, "state") != "done") {
        env.err << "not paired: " << text(*progress, "error") << '\n';
        return exit_code::refused;
    }
    return wait_for_peer(env);
}

exit_code unpair(environment& env, bool force) {
    auto const document = client(env.run_dir).post("/v1/unpair", {{"force", force}});
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return exit_code::done;
    }
    env.out << (flag(*document, "stays") ? "the pair is left: this node goes on alone with all services"
                                         : "the pair is left: the other node goes on alone; this one serves nothing, "
                                           "its configuration is kept as "
                                           "cluster.toml.before-unpairing")
            << (flag(*document, "peer_told") ? "\n"
                                             : "; the peer was not told: keep it off the network, or run `dyad unpair "
                                               "--force` there and empty its cluster.toml\n");
    return exit_code::done;
}

exit_code promote(environment& env, bool force) {
    auto const document = client(env.run_dir).post("/v1/promote", {{"force", force}});
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return exit_code::done;
    }
    bool const told = text(*document, "peer") == "committed";
    env.out << "this node is the primary, in term " << text(*document, "term")
            << (told ? "; the peer is the secondary\n" : "; the peer becomes the secondary when it is back\n");
    return exit_code::done;
}

} // namespace dyad::cli
