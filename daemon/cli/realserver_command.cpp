// SPDX-License-Identifier: Apache-2.0
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/realserver_script.hpp>

#include <algorithm>
#include <config/config.hpp>
#include <config/directory_parts.hpp>
#include <ostream>

namespace dyad::cli {
namespace {

exit_code refuse(environment& env, std::string const& why) {
    env.err << why << '\n';
    return exit_code::refused;
}

} // namespace

exit_code print_realserver_script(environment& env, std::string const& service, std::string const& way,
                                  directory const& where) {
    auto place = where.value_or(env.config_dir);
    if (!where) {
        if (auto const document = client(env.run_dir).get("/v1/status"); document) {
            place = text(object(*document, "node"), "config_dir");
        }
    }
    auto const how = parse_receiving(way);
    auto const file = config::read_file(place / "cluster.toml");
    if (!how || !file) {
        return refuse(env, !how ? how.error().detail : file.error().detail);
    }
    auto const parsed = config::parse_cluster(*file, (place / "cluster.toml").string(), {});
    if (!parsed.value) {
        for (auto const& d : parsed.diagnostics) {
            env.err << config::to_string(d) << '\n';
        }
        return exit_code::refused;
    }
    auto const& services = parsed.value->services.services;
    auto const found = std::find_if(services.begin(), services.end(), [&](auto const& s) { return s.name == service; });
    if (found == services.end()) {
        return refuse(env, "there is no service " + printable(service) + " in " + (place / "cluster.toml").string() +
                               "; `dyad status` lists them");
    }
    std::vector<balance::address> floating;
    for (auto const& f : parsed.value->floating) {
        floating.push_back(f.address);
    }
    auto const script = realserver_script(*found, *how, floating);
    if (!script) {
        return refuse(env, script.error().detail);
    }
    env.out << *script;
    return exit_code::done;
}

} // namespace dyad::cli
