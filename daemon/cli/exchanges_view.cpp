// SPDX-License-Identifier: Apache-2.0
#include <cli/document.hpp>
#include <cli/status_view.hpp>
#include <cli/table.hpp>
#include <cli/words.hpp>

#include <array>
#include <cstdio>
#include <utility>
#include <vector>

namespace dyad::cli {
namespace {

namespace json = boost::json;

struct shown_number {
    char const* title;
    char const* key;
    bool of_http; ///< mode tcp has none
};
constexpr shown_number numbers[] = {{"1XX", "1xx", true},
                                    {"2XX", "2xx", true},
                                    {"3XX", "3xx", true},
                                    {"4XX", "4xx", true},
                                    {"5XX", "5xx", true},
                                    {"REFUSED", "refused", true},
                                    {"NO SERVER", "no_server", false},
                                    {"NO ROOM", "no_room", false},
                                    {"UNREACHABLE", "unreachable", false},
                                    {"BROKEN", "broken", true},
                                    {"LATE", "late", true}};

/// "0.8 ms", "12 ms", "3.4 s"; nothing where nothing was measured.
std::string length_text(json::object const& time, char const* which) {
    if (number(time, "count") == 0) {
        return "-";
    }
    auto const ms = static_cast<double>(number(time, which)) / 1000;
    std::array<char, 32> text{};
    if (ms >= 1000) {
        std::snprintf(text.data(), text.size(), "%.1f s", ms / 1000);
    } else {
        std::snprintf(text.data(), text.size(), ms < 10 ? "%.1f ms" : "%.0f ms", ms);
    }
    return text.data();
}

std::string rate_text(json::object const& of) {
    return size_text(number(object(of, "per_second"), "in_bytes")) + " / " + size_text(number(object(of, "per_second"), "out_bytes"));
}

} // namespace

std::string exchanges_text(json::object const& service) {
    bool const http = text(service, "mode") == "http";
    std::vector<table::column> columns{{http ? "REQUESTS" : "CONNECTIONS", 34}, {"BYTES/S IN / OUT", 40, true}};
    std::vector<char const*> keys;
    for (auto const& n : numbers) {
        if (http || !n.of_http) {
            columns.push_back({n.title, 40, true});
            keys.push_back(n.key);
        }
    }
    columns.insert(columns.end(), {{"TIME 50%", 40, true}, {"90%", 40, true}, {"99%", 40, true}});
    table t(std::move(columns));
    auto const row = [&](std::string const& name, json::object const& of) {
        auto const& e = object(of, "exchanges");
        std::vector<table::cell> cells{{name}, {rate_text(of)}};
        for (auto const* key : keys) {
            cells.push_back({text(e, key)});
        }
        for (auto const* key : {"p50_us", "p90_us", "p99_us"}) {
            cells.push_back({length_text(object(e, "time"), key)});
        }
        t.row(std::move(cells));
    };
    row(text(service, "name"), service);
    for (auto const& r : array(service, "servers")) {
        row("  " + text(item(r), "name"), item(r));
    }
    return t.text(false);
}

} // namespace dyad::cli
