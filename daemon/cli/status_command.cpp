// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/status_view.hpp>

#include <chrono>
#include <ostream>
#include <thread>

namespace dyad::cli {

namespace json = boost::json;

namespace {

/// Seconds since 1970, for the age of a configuration only.
std::int64_t wall_clock() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/// What the health checks remember of this server; a daemon that cannot say is no reason to show nothing.
json::object history_of(client const& daemon, std::string const& target) {
    auto const slash = target.find('/');
    if (slash == std::string::npos) {
        return {};
    }
    auto said = daemon.get("/v1/results?service=" + escaped(target.substr(0, slash)) +
                           "&server=" + escaped(target.substr(slash + 1)));
    return said ? std::move(*said) : json::object{{"error", said.error().detail}};
}

} // namespace

exit_code status(environment& env, std::string const& target) {
    client const daemon(env.run_dir);
    auto const document = daemon.get("/v1/status");
    if (!document) {
        return fail(env, document.error());
    }
    if (!target.empty() && detail_document(*document, target).empty()) {
        env.err << "there is no " << (target.find('/') == std::string::npos ? "service " : "server ")
                << balance::in_quotes(target) << " in the running configuration; `dyad status` lists them\n";
        return exit_code::refused;
    }
    auto const history = history_of(daemon, target);
    if (env.json) {
        auto shown = target.empty() ? *document : detail_document(*document, target);
        shown.insert(history.begin(), history.end());
        env.out << json::serialize(shown) << '\n';
        return exit_code::done;
    }
    env.out << (target.empty() ? status_text(*document, env.colour, wall_clock())
                               : detail_text(*document, target, env.colour))
            << history_text(history, env.colour);
    if (auto const why = text(history, "error"); !why.empty()) {
        env.out << "\nthe last checks are not known: " << why << '\n';
    }
    return exit_code::done;
}

exit_code watch(environment& env, std::string const& target) {
    while (env.out.good()) {
        if (env.colour) {
            env.out << "\x1b[H\x1b[2J"; // home, clear: a terminal
        }
        status(env, target); // a daemon that restarts comes back; go on until somebody ends us
        env.out << '\n' << std::flush;
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    return exit_code::done;
}

} // namespace dyad::cli
