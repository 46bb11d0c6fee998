// SPDX-License-Identifier: Apache-2.0
#include "core/plan_desired.hpp"

#include "core/validate_rules.hpp"

#include <balance/share.hpp>
#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace balance::ipvs {
namespace {

/// States by service and server, whatever their order: a hash table of places. Of several for one server the last counts.
class states_by_key {
public:
    explicit states_by_key(std::span<server_state const> states)
        : states_(states), places_(std::bit_ceil(2 * states.size() + 1), nobody) {
        for (std::size_t i = 0; i < states.size(); ++i) {
            place_of(states[i].key.service, states[i].key.server) = i;
        }
    }

    [[nodiscard]] server_state const* find(std::string_view service, std::string_view server) {
        auto const i = place_of(service, server);
        return i == nobody ? nullptr : &states_[i];
    }

private:
    static constexpr auto nobody = static_cast<std::size_t>(-1);

    /// Where the server's place stands, or would.
    std::size_t& place_of(std::string_view service, std::string_view server) {
        std::hash<std::string_view> const hash;
        for (auto at = hash(service) * 31 + hash(server);; ++at) {
            auto& place = places_[at % places_.size()];
            if (place == nobody || (states_[place].key.server == server && states_[place].key.service == service)) {
                return place;
            }
        }
    }

    std::span<server_state const> states_;
    std::vector<std::size_t> places_; ///< more than states
};

/// Of marks for the same service the first counts.
using marks_by_name = std::unordered_map<std::string_view, std::uint32_t>;

/// IP_VS_SCHEDNAME_MAXLEN of linux/ip_vs.h, without the terminating zero.
constexpr std::size_t longest_scheduler_name = 15;

/// The kernel counts the timeout in ticks of 32 bits.
constexpr std::chrono::seconds longest_timeout{31 * 24 * 3600};

/// The mark that selects the service; 0 when address, protocol and port do.
std::uint32_t mark_of(virtual_service const& s, marks_by_name const& marks) {
    if (s.firewall_mark != 0 || !needs_mark(s)) {
        return s.firewall_mark;
    }
    auto const found = marks.find(s.name);
    return found == marks.end() ? 0 : found->second;
}

/// Why the kernel could not hold the service although this version could serve it, or empty.
std::string cannot_express(virtual_service const& s, std::uint32_t mark) {
    if (mark == 0 && needs_mark(s)) {
        return "a service with several ports needs a firewall mark and the configuration gives it none; call "
               "allocate_marks()";
    }
    if (mark == 0 && (!s.address || s.ports.size() != 1)) {
        return "it has neither an address with ports nor a firewall mark; give it one of them";
    }
    if (s.balance.empty() || s.balance.size() > longest_scheduler_name) {
        return "\"" + s.balance + "\" is no scheduler of the kernel; wrr and wlc are the usual ones";
    }
    if (s.persistence.mode != persistence::kind::none && rules::is_v6(s) && s.persistence.granularity == 0) {
        return "the kernel has no granularity 0 for IPv6; it must be 1 to 128";
    }
    return {};
}

std::uint32_t netmask_of(bool v6, unsigned prefix) {
    if (v6) {
        return std::min(prefix, 128U);
    }
    return prefix == 0 ? 0 : 0xffff'ffffU << (32 - std::min(prefix, 32U));
}

std::uint16_t number_of(protocol p) {
    switch (p) {
    case protocol::udp:
        return udp_protocol;
    case protocol::sctp:
        return sctp_protocol;
    default:
        return tcp_protocol;
    }
}

std::uint32_t flags_of(virtual_service const& s) {
    std::uint32_t out = 0;
    if (s.persistence.mode != persistence::kind::none) {
        out |= persistent_flag;
    }
    if (s.one_packet) {
        out |= one_packet_flag;
    }
    if (s.scheduler_flags.fallback) {
        out |= scheduler_fallback_flag;
    }
    if (s.scheduler_flags.port) {
        out |= scheduler_port_flag;
    }
    return out;
}

service service_of(virtual_service const& s, std::uint32_t mark) {
    service out;
    out.key.v6 = rules::is_v6(s);
    if (mark != 0) {
        out.key.mark = mark;
    } else {
        out.key.protocol = number_of(s.protocol);
        out.key.local = {*s.address, s.ports.front().first};
    }
    out.scheduler = s.balance;
    out.flags = flags_of(s);
    unsigned prefix = out.key.v6 ? 128 : 32;
    if (s.persistence.mode != persistence::kind::none) {
        out.timeout = static_cast<std::uint32_t>(
            std::clamp(s.persistence.timeout, std::chrono::seconds(1), longest_timeout).count());
        prefix = s.persistence.granularity.value_or(static_cast<std::uint8_t>(prefix));
    }
    out.netmask = netmask_of(out.key.v6, prefix);
    return out;
}

forwarding method_of(mode m) {
    switch (m) {
    case mode::dr:
        return forwarding::direct;
    case mode::tun:
        return forwarding::tunnel;
    default:
        return forwarding::masquerade;
    }
}

/// Why a server gets no new connections; empty when it does.
std::string_view idle_reason(server_state const& state, health_check const& check) {
    if (state.admin == admin_state::drain) {
        return "drained";
    }
    if (state.share == 0) {
        return "taken out by its agent";
    }
    if (state.usable(check)) {
        return {};
    }
    return state.health == health::down ? "down" : "not checked yet";
}

desired_destination destination_of(virtual_service const& s, real_server const& v, service_key const& key,
                                   server_state const& state) {
    desired_destination out{v.name, {}, std::string(idle_reason(state, s.check))};
    // Only masquerading can translate a port: the other methods deliver the client's packet as it is.
    bool const translates = s.mode == mode::nat || s.mode == mode::snat;
    auto const port = translates && v.port != 0 ? v.port : key.local.port;
    auto const upper = agreed_maximum(v.max_connections, state.most_connections);
    auto const lower = std::min(v.min_connections, upper); // the kernel refuses lower > upper
    out.config = {{v.address, port}, method_of(s.mode), out.why.empty() ? shared_weight(v.weight, state.share) : 0U, upper, lower,
                  s.tunnel};
    return out;
}

/// Is a server known to be out of service? One that is not checked yet may be up.
bool is_out(server_state const& state) {
    return state.health == health::down || state.admin != admin_state::online || state.share == 0;
}

/// Where clients go when no server is left. The page is on the service's own address, where the kernel keeps it local.
std::optional<endpoint> fallback_of(virtual_service const& s, std::uint16_t page_port) {
    switch (s.fallback.mode) {
    case fallback::kind::server:
        return s.fallback.target;
    case fallback::kind::local:
        return s.address ? std::optional(endpoint{*s.address, page_port}) : std::nullopt;
    case fallback::kind::disabled:
        break;
    }
    return std::nullopt;
}

/// Of a persistent service by mark the kernel ignores the destination's port (ip_vs_sched_persist), so that IPVS cannot
/// lead to the page.
bool needs_page_rule(virtual_service const& s, service_key const& key) {
    return s.fallback.mode == fallback::kind::local && key.mark != 0 && s.persistence.mode != persistence::kind::none;
}

/// Of destinations with the same address and port the first stays: the kernel holds one.
void drop_repeated(std::vector<desired_destination>& list) {
    auto const out_of_order = [](auto const& a, auto const& b) { return !(a.config.remote < b.config.remote); };
    if (std::adjacent_find(list.begin(), list.end(), out_of_order) == list.end()) {
        return; // as people number their servers: each once
    }
    std::set<endpoint> taken;
    std::erase_if(list, [&](auto const& d) { return !taken.insert(d.config.remote).second; });
}

bool is_persistent(virtual_service const& s) { return s.persistence.mode != persistence::kind::none; }

/// One service may want what another does not: then clients leave, since that is what a drained server waits for.
void decide_on_drained(configuration const& c, states_by_key& states, desired_table& out) {
    std::string_view stay_with;
    std::string_view must_leave;
    for (auto const& s : c.services) {
        if (!is_layer4(s.mode) || !is_persistent(s)) {
            continue;
        }
        for (auto const& v : s.servers) {
            auto const* const state = states.find(s.name, v.name);
            if (state != nullptr && state->drained()) {
                (s.persistence.drained_stay ? stay_with : must_leave) = s.name;
            }
        }
    }
    out.clients_stay = !stay_with.empty() && must_leave.empty();
    if (!stay_with.empty() && !must_leave.empty()) {
        out.cannot_stay = "clients of drained servers of service " + std::string(stay_with) + " do not stay, because those of service " +
                          std::string(must_leave) + " must leave and the kernel makes no difference between the two";
    }
}

void add_destinations(virtual_service const& s, configuration const& c, states_by_key& states, bool clients_stay,
                      desired_service& out) {
    bool nobody_left = true;
    server_state const unheard_of{};
    out.destinations.reserve(s.servers.size() + 1);
    for (auto const& v : s.servers) {
        auto const* const known = states.find(s.name, v.name);
        auto const& state = known != nullptr ? *known : unheard_of;
        nobody_left = nobody_left && is_out(state);
        bool const must_go = clients_stay && is_persistent(s) && state.health == health::down;
        if (state.admin != admin_state::halt && !must_go) {
            out.destinations.push_back(destination_of(s, v, out.config.key, state));
        }
    }
    if (auto const last_resort = fallback_of(s, c.page_port); last_resort && nobody_left) {
        out.fallback_active = true;
        if (!needs_page_rule(s, out.config.key)) {
            out.destinations.push_back({"fallback", {*last_resort, method_of(s.mode), 1, 0, 0, s.tunnel}, {}, true});
        }
    }
    drop_repeated(out.destinations);
}

std::vector<port_range> sorted(std::vector<port_range> ports) {
    std::sort(ports.begin(), ports.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
    return ports;
}

/// Which ports of which address get the mark; none when the operator's script sets it.
void add_mark_rule(virtual_service const& s, std::uint32_t mark, packet_rules& out) {
    if (mark == 0 || !s.address) {
        return;
    }
    auto ports = sorted(rules::client_ports(s));
    if (ports.empty()) {
        return;
    }
    out.marks.push_back({s.name, *s.address, s.protocol, std::move(ports), mark});
}

void add_page_rule(virtual_service const& s, std::uint16_t page_port, packet_rules& out) {
    auto const ports = sorted(rules::client_ports(s));
    if (s.address && !ports.empty() && (s.protocol == protocol::tcp || s.protocol == protocol::tcp_udp)) {
        out.pages.push_back({s.name, *s.address, ports, page_port});
    }
}

void add_source_rule(virtual_service const& s, std::uint32_t mark, packet_rules& out) {
    auto const source = s.snat_source ? s.snat_source : s.address;
    if (s.mode != mode::snat || !source) {
        return;
    }
    source_rule rule{s.name, mark, {}, s.protocol, 0, *source};
    if (mark == 0) {
        rule.address = *s.address;
        rule.port = s.ports.front().first;
    }
    out.sources.push_back(std::move(rule));
}

/// The page answers for itself: its connections are this node's own.
std::vector<port_range> without(std::uint16_t port, std::vector<port_range> const& ports) {
    std::vector<port_range> out;
    for (auto const& r : ports) {
        if (port < r.first || r.last < port) {
            out.push_back(r);
            continue;
        }
        if (r.first < port) {
            out.push_back({r.first, static_cast<std::uint16_t>(port - 1)});
        }
        if (port < r.last) {
            out.push_back({static_cast<std::uint16_t>(port + 1), r.last});
        }
    }
    return out;
}

void add_held(virtual_service const& s, std::uint16_t page_port, packet_rules& out) {
    auto const ports = without(page_port, sorted(rules::client_ports(s)));
    if (!s.address || ports.empty() || (s.protocol != protocol::tcp && s.protocol != protocol::tcp_udp)) {
        return;
    }
    out.held_clients.push_back({s.name, *s.address, ports});
    if (s.mode != mode::nat && s.mode != mode::snat) {
        return; // servers answer clients themselves
    }
    auto const to = s.mode == mode::snat ? (s.snat_source ? s.snat_source : s.address) : std::nullopt;
    for (auto const& v : s.servers) {
        out.held_servers.push_back(
            {s.name, v.address, v.port == 0 ? ports : std::vector<port_range>{{v.port, v.port}}, to});
    }
}

/// A server without a port of its own is spoken to on a clear port of the service, where it has one.
void add_borrowed(virtual_service const& s, packet_rules& out) {
    if (!s.transparent || !s.address) {
        return;
    }
    auto const ports = sorted(s.ports.empty() && s.tls ? s.tls->ports : s.ports);
    for (auto const& v : s.servers) {
        out.borrowed.push_back({s.name, v.address, v.port == 0 ? ports : std::vector<port_range>{{v.port, v.port}}});
    }
}

masquerade_rule masquerade_of(configuration const& c) {
    if (c.auto_nat_interface.empty()) {
        return {};
    }
    std::set<address> machines;
    for (auto const& s : c.services) {
        if (s.mode != mode::nat) {
            continue;
        }
        for (auto const& v : s.servers) {
            machines.insert(v.address);
        }
    }
    return {c.auto_nat_interface, {machines.begin(), machines.end()}};
}

} // namespace

desired_table desire(configuration const& c, std::span<server_state const> states, bool hold) {
    states_by_key by_key(states);
    marks_by_name const marks(c.marks.begin(), c.marks.end());
    desired_table out;
    decide_on_drained(c, by_key, out);
    std::map<service_key, std::string_view> taken;
    for (auto const& s : c.services) {
        if (s.address) {
            out.addresses.push_back(*s.address);
        }
        if (!is_layer4(s.mode)) {
            add_borrowed(s, out.rules);
            continue;
        }
        auto const mark = mark_of(s, marks);
        auto reason = not_served(s);
        if (reason.empty()) {
            reason = cannot_express(s, mark);
        }
        if (!reason.empty()) {
            out.refused.push_back({s.name, std::move(reason)});
            continue;
        }
        desired_service wanted{s.name, service_of(s, mark), {}};
        auto const known = taken.size();
        auto const first = taken.emplace_hint(taken.end(), wanted.config.key, s.name); // services are often in order
        if (taken.size() == known) {
            out.refused.push_back({s.name, to_string(wanted.config.key) + " belongs to service " +
                                               std::string(first->second) +
                                               " already; give one of the two another address, port or mark"});
            continue;
        }
        add_destinations(s, c, by_key, out.clients_stay, wanted);
        if (wanted.fallback_active && needs_page_rule(s, wanted.config.key)) {
            add_page_rule(s, c.page_port, out.rules); // instead of the mark; connections that IPVS knows need none
        } else {
            add_mark_rule(s, mark, out.rules);
        }
        out.services.push_back(std::move(wanted));
        add_source_rule(s, mark, out.rules);
        if (hold) {
            add_held(s, c.page_port, out.rules);
        }
    }
    out.rules.masquerade = masquerade_of(c);
    return out;
}

} // namespace balance::ipvs
