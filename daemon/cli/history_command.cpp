// SPDX-License-Identifier: Apache-2.0
// The generations that are kept, and the way back to one.
#include <boost/json/serialize.hpp>
#include <cli/applied_view.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/table.hpp>

#include <array>
#include <ctime>
#include <ostream>

namespace dyad::cli {

namespace {

namespace json = boost::json;

/// "2026-11-22 10:07:01Z".
std::string moment(std::int64_t seconds) {
    auto const at = static_cast<std::time_t>(seconds);
    std::tm parts{};
    std::array<char, 32> out{};
    if (gmtime_r(&at, &parts) == nullptr || std::strftime(out.data(), out.size(), "%Y-%m-%d %H:%M:%SZ", &parts) == 0) {
        return "?";
    }
    return out.data();
}

} // namespace

exit_code history(environment& env) {
    auto const document = client(env.run_dir).get("/v1/history");
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return exit_code::done;
    }
    table t({{"GENERATION", 32}, {"APPLIED", 20}, {"BY", 48}, {"HASH", 12}, {"CHANGES", 400}});
    bool newest = true;
    for (auto const& v : array(*document, "generations")) {
        auto const& g = item(v);
        t.row({{text(g, "term") + '.' + text(g, "generation") + (newest ? " *" : "")},
               {moment(number(g, "applied_at"))},
               {text(g, "applied_by")},
               {text(g, "hash").substr(0, 12)},
               {text(g, "changes")}});
        newest = false;
    }
    env.out << (t.empty() ? "nothing was applied yet\n"
                          : t.text(env.colour) + "* in force; `dyad rollback GENERATION` goes back to another\n");
    return exit_code::done;
}

exit_code rollback(environment& env, std::string const& generation) {
    auto const document = client(env.run_dir).post("/v1/rollback", {{"to", generation}});
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
    } else {
        print_applied(env.out, *document);
    }
    return exit_code::done;
}

} // namespace dyad::cli
