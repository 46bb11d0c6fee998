// SPDX-License-Identifier: Apache-2.0
// Whatever host and target a request names: where it goes does not depend on how the same place is spelt, and a path that is
// kept for some servers is not reached by another name. The input is the host, a line's end, and the target.
#include "core/http_message.hpp"
#include "core/http_route.hpp"
#include "fuzz/insist.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace http = balance::core::http;
using balance::http_route;
using fuzz::insist;

std::vector<http_route> some_routes() {
    std::vector<http_route> out(4);
    out[0].host = "admin.example";
    out[1].path = "/admin/";
    out[2].path = "/ab";
    out[3].host = "*.example";
    return out;
}

int hex(char c) {
    auto const at = std::string_view("0123456789abcdef").find(c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

/// The path as servers read it: no query, no parameters of segments, no percent signs; read segment by segment.
std::string plain_path(std::string_view target) {
    std::string out;
    bool skip = false;
    auto const path = target.substr(0, target.find('?'));
    for (std::size_t i = 0; i < path.size(); ++i) {
        skip = path[i] == ';' || (skip && path[i] != '/');
        if (skip)
            continue;
        if (path[i] == '%' && i + 2 < path.size() && hex(path[i + 1]) >= 0 && hex(path[i + 2]) >= 0) {
            out += static_cast<char>(hex(path[i + 1]) * 16 + hex(path[i + 2]));
            i += 2;
        } else {
            out += path[i];
        }
    }
    return out;
}

/// Percent signs for all letters and digits.
std::string in_percents(std::string_view target) {
    std::string out;
    auto const end = std::min(target.find('?'), target.size());
    for (std::size_t i = 0; i < end; ++i) {
        char const c = target[i];
        bool const plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == '%') {
            out += target.substr(i, 3);
            i += 2;
        } else if (plain) {
            out += '%';
            out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
            out += "0123456789ABCDEF"[static_cast<unsigned char>(c) & 15];
        } else {
            out += c;
        }
    }
    return out.append(target.substr(end));
}

bool percents_are_whole(std::string_view target) {
    for (auto at = target.find('%'); at != target.npos; at = target.find('%', at + 1))
        if (at + 2 >= target.size() || hex(target[at + 1]) < 0 || hex(target[at + 2]) < 0)
            return false;
    return true;
}

void check(std::string_view host, std::string_view target) {
    static auto const routes = some_routes();
    auto const name = http::host_of(host);
    insist(host.starts_with(name));
    auto const at = http::route_of(routes, host, target);
    insist(!at || *at < routes.size());
    insist(http::route_of(routes, host, std::string(target) + "?/admin/") == at);
    std::string shouted(host);
    std::transform(shouted.begin(), shouted.end(), shouted.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; });
    insist(http::route_of(routes, shouted, target) == at);
    insist(name.find(':') != name.npos || name.ends_with('.') ||
           http::route_of(routes, std::string(name) + ".:8080", target) == http::route_of(routes, name, target));
    if (!http::has_one_reading(target))
        return;
    auto const path = plain_path(target);
    insist(path.find("//") == path.npos && path.find('\\') == path.npos && (path + "/").find("/../") == path.npos &&
           (path + "/").find("/./") == path.npos);
    if (at != 0)
        insist((at == 1) == path.starts_with("/admin/"));
    if (percents_are_whole(target.substr(0, target.find('?')))) {
        auto const spelt = in_percents(target);
        insist(!http::has_one_reading(spelt) || http::route_of(routes, host, spelt) == at);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const bytes(reinterpret_cast<char const*>(data), size);
    auto const end = std::min(bytes.find('\n'), bytes.size());
    auto const head = "GET " + std::string(bytes.substr(std::min(end + 1, size))) + " HTTP/1.1\r\nHost: " +
                      std::string(bytes.substr(0, end)) + "\r\n\r\n";
    http::head_finder finder;
    http::request r;
    if (finder.look(head) != http::head_finder::outcome::complete || finder.end() != head.size() || finder.begin() != 0 ||
        http::parse(head, r) != 0 || r.fields.all().size() != 1)
        return 0;
    check(r.host, r.target);
    return 0;
}
