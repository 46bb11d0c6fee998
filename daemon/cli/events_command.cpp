// SPDX-License-Identifier: Apache-2.0
#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>

#include <ostream>

namespace dyad::cli {

namespace {

void print(environment& env, boost::json::object const& event) {
    if (env.json) {
        env.out << boost::json::serialize(event) << '\n';
        return;
    }
    auto const who = text(event, "who");
    env.out << text(event, "time") << "  " << text(event, "kind") << ": " << text(event, "text")
            << (who.empty() ? "" : " (by " + who + ")") << '\n';
}

} // namespace

exit_code events(environment& env, bool follow, bool audit) {
    client const daemon(env.run_dir);
    std::int64_t last = 0;
    do {
        auto const document =
            daemon.get("/v1/events?after=" + std::to_string(last) + (audit ? "&audit=1" : "") + (follow && last > 0 ? "&wait_ms=30000" : ""));
        if (!document) {
            return fail(env, document.error());
        }
        for (auto const& e : array(*document, "events")) {
            print(env, item(e));
        }
        last = number(*document, "last");
        env.out << std::flush;
    } while (follow && env.out.good());
    return exit_code::done;
}

} // namespace dyad::cli
