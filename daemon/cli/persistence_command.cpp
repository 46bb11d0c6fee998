// SPDX-License-Identifier: Apache-2.0
// Layer 7's persistence tables: shown a page at a time, and cleared.
#include <balance/service.hpp>
#include <balance/text.hpp>

#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/table.hpp>
#include <cli/words.hpp>

#include <ostream>

namespace dyad::cli {

namespace json = boost::json;

namespace {

/// Where the page after this one begins.
std::string behind(json::object const& entry) { return text(entry, "service") + '/' + text(entry, "client"); }

void print_page(environment& env, json::object const& document, persistence_page const& page) {
    auto const& service = page.service;
    table t({{"SERVICE", 40}, {"CLIENT", 45}, {"SERVER", 40}, {"EXPIRES IN", 40, true}});
    auto const& entries = array(document, "entries");
    constexpr std::int64_t century_ms = 100LL * 365 * 24 * 3600 * 1000;
    for (auto const& v : entries) {
        auto const& e = item(v);
        auto const left = number(e, "remaining_ms");
        t.row({{text(e, "service")}, {text(e, "client")}, {text(e, "server")}, {left > century_ms ? "never" : age_text(left)}});
    }
    env.out << (t.empty() ? (page.client.empty() ? "no client is remembered\n" : "this client is not remembered: it goes wherever it is balanced to\n") : t.text(env.colour));
    if (flag(document, "more") && !entries.empty()) {
        env.out << "there are more: `dyad persistence show" << (service.empty() ? "" : " " + balance::in_quotes(service))
                << " --after " << balance::in_quotes(behind(item(entries.back()))) << "` goes on\n";
    }
    if (!service.empty()) {
        return;
    }
    std::string kernels;
    for (auto const& v : array(document, "layer4")) {
        if (v.is_string()) {
            kernels += (kernels.empty() ? "" : ", ") + printable(v.get_string());
        }
    }
    if (!kernels.empty()) {
        env.out << "layer 4 is the kernel's: `ipvsadm -Lnc` on the active node shows where clients go of " << kernels << '\n';
    }
}

} // namespace

exit_code show_persistence(environment& env, persistence_page const& page) {
    std::string query = "?limit=" + std::to_string(page.limit);
    if (!page.service.empty()) {
        query += "&service=" + escaped(page.service);
    }
    if (!page.after.empty()) {
        auto const slash = page.after.find('/');
        if (slash == std::string::npos || slash == 0 || !balance::parse_address(page.after.substr(slash + 1))) {
            env.err << "--after " << balance::in_quotes(page.after) << " is no SERVICE/CLIENT, as the page before names it\n";
            return exit_code::wrong_usage;
        }
        query += "&after_service=" + escaped(page.after.substr(0, slash)) + "&after_client=" + escaped(page.after.substr(slash + 1));
    }
    if (!page.client.empty()) {
        if (auto const parsed = balance::parse_address(page.client); !parsed) {
            env.err << parsed.error().detail << '\n';
            return exit_code::wrong_usage;
        }
        query += "&client=" + escaped(page.client);
    }
    auto const document = client(env.run_dir).get("/v1/persistence" + query);
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
    } else {
        print_page(env, *document, page);
    }
    return exit_code::done;
}

exit_code clear_persistence(environment& env, std::string const& service, std::string const& address) {
    json::object body{{"service", service}};
    if (!address.empty()) {
        auto const parsed = balance::parse_address(address);
        if (!parsed) {
            env.err << parsed.error().detail << '\n';
            return exit_code::wrong_usage;
        }
        body["client"] = parsed->to_string();
    }
    auto const document = client(env.run_dir).post("/v1/persistence", body);
    if (!document) {
        return fail(env, document.error());
    }
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return exit_code::done;
    }
    auto const count = number(*document, "cleared");
    env.out << count << (count == 1 ? " entry" : " entries") << " cleared"
            << (count == 0                        ? ""
                : flag(*document, "peer_told")    ? ", on the peer too"
                                                  : "; no peer was told")
            << '\n';
    return exit_code::done;
}

} // namespace dyad::cli
