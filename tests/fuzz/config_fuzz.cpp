// SPDX-License-Identifier: Apache-2.0
// Anything at all as node.toml and cluster.toml: no crash, a refusal has a reason in one printable line with a place in
// the file, and what is accepted obeys the rules that the rest of the program relies on.
#include <balance/validate.hpp>

#include <algorithm>
#include <config/config.hpp>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace dyad::config;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

template <class T>
void check_diagnostics(outcome<T> const& got, std::string_view text) {
    auto const lines = static_cast<unsigned>(std::count(text.begin(), text.end(), '\n')) + 1;
    bool const fault =
        std::any_of(got.diagnostics.begin(), got.diagnostics.end(), [](auto const& d) { return !d.warning; });
    require(fault != got.value.has_value());
    for (auto const& d : got.diagnostics) {
        require(!d.message.empty() && d.line <= lines);
        require((d.line == 0) == (d.column == 0));
        require(std::none_of(d.message.begin(), d.message.end(),
                             [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
    }
}

void check_node(node_config const& n) {
    require(!n.name.empty() && n.role != cluster::node_id::none);
    require(n.heartbeat_port != 0 && n.replication_port != 0 && n.fallback_port != 0 && n.web_port != 0);
    for (auto const& l : n.links) {
        require(!l.interface.empty() && l.local != l.peer && l.local.is_v4() == l.peer.is_v4() &&
                !l.local.is_unspecified());
    }
}

void check_cluster(cluster_config const& c) {
    auto const& t = c.timing;
    require(t.keepalive.count() >= 1 && t.deadtime > 2 * t.keepalive && t.warntime > t.keepalive &&
            t.warntime <= t.deadtime);
    require(t.initdead >= t.deadtime && c.address_lifetime.count() >= 1 && c.address_lifetime.count() <= 60);
    auto const faults = balance::validate(c.services);
    require(std::all_of(faults.begin(), faults.end(), [](auto const& f) { return f.warning; }));
    auto const floating = c.all_floating();
    for (auto const& s : c.services.services) {
        require(s.address || s.firewall_mark != 0);
        require(!s.check.request.empty() && s.check.request.front() == '/');
        require(!s.snat_source || std::any_of(floating.begin(), floating.end(),
                                              [&](auto const& f) { return f.address == *s.snat_source; }));
    }
    auto with_marks = c.services;
    balance::allocate_marks(with_marks);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text(reinterpret_cast<char const*>(data), size);
    surroundings const around{size % 2 == 1, std::nullopt};
    auto const node = parse_node(text, "node.toml", around);
    check_diagnostics(node, text);
    if (node.value) {
        check_node(*node.value);
    }
    auto const cluster = parse_cluster(text, "cluster.toml", around);
    check_diagnostics(cluster, text);
    if (cluster.value) {
        check_cluster(*cluster.value);
    }
    return 0;
}
