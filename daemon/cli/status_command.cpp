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

namespace {

/// Seconds since 1970, for the age of a configuration only.
std::int64_t wall_clock() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

} // namespace

exit_code status(environment& env, std::string const& target) {
    auto const document = client(env.run_dir).get("/v1/status");
    if (!document) {
        return fail(env, document.error());
    }
    if (!target.empty() && detail_document(*document, target).empty()) {
        env.err << "there is no " << (target.find('/') == std::string::npos ? "service " : "server ")
                << balance::in_quotes(target) << " in the running configuration; `dyad status` lists them\n";
        return exit_code::refused;
    }
    if (env.json) {
        env.out << boost::json::serialize(target.empty() ? *document : detail_document(*document, target)) << '\n';
    } else {
        env.out << (target.empty() ? status_text(*document, env.colour, wall_clock())
                                   : detail_text(*document, target, env.colour));
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
