// SPDX-License-Identifier: Apache-2.0
#include <balance/validate.hpp>

#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>

#include <config/directory_parts.hpp>
#include <ostream>

namespace dyad::cli {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

struct findings {
    std::vector<config::diagnostic> diagnostics;
    std::optional<config::cluster_config> cluster;
    bool ok = false;
};

findings check_file(fs::path const& file) {
    findings out;
    auto const text = config::read_file(file);
    if (!text) {
        out.diagnostics.push_back({file.string(), 0, 0, text.error().detail});
        return out;
    }
    if (file.filename() == "node.toml") {
        // What lies beside it is not looked at, so a key is taken for granted.
        auto parsed =
            config::parse_node(*text, file.string(), {text->find("[link") != std::string::npos, std::nullopt});
        out.diagnostics = std::move(parsed.diagnostics);
        out.ok = parsed.value.has_value();
    } else {
        auto parsed = config::parse_cluster(*text, file.string(), {});
        out.diagnostics = std::move(parsed.diagnostics);
        out.ok = parsed.value.has_value();
        out.cluster = std::move(parsed.value);
    }
    return out;
}

findings check_directory(fs::path const& where) {
    findings out;
    auto loaded = config::load_directory(where);
    out.diagnostics = std::move(loaded.diagnostics);
    out.ok = loaded.value.has_value();
    if (loaded.value) {
        out.cluster = std::move(loaded.value->cluster);
    }
    return out;
}

json::object document_of(findings const& f) {
    json::array diagnostics;
    for (auto const& d : f.diagnostics) {
        diagnostics.push_back(json::object{
            {"file", d.file}, {"line", d.line}, {"column", d.column}, {"message", d.message}, {"warning", d.warning}});
    }
    json::array not_served;
    for (auto const& s : f.cluster ? f.cluster->services.services : std::vector<balance::virtual_service>{}) {
        if (auto const why = balance::not_served(s); !why.empty()) {
            not_served.push_back(json::object{{"service", s.name}, {"reason", why}});
        }
    }
    return {{"ok", f.ok}, {"diagnostics", std::move(diagnostics)}, {"not_served", std::move(not_served)}};
}

void print_summary(std::ostream& out, fs::path const& where, config::cluster_config const& c) {
    std::size_t servers = 0;
    for (auto const& s : c.services.services) {
        servers += s.servers.size();
    }
    out << where.string() << ": no fault; " << c.services.services.size() << " services, " << servers << " servers, "
        << c.all_floating().size() << " floating addresses\n";
    for (auto const& s : c.services.services) {
        if (auto const why = balance::not_served(s); !why.empty()) {
            out << "not served yet: " << printable(s.name) << ": " << why << '\n';
        }
    }
}

} // namespace

exit_code validate(environment& env, directory const& where) {
    auto place = where.value_or(env.config_dir);
    if (!where) {
        // A daemon with a directory of its own knows better than the default.
        if (auto const document = client(env.run_dir).get("/v1/status"); document) {
            place = text(object(*document, "node"), "config_dir");
        }
    }
    std::error_code ignored;
    auto const found = fs::is_regular_file(place, ignored) ? check_file(place) : check_directory(place);
    for (auto const& d : found.diagnostics) {
        env.err << config::to_string(d) << '\n';
    }
    if (env.json) {
        env.out << json::serialize(document_of(found)) << '\n';
    } else if (found.cluster) {
        print_summary(env.out, place, *found.cluster);
    } else if (found.ok) {
        env.out << place.string() << ": no fault\n";
    }
    return found.ok ? exit_code::done : exit_code::refused;
}

} // namespace dyad::cli
