// SPDX-License-Identifier: Apache-2.0
#include "doctor/inquiry.hpp"

#include "core/check_traits.hpp"
#include "core/validate_rules.hpp"

#include <algorithm>
#include <map>

namespace balance::doctor {
namespace {

bool in_range(port_range const& r, std::uint16_t port) { return r.first <= port && port <= r.last; }

bool has_tcp(virtual_service const& s) { return s.protocol == protocol::tcp || s.protocol == protocol::tcp_udp; }

/// The port to which the service's check connects; 0: to none.
std::uint16_t checked_port(virtual_service const& s, std::vector<port_range> const& ports) {
    using kind = health_check::kind;
    auto const type = s.check.type;
    if (type == kind::ping || type == kind::external || type == kind::on || type == kind::off || core::is_over_udp(s.check)) {
        return 0;
    }
    return s.check.port != 0 || ports.empty() ? s.check.port : ports.front().first;
}

/// Server's and service's names of the views' states.
using admin_states = std::map<server_key, admin_state>;

/// Makes the views of one configuration.
class viewer {
public:
    viewer(std::span<server_state const> states, surroundings const& around,
           std::function<way(address_v4)> const& way_to)
        : around_(around), way_to_(way_to) {
        for (auto const& s : states) {
            admin_.insert_or_assign(s.key, s.admin);
        }
    }

    service_view view(virtual_service const& s) {
        service_view out{&s, cannot_ask(s), home(s)};
        if (!out.not_asked.empty()) {
            return out;
        }
        for (auto const& v : s.servers) {
            add(out, v);
        }
        if (s.fallback.mode == fallback::kind::server && (s.mode == mode::dr || s.mode == mode::tun)) {
            add_fallback(out);
        }
        return out;
    }

private:
    void add(service_view& out, real_server const& v) {
        if (v.address.is_v6()) {
            out.of_v6.push_back(v.name);
            return;
        }
        auto const target = v.address.to_v4();
        auto const state = admin_.find({out.service->name, v.name});
        server_view seen{out.service, v.name, target, state == admin_.end() ? admin_state::online : state->second,
                         port_to_ask(*out.service, v)};
        if (seen.admin != admin_state::halt) {
            seen.route = way_of(target);
            seen.own = own_address(seen.route, target, around_);
        }
        out.servers.push_back(std::move(seen));
    }

    /// The machine that answers when no server can.
    void add_fallback(service_view& out) {
        real_server v;
        v.name = "fallback";
        v.address = out.service->fallback.target.address;
        auto const& servers = out.service->servers;
        if (std::none_of(servers.begin(), servers.end(),
                         [&](real_server const& s) { return s.address == v.address; })) {
            add(out, v);
        }
    }

    way const& way_of(address_v4 target) {
        auto const known = ways_.find(target);
        return known != ways_.end() ? known->second : ways_.emplace(target, way_to_(target)).first->second;
    }

    [[nodiscard]] std::optional<station> home(virtual_service const& s) const {
        auto const name = s.address && s.address->is_v4() ? home_of(*s.address, around_.networks) : std::string();
        auto const found = std::find_if(around_.stations.begin(), around_.stations.end(),
                                        [&](station const& i) { return i.name == name && i.has_arp; });
        return found == around_.stations.end() ? std::nullopt : std::optional(*found);
    }

    surroundings const& around_;
    std::function<way(address_v4)> const& way_to_;
    admin_states admin_;
    std::map<address_v4, way> ways_;
};

/// May it be asked for by ARP?
bool is_at_hand(server_view const& v) {
    return v.admin != admin_state::halt && v.route.is == way::kind::neighbour && v.route.through.has_arp && v.own;
}

arp_question who_has_service(virtual_service const& s, station const& where) {
    return {where.index, s.address->to_v4()};
}

/// Clients ask where the address is at home. On the passive node that is the peer's, and only servers are looked at.
void add_arp_questions(service_view const& view, surroundings const& around, arp_questions& out) {
    auto const& s = *view.service;
    if (view.home && around.active) {
        out[who_has_service(s, *view.home)] = {view.home->mac, true};
    }
    for (auto const& v : view.servers) {
        if (!is_at_hand(v)) {
            continue;
        }
        auto const& through = v.route.through;
        out.try_emplace({through.index, v.address}, arp_manner{through.mac, false});
        if (s.mode == mode::dr) {
            out[who_has_service(s, through)] = {through.mac, true};
        }
    }
}

arp_claims claims_of(arp_answers const& said, arp_question const& q) {
    auto const found = said.find(q);
    return found == said.end() ? std::nullopt : found->second;
}

bool share_one(std::set<mac_address> const& a, std::set<mac_address> const& b) {
    return std::any_of(a.begin(), a.end(), [&](mac_address const& m) { return b.contains(m); });
}

void take(service_view& view, arp_answers const& said, surroundings const& around) {
    auto const& s = *view.service;
    auto const at_home = view.home ? claims_of(said, who_has_service(s, *view.home)) : std::nullopt;
    view.claiming = around.active ? at_home.value_or(std::set<mac_address>{}) : std::set<mac_address>{};
    for (auto const& i : around.stations) {
        view.claiming.erase(i.mac);
    }
    for (auto& v : view.servers) {
        if (!is_at_hand(v)) {
            continue;
        }
        v.macs = claims_of(said, {v.route.through.index, v.address});
        auto const macs = v.macs.value_or(std::set<mac_address>{});
        auto const beside = claims_of(said, who_has_service(s, v.route.through)).value_or(std::set<mac_address>{});
        bool const other_network = view.home && view.home->index != v.route.through.index;
        v.claims_service = (at_home && share_one(macs, *at_home)) || (!other_network && share_one(macs, beside));
        v.claims_elsewhere = !v.claims_service && share_one(macs, beside);
        std::erase_if(view.claiming, [&](mac_address const& m) { return macs.contains(m); });
    }
}

struct questions_of_server {
    std::optional<tcp_question> to_us{};
    std::optional<tcp_question> to_client{};
};

tcp_question through_tunnel(server_view const& v) {
    tcp_question q;
    q.source = q.tunnel_source = *v.own;
    q.target = v.service->address->to_v4();
    q.port = v.port.number;
    q.through = v.service->tunnel;
    q.tunnel_target = v.address;
    return q;
}

questions_of_server questions_of(server_view const& v, surroundings const& around) {
    if (v.port.number == 0 || v.admin == admin_state::halt || !v.own) {
        return {};
    }
    auto const m = v.service->mode;
    if (m == mode::tun) {
        return {{}, through_tunnel(v)};
    }
    if (!is_at_hand(v) || !v.macs || v.macs->empty()) {
        return {};
    }
    auto const ask = [&](address_v4 source, address_v4 target) {
        auto const& through = v.route.through;
        return tcp_question{through.index, through.mac, *v.macs->begin(), source, target, v.port.number};
    };
    if (m == mode::dr) {
        return {{}, ask(*v.own, v.service->address->to_v4())};
    }
    // On the passive node only replies that come to it tell something.
    return {around.active ? std::optional(ask(*v.own, v.address)) : std::nullopt, ask(around.stranger, v.address)};
}

reply reply_to(std::optional<tcp_question> const& q, tcp_answers const& said) {
    auto const found = q ? said.find(*q) : said.end();
    return found == said.end() ? reply::unknown : found->second;
}

} // namespace

std::string home_of(address const& a, std::vector<firewall::interface_network> const& networks) {
    auto const having = std::find_if(networks.begin(), networks.end(), [&](auto const& n) { return n.address == a; });
    if (having != networks.end()) {
        return having->interface;
    }
    auto const around =
        std::find_if(networks.begin(), networks.end(), [&](auto const& n) { return firewall::contains(n, a); });
    return around == networks.end() ? std::string() : around->interface;
}

std::string cannot_ask(virtual_service const& s) {
    if (s.mode == mode::snat) {
        return "mode snat needs nothing of its servers";
    }
    if (!s.address) {
        return "its packets are picked by the firewall script, so its servers are not asked";
    }
    if (rules::is_v6(s)) {
        return "servers of IPv6 are not asked";
    }
    return {};
}

port_asked port_to_ask(virtual_service const& s, real_server const& v) {
    if (v.port != 0 && s.mode == mode::nat) {
        return {v.port, has_tcp(s)};
    }
    auto const ports = rules::client_ports(s);
    auto const checked = checked_port(s, ports);
    auto const within = [&](std::uint16_t port) {
        return std::any_of(ports.begin(), ports.end(), [&](port_range const& r) { return in_range(r, port); });
    };
    if (checked != 0 && (within(checked) || ports.empty())) {
        return {checked, has_tcp(s) && within(checked)};
    }
    auto const alone = std::find_if(ports.begin(), ports.end(), [](port_range const& r) { return r.first == r.last; });
    if (alone != ports.end()) {
        return {alone->first, has_tcp(s) && s.except_ports.empty()};
    }
    return {ports.empty() ? std::uint16_t{0} : ports.front().first, false};
}

std::optional<address_v4> own_address(way const& w, address_v4 target, surroundings const& around) {
    if (w.is != way::kind::neighbour && w.is != way::kind::router) {
        return std::nullopt;
    }
    bool const near = w.is == way::kind::neighbour && w.through.has_arp;
    if (!near && !around.floating.contains(w.source)) {
        return w.source;
    }
    std::optional<address_v4> out;
    for (auto const& n : around.networks) {
        bool const leads_there =
            n.interface == w.through.name && n.address.is_v4() && (!near || firewall::contains(n, target));
        if (!leads_there || around.floating.contains(n.address.to_v4())) {
            continue;
        }
        if (!out || n.address.to_v4() == w.source) {
            out = n.address.to_v4();
        }
    }
    return out;
}

std::vector<service_view> views_of(configuration const& c, std::span<server_state const> states,
                                   std::string const& only, surroundings const& around,
                                   std::function<way(address_v4)> const& way_to) {
    viewer each(states, around, way_to);
    std::vector<service_view> out;
    for (auto const& s : c.services) {
        if (is_layer4(s.mode) && (only.empty() || s.name == only)) {
            out.push_back(each.view(s));
        }
    }
    return out;
}

arp_questions arp_questions_of(std::vector<service_view> const& views, surroundings const& around) {
    arp_questions out;
    for (auto const& view : views) {
        add_arp_questions(view, around, out);
    }
    return out;
}

void take(std::vector<service_view>& views, arp_answers const& said, surroundings const& around) {
    for (auto& view : views) {
        take(view, said, around);
    }
}

tcp_questions tcp_questions_of(std::vector<service_view> const& views, surroundings const& around) {
    tcp_questions out;
    for (auto const& view : views) {
        for (auto const& v : view.servers) {
            auto const asked = questions_of(v, around);
            for (auto const& q : {asked.to_us, asked.to_client}) {
                if (q) {
                    out.insert(*q);
                }
            }
        }
    }
    return out;
}

void take(std::vector<service_view>& views, tcp_answers const& said, surroundings const& around) {
    for (auto& view : views) {
        for (auto& v : view.servers) {
            auto const q = questions_of(v, around);
            v.to_us = reply_to(q.to_us, said);
            v.to_client = reply_to(q.to_client, said);
        }
    }
}

} // namespace balance::doctor
