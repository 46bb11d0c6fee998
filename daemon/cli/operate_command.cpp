// SPDX-License-Identifier: Apache-2.0
// Drain, halt, online, takeover, handover, maintenance, replace-proxy: one request each.
#include <balance/text.hpp>

#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/words.hpp>
#include <config/words.hpp>

#include <algorithm>
#include <ostream>

namespace dyad::cli {

namespace json = boost::json;

exit_code set_servers(environment& env, std::string const& action, std::string const& target,
                      std::string const& address, std::string const& cut_after) {
    json::object body{{"action", action}};
    if (!cut_after.empty()) {
        auto const time = config::parse_duration(cut_after);
        if (!time || time->count() < 1) {
            env.err << "--cut-after: " << (time ? "it must be 1ms at least; halt cuts at once" : time.error().detail) << '\n';
            return exit_code::wrong_usage;
        }
        body["cut_after_ms"] = time->count();
    }
    if (address.empty()) {
        auto const slash = target.find('/');
        if (slash == std::string::npos || slash == 0 || slash + 1 == target.size() ||
            std::count(target.begin(), target.end(), '/') != 1) {
            env.err << (target.empty() ? action : balance::in_quotes(target))
                    << (target.empty() ? " needs a server" : " names no server")
                    << "; write SERVICE/SERVER, or --server ADDRESS for a machine "
                    << "wherever it serves\n";
            return exit_code::wrong_usage;
        }
        body["service"] = target.substr(0, slash);
        body["server"] = target.substr(slash + 1);
    } else {
        auto const a = balance::parse_address(address);
        if (!a) {
            env.err << a.error().detail << '\n';
            return exit_code::wrong_usage;
        }
        body["address"] = a->to_string();
    }
    auto const document = client(env.run_dir).post("/v1/servers", body);
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return exit_code::done;
    }
    auto const& changed = array(*document, "changed");
    for (auto const& v : changed) {
        env.out << text(item(v), "service") << '/' << text(item(v), "server")
                << (action == "drain"  ? ": drains, gets no new connections" +
                                            (cut_after.empty() ? std::string() : "; on layer 7 those that are left are cut after " + cut_after)
                    : action == "halt" ? std::string(": halted, out of service")
                                       : std::string(": online"))
                << '\n';
    }
    if (changed.empty()) {
        env.out << "nothing changed\n";
    }
    return exit_code::done;
}

exit_code move_addresses(environment& env, std::string const& action) {
    auto const document = client(env.run_dir).post("/v1/" + action, {});
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
    } else {
        env.out << "this node is " << text(*document, "state") << ", after " << age_text(number(*document, "took_ms"))
                << '\n';
    }
    return exit_code::done;
}

exit_code run_firewall_script(environment& env) {
    auto const document = client(env.run_dir).post("/v1/firewall", {});
    if (!document) {
        return fail(env, document.error());
    }
    env.out << (env.json ? json::serialize(*document) : "the firewall script ran") << '\n';
    return exit_code::done;
}

exit_code replace_proxy(environment& env) {
    auto const document = client(env.run_dir).post("/v1/replace-proxy", {});
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return exit_code::done;
    }
    auto const was = number(*document, "was");
    auto const left = number(*document, "connections");
    env.out << "replaced: pid " << (was > 0 ? std::to_string(was) : "none") << " -> " << number(*document, "pid") << ", dyadd "
            << text(*document, "version");
    if (left > 0) {
        env.out << "; " << left << (left == 1 ? " connection finishes" : " connections finish") << " in the old one, within "
                << config::format_duration(std::chrono::milliseconds(number(*document, "finish_within_ms")));
    }
    env.out << '\n';
    return exit_code::done;
}

exit_code maintenance(environment& env, bool on) {
    auto const document = client(env.run_dir).post("/v1/maintenance", {{"on", on}});
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
    } else {
        env.out << (on ? "maintenance: this node does not become active until `dyad maintenance off`, also after a "
                         "restart\n"
                       : "maintenance is over: this node may become active\n");
    }
    return exit_code::done;
}

} // namespace dyad::cli
