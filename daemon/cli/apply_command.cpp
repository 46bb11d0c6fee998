// SPDX-License-Identifier: Apache-2.0
#include <boost/json/serialize.hpp>
#include <cli/applied_view.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>

#include <algorithm>
#include <config/directory_parts.hpp>
#include <config/words.hpp>
#include <ostream>

namespace dyad::cli {
namespace {

namespace json = boost::json;

/// The directory given, else the one that the daemon was started with.
balance::result<std::filesystem::path> directory_of(client const& daemon, directory const& where) {
    if (where) {
        return *where;
    }
    if (auto const document = daemon.get("/v1/directory")) {
        return std::filesystem::path(text(*document, "config_dir"));
    }
    auto const document = daemon.get("/v1/status"); // of a daemon that has yet to be restarted after an upgrade
    if (!document) {
        return document.error();
    }
    return std::filesystem::path(text(object(*document, "node"), "config_dir"));
}

/// What the daemon refused, in the words of somebody who knows the file's place.
balance::error explained(balance::error refused, std::string const& text, std::filesystem::path const& file, std::ostream& err) {
    auto const parsed = config::parse_cluster(text, file.string(), {});
    if (parsed.value) {
        return refused;
    }
    for (auto const& d : parsed.diagnostics) {
        err << config::to_string(d) << '\n';
    }
    return balance::make_error(balance::errc::refused, "nothing was applied");
}

struct answer {
    exit_code code = exit_code::done;
    json::object document;
};

answer send(environment& env, std::string const& target, directory const& where, json::object body = {}) {
    client const daemon(env.run_dir);
    auto const dir = directory_of(daemon, where);
    if (!dir) {
        return {fail(env, dir.error()), {}};
    }
    auto const file = *dir / "cluster.toml";
    auto const cluster_toml = config::read_file(file);
    if (!cluster_toml) {
        return {fail(env, balance::make_error(balance::errc::refused, file.string() + ": " + cluster_toml.error().detail)), {}};
    }
    body["cluster_toml"] = *cluster_toml;
    auto document = daemon.post(target, body);
    if (!document) {
        return {fail(env, explained(document.error(), *cluster_toml, file, env.err)), {}};
    }
    return {exit_code::done, std::move(*document)};
}

} // namespace

exit_code plan(environment& env, directory const& where) {
    auto const [code, document] = send(env, "/v1/plan", where);
    if (code != exit_code::done) {
        return code;
    }
    if (env.json) {
        env.out << json::serialize(document) << '\n';
        return exit_code::done;
    }
    auto const& changes = array(document, "changes");
    print_changes(env.out, changes);
    env.out << (changes.empty() ? "nothing would change\n"
                                : std::to_string(changes.size()) + " changes on both nodes; `dyad apply` makes them\n");
    return exit_code::done;
}

exit_code apply(environment& env, directory const& where, std::string const& confirm_within) {
    json::object body;
    if (!confirm_within.empty()) {
        auto const within = config::parse_duration(confirm_within);
        if (!within) {
            env.err << "--confirm: " << within.error().detail << '\n';
            return exit_code::wrong_usage;
        }
        body["confirm_ms"] = within->count();
    }
    auto const [code, document] = send(env, "/v1/apply", where, std::move(body));
    if (code != exit_code::done) {
        return code;
    }
    if (env.json) {
        env.out << json::serialize(document) << '\n';
        return exit_code::done;
    }
    print_applied(env.out, document);
    return exit_code::done;
}

exit_code confirm(environment& env) {
    auto const document = client(env.run_dir).post("/v1/confirm", {});
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return exit_code::done;
    }
    env.out << "configuration " << text(*document, "term") << '.' << text(*document, "generation") << " is confirmed and stays"
            << (flag(*document, "peer_told") ? "\n" : "; the peer, if there is one, hears of it when it is back\n");
    return exit_code::done;
}

} // namespace dyad::cli
