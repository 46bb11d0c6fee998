// SPDX-License-Identifier: Apache-2.0
#include "doctor/judge.hpp"

#include "core/validate_rules.hpp"

#include <balance/text.hpp>

#include <algorithm>

namespace balance::doctor {
namespace {

using grade = finding::grade;

constexpr unsigned clients_mtu = 1500; ///< of Ethernet

std::string script_of(virtual_service const& s) { return "`dyad realserver-script " + s.name + "` prints how"; }

std::string service_endpoint(server_view const& v) { return to_string(endpoint{*v.service->address, v.port}); }

/// Findings of one server.
class server_judge {
public:
    explicit server_judge(server_view const& v) : v_(v) {}

    std::vector<finding> run() {
        if (!v_.route) {
            fault("cannot be reached: there is no route", "add one, or correct the address in cluster.toml");
        } else if (v_.service->mode == mode::tun) {
            tunnelled();
        } else if (v_.route->gateway) {
            behind_router();
        } else if (!v_.mac) {
            fault("does not answer ARP on " + v_.route->through.name,
                  "is the machine on, in this network, and is its address right?");
        } else if (v_.service->mode == mode::nat) {
            translated();
        } else if (v_.service->mode == mode::dr) {
            direct();
        }
        return std::move(out_);
    }

private:
    void behind_router() {
        auto const router = v_.route->gateway->to_string();
        if (v_.service->mode == mode::dr) {
            fault("is reached through the router " + router + ", and mode dr reaches neighbours alone",
                  "use mode nat or tun, or put the server into a network of the balancer");
        } else if (v_.service->mode == mode::nat) {
            add(grade::untested, "is reached through the router " + router +
                                     ": whether its replies come back through this node cannot be seen from here", {});
        }
    }

    void direct() {
        if (v_.claims_service_address) {
            fault("answers ARP for " + v_.service->address->to_string() + " (" + to_string(*v_.mac) +
                      "): clients reach it past the balancer",
                  "set arp_ignore = 1 and arp_announce = 2 there; " + script_of(*v_.service));
        }
        takes_packets("put the address on its loopback interface, or redirect it; " + script_of(*v_.service) +
                      "; or does its packet filter drop them?");
    }

    void tunnelled() {
        takes_packets("have it unwrap the tunnel's packets, with the address on its loopback interface and rp_filter 0; " +
                      script_of(*v_.service));
        auto const more = overhead(v_.service->tunnel);
        if (v_.route->through.mtu < clients_mtu + more) {
            add(grade::warning,
                "packets of " + std::to_string(clients_mtu) + " bytes and the tunnel's " + std::to_string(more) +
                    " do not fit through " + v_.route->through.name + " (MTU " +
                    std::to_string(v_.route->through.mtu) + "): clients are asked for smaller ones by ICMP, which not all heed",
                "raise the MTU on the way to " + std::to_string(clients_mtu + more) + ", or have the server's routes say advmss " +
                    std::to_string(v_.route->through.mtu - more - 40));
        }
    }

    void takes_packets(std::string const& remedy) {
        bool const tcp = v_.service->protocol == protocol::tcp || v_.service->protocol == protocol::tcp_udp;
        if (v_.to_client == reply::none) {
            fault("takes no packets for " + service_endpoint(v_) + ": nothing came back", remedy);
        } else if (v_.to_client == reply::refused && tcp) {
            fault("has the address " + v_.service->address->to_string() + ", and no program listens on " +
                      service_endpoint(v_),
                  "start it, and have it listen on all addresses");
        } else if (out_.empty()) {
            add(grade::fine,
                "takes packets for " + service_endpoint(v_) +
                    (v_.service->mode == mode::dr ? ", and does not answer ARP for the address" : " out of the tunnel"),
                {});
        }
    }

    void translated() {
        auto const there = to_string(endpoint{v_.server->address, v_.port});
        if (v_.to_client != reply::none) {
            add(grade::fine, "sends its replies back through this node", {});
        } else if (v_.to_us != reply::none) {
            fault("answers this node on " + there + ", and does not send replies to clients of other networks through it",
                  "make a floating address of the pair its default gateway; " + script_of(*v_.service));
        } else {
            add(grade::untested, "does not answer on " + there + ", so the way of its replies is not known",
                "start the program, or let the port through the server's packet filter");
        }
    }

    void fault(std::string text, std::string remedy) { add(grade::fault, std::move(text), std::move(remedy)); }
    void add(grade g, std::string text, std::string remedy) {
        out_.push_back({g, v_.service->name, v_.server->name, v_.server->address.to_string() + " " + std::move(text),
                        std::move(remedy)});
    }

    server_view const& v_;
    std::vector<finding> out_;
};

finding of_machine(grade g, std::string text, std::string remedy = {}) {
    return {g, {}, {}, std::move(text), std::move(remedy)};
}

finding judge(setting const& s) {
    auto const& [name, value, why, without] = s.wanted;
    if (s.is == value) {
        return of_machine(grade::fine, name + " is " + value + ": " + why);
    }
    if (s.is.empty()) {
        return of_machine(without.empty() ? grade::warning : grade::fault, "this kernel has no " + name + ": " + why,
                          "use a newer kernel");
    }
    return of_machine(without.empty() ? grade::warning : grade::fault,
                      name + " is " + s.is + " and should be " + value + ": " + why,
                      "sysctl -w " + name + "=" + value);
}

} // namespace

std::string cannot_ask(virtual_service const& s, bool active) {
    if (s.mode == mode::snat) {
        return "mode snat needs nothing of its servers";
    }
    if (!s.address) {
        return "its packets are picked by the firewall script, so its servers are not asked";
    }
    if (rules::is_v6(s)) {
        return "servers of IPv6 are not asked";
    }
    if (s.mode == mode::nat && !active) {
        return "the way of the servers' replies shows on the active node alone; run it there";
    }
    return {};
}

std::uint16_t port_to_ask(virtual_service const& s, real_server const& v) {
    if (v.port != 0) {
        return v.port;
    }
    auto const ports = rules::client_ports(s);
    bool const checked = std::any_of(ports.begin(), ports.end(), [&](port_range const& r) {
        return r.first <= s.check.port && s.check.port <= r.last;
    });
    return checked || ports.empty() ? s.check.port : ports.front().first;
}

std::vector<finding> judge(machine_facts const& m, ipvs::desired_table const& desired) {
    std::vector<finding> out;
    out.push_back(m.no_ipvs.empty() ? of_machine(grade::fine, "kernel " + m.kernel + " has IPVS")
                                    : of_machine(grade::fault, "kernel " + m.kernel + ": " + m.no_ipvs));
    bool const rules_needed = !desired.rules.empty();
    if (m.no_nft.empty()) {
        out.push_back(of_machine(grade::fine, "nft writes packet rules"));
    } else {
        out.push_back(of_machine(rules_needed ? grade::fault : grade::warning,
                                 m.no_nft + (rules_needed ? "" : "; no service needs packet rules now"),
                                 "apt-get install nftables"));
    }
    for (auto const& r : desired.refused) {
        out.push_back({grade::fault, r.service, {}, "is not served: " + r.reason, {}});
    }
    for (auto const& s : m.settings) {
        out.push_back(judge(s));
    }
    bool const forwards = std::any_of(m.settings.begin(), m.settings.end(),
                                      [](setting const& s) { return s.wanted.name.find("forward") != s.wanted.name.npos; });
    for (auto const& chain : m.filters) {
        if (forwards) {
            out.push_back(of_machine(grade::warning,
                                     "the chain " + chain + " drops what is forwarded unless a rule lets it through",
                                     "have it accept the replies of nat and snat services' real servers"));
        }
    }
    for (auto const& s : m.strict) {
        out.push_back(of_machine(grade::warning,
                                 "the reverse path filter of " + s.name + " is strict, and the default route leads through " +
                                     s.default_route + ": clients of other networks who come in by " + s.name +
                                     " are dropped",
                                 "sysctl -w net.ipv4.conf." + s.name + ".rp_filter=2, or give those networks a route there"));
    }
    return out;
}

std::vector<finding> judge(server_view const& v) { return server_judge(v).run(); }

std::vector<finding> judge(virtual_service const& s, std::set<mac_address> const& claiming, bool active) {
    std::vector<finding> out;
    if (!active) {
        return out; // it is the active node's
    }
    for (auto const& mac : claiming) {
        out.push_back({grade::fault, s.name, {},
                       s.address->to_string() + " is on another machine too: " + to_string(mac) + " answers ARP for it",
                       "take the address off there: no machine but the active node may answer for it"});
    }
    return out;
}

} // namespace balance::doctor
