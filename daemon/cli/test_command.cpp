// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <boost/json/serialize.hpp>
#include <cli/client.hpp>
#include <cli/commands.hpp>
#include <cli/document.hpp>
#include <cli/words.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ostream>

namespace dyad::cli {

namespace json = boost::json;

namespace {

std::string in_milliseconds(std::int64_t us) {
    std::array<char, 32> out{};
    std::snprintf(out.data(), out.size(), "%.1f ms", static_cast<double>(us) / 1000);
    return out.data();
}

/// What went over the wire, a line of it a line; the escapes of the daemon stay.
void print_bytes(environment& env, std::string_view what, std::string const& escaped, std::int64_t bytes) {
    if (bytes == 0) {
        return;
    }
    constexpr std::int64_t told = 1024;
    env.out << "    " << what << ' ' << bytes << (bytes == 1 ? " byte" : " bytes")
            << (bytes > told ? ", of which the first " + std::to_string(told) : "") << '\n';
    for (std::string_view rest = escaped; !rest.empty();) {
        auto const line_feed = rest.find("\\n");
        auto const end = line_feed == rest.npos ? rest.size() : line_feed + 2;
        env.out << "      " << rest.substr(0, end) << '\n';
        rest.remove_prefix(end);
    }
}

void print_step(environment& env, json::object const& step) {
    auto const name = text(step, "name");
    env.out << "  " << name << std::string(name.size() < 20 ? 20 - name.size() : 1, ' ')
            << in_milliseconds(number(step, "took_us")) << '\n';
    if (auto const note = text(step, "note"); !note.empty()) {
        env.out << "    " << note << '\n';
    }
    print_bytes(env, "sent", text(step, "sent"), number(step, "sent_bytes"));
    print_bytes(env, "received", text(step, "received"), number(step, "received_bytes"));
}

} // namespace

exit_code test_server(environment& env, std::string const& target) {
    auto const slash = target.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == target.size() ||
        std::count(target.begin(), target.end(), '/') != 1) {
        env.err << balance::in_quotes(target) << " names no server; write SERVICE/SERVER\n";
        return exit_code::wrong_usage;
    }
    auto const document =
        client(env.run_dir)
            .post("/v1/test", {{"service", target.substr(0, slash)}, {"server", target.substr(slash + 1)}});
    if (!document) {
        return fail(env, document.error());
    }
    bool const up = flag(*document, "success");
    auto const outcome = up ? exit_code::done : exit_code::refused;
    if (env.json) {
        env.out << json::serialize(*document) << '\n';
        return outcome;
    }
    auto const& at = object(*document, "target");
    auto const port = number(at, "port");
    env.out << target << ": check of type " << text(*document, "check") << ", " << text(at, "address")
            << (port == 0 ? "" : " port " + std::to_string(port)) << ", within " << text(*document, "timeout_ms")
            << " ms\n";
    for (auto const& step : array(*document, "steps")) {
        print_step(env, item(step));
    }
    env.out << painted(up ? "up" : "down", up ? colour::green : colour::red, env.colour) << ", after "
            << text(*document, "latency_ms") << " ms: " << text(*document, "reason") << '\n';
    return outcome;
}

} // namespace dyad::cli
