// SPDX-License-Identifier: Apache-2.0
#include "doctor/judge.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <iterator>

namespace balance::doctor {
namespace {

using grade = finding::grade;

constexpr unsigned clients_mtu = 1500; ///< of Ethernet
constexpr auto again = "run it again when this node is less busy";

std::string script_of(virtual_service const& s) { return "`dyad realserver-script " + s.name + "` prints how"; }

std::string service_endpoint(server_view const& v) { return to_string(endpoint{*v.service->address, v.port.number}); }

std::string listed(std::set<mac_address> const& macs) {
    std::string out;
    for (auto const& mac : macs) {
        out += (out.empty() ? "" : " and ") + to_string(mac);
    }
    return out;
}

/// Findings of one server.
class server_judge {
public:
    server_judge(server_view const& v, surroundings const& around) : v_(v), around_(around) {}

    std::vector<finding> run() {
        if (v_.admin == admin_state::halt) {
            untested("is halted by an operator");
        } else if (is_reachable()) {
            by_mode();
        }
        return std::move(out_);
    }

private:
    bool is_reachable() {
        switch (v_.route.is) {
        case way::kind::unknown:
            untested("is not asked: " + v_.route.why);
            return false;
        case way::kind::none:
            fault("cannot be reached: there is no route", "add one, or correct the address in cluster.toml");
            return false;
        case way::kind::own:
            untested("is an address of this node itself, which is not asked");
            return false;
        case way::kind::router:
            return v_.service->mode == mode::tun ? has_own_address() : behind_router();
        case way::kind::neighbour:
            break;
        }
        return has_own_address() && (v_.service->mode == mode::tun || is_heard());
    }

    bool has_own_address() {
        if (!v_.own) {
            untested("is not asked: on " + v_.route.through.name +
                     " this node has no address of its own that leads there, only floating ones or none");
        }
        return v_.own.has_value();
    }

    bool behind_router() {
        auto const router = v_.route.gateway.to_string();
        if (v_.service->mode == mode::dr) {
            fault("is reached through the router " + router + ", and mode dr reaches neighbours alone",
                  "use mode nat or tun, or put the server into a network of the balancer");
        } else {
            untested("is reached through the router " + router +
                     ": whether its replies come back through this node cannot be seen from here");
        }
        return false;
    }

    bool is_heard() {
        auto const& interface = v_.route.through.name;
        if (!v_.route.through.has_arp) {
            untested("is reached through " + interface + ", which is no Ethernet with ARP: it is not asked");
        } else if (!v_.macs) {
            untested("may have answered ARP on " + interface + ": frames were lost or could not be sent", again);
        } else if (v_.macs->empty()) {
            fault("does not answer ARP on " + interface,
                  "is the machine on, in this network, and is its address right?");
        } else if (v_.macs->size() > 1) {
            add(grade::warning, "is on more than one network card: " + listed(*v_.macs) + " answer ARP for it",
                "take the address off the other machine; two cards of one machine in one network need arp_ignore = 1 "
                "there");
        }
        return v_.macs && !v_.macs->empty();
    }

    void by_mode() {
        answers_for_service();
        if (v_.port.number == 0) {
            untested("is not asked: no port of the service is known");
        } else if (v_.service->mode == mode::tun) {
            tunnelled();
        } else if (v_.service->mode == mode::nat) {
            translated();
        } else {
            takes_packets("put the address on its loopback interface, or redirect it; " + script_of(*v_.service));
        }
    }

    void answers_for_service() {
        auto const remedy = v_.service->mode == mode::nat
                                ? "take the address off there: in mode nat the active node alone has it"
                                : "set arp_ignore = 1 and arp_announce = 2 there; " + script_of(*v_.service);
        auto const claim = "answers ARP for " + v_.service->address->to_string();
        if (v_.claims_service) {
            fault(claim + " (" + listed(*v_.macs) + "): clients reach it past the balancer", remedy);
        } else if (v_.claims_elsewhere) {
            add(grade::warning,
                claim + " on " + v_.route.through.name + ", where no client asks, and would where clients do", remedy);
        }
    }

    void tunnelled() {
        takes_packets(
            "have it unwrap the tunnel's packets, with the address on its loopback interface and rp_filter 0; " +
            script_of(*v_.service));
        auto const more = overhead(v_.service->tunnel);
        auto const& through = v_.route.through;
        if (through.mtu < clients_mtu + more) {
            add(grade::warning,
                "packets of " + std::to_string(clients_mtu) + " bytes and the tunnel's " + std::to_string(more) +
                    " do not fit through " + through.name + " (MTU " + std::to_string(through.mtu) +
                    "): clients are asked for smaller ones by ICMP, which not all heed",
                "raise the MTU on the way to " + std::to_string(clients_mtu + more) +
                    ", or have the server's routes say advmss " + std::to_string(through.mtu - more - 40));
        }
    }

    void takes_packets(std::string const& remedy) {
        auto const p = v_.service->protocol;
        if (v_.to_client == reply::unknown) {
            lost();
        } else if (v_.to_client == reply::silent && (p == protocol::udp || p == protocol::sctp)) {
            untested("does not answer TCP on " + service_endpoint(v_) + ", and nothing else is asked of a service of " +
                     std::string(to_string(p)));
        } else if (v_.to_client == reply::silent) {
            fault("takes no packets for " + service_endpoint(v_) +
                      ": nothing came back; it does not have the address, its "
                      "packet filter drops them, or its reverse path filter does",
                  remedy);
        } else if (v_.to_client == reply::refused && v_.port.known_open) {
            fault("has the address " + v_.service->address->to_string() + ", and no program listens on " +
                      service_endpoint(v_),
                  "start it, and have it listen on all addresses");
        } else if (out_.empty()) {
            add(grade::fine, "takes packets for " + service_endpoint(v_) +
                                 (v_.service->mode == mode::dr ? ", and does not answer ARP for the address"
                                                               : " out of the tunnel"));
        }
    }

    void translated() {
        auto const there = to_string(endpoint{v_.address, v_.port.number});
        auto const came_back = v_.to_client == reply::accepted || v_.to_client == reply::refused;
        if (!around_.active) {
            if (came_back) {
                fault("sends replies to clients through this node, which is passive: its default gateway is an address "
                      "of this node's own",
                      "make a floating address of the pair its default gateway; " + script_of(*v_.service));
            }
        } else if (came_back) {
            add(grade::fine,
                "sends its replies back through this node; whether to a floating address or to this node's own "
                "is not told apart here");
        } else if (v_.to_us == reply::silent) {
            untested("does not answer on " + there + ", so the way of its replies is not known",
                     "start the program, or let the port through the server's packet filter");
        } else if (v_.to_us == reply::unknown || v_.to_client == reply::unknown) {
            lost();
        } else {
            only_to_us(there);
        }
    }

    void only_to_us(std::string const& there) {
        auto const stranger = around_.stranger.to_string();
        add(grade::warning,
            "answers this node on " + there + ", and not a client " + stranger +
                " (in whose name it was asked): its default gateway is not a floating address of the pair, or a packet "
                "filter or a filter of bogus addresses drops that client, or only the clients' networks have a route "
                "through the pair",
            "make a floating address of the pair its default gateway, unless it is one of the others; " +
                script_of(*v_.service));
    }

    void lost() { untested("may have answered: frames were lost or could not be sent", again); }
    void untested(std::string text, std::string remedy = {}) {
        add(grade::untested, std::move(text), std::move(remedy));
    }
    void fault(std::string text, std::string remedy) {
        // A drained server gets no new clients.
        add(v_.admin == admin_state::drain ? grade::warning : grade::fault, std::move(text), std::move(remedy));
    }
    void add(grade g, std::string text, std::string remedy = {}) {
        out_.push_back(
            {g, v_.service->name, v_.name, v_.address.to_string() + " " + std::move(text), std::move(remedy)});
    }

    server_view const& v_;
    surroundings const& around_;
    std::vector<finding> out_;
};

} // namespace

std::vector<finding> judge(service_view const& view, surroundings const& around) {
    auto const& s = *view.service;
    std::vector<finding> out;
    auto const add = [&](grade g, std::string server, std::string text, std::string remedy) {
        out.push_back({g, s.name, std::move(server), std::move(text), std::move(remedy)});
    };
    if (!view.not_asked.empty() && s.mode != mode::snat) {
        add(grade::untested, {}, view.not_asked, {});
    } else if (s.mode == mode::nat && !around.active) {
        add(grade::untested, {},
            "that the servers' replies come back through the pair shows on the active node alone; run it there", {});
    }
    for (auto const& mac : view.claiming) {
        add(grade::fault, {},
            s.address->to_string() + " is on another machine too: " + to_string(mac) + " answers ARP for it",
            "take the address off there: no machine but the active node may answer for it");
    }
    for (auto const& name : view.of_v6) {
        add(grade::untested, name, "servers of IPv6 are not asked", {});
    }
    for (auto const& v : view.servers) {
        std::ranges::move(server_judge(v, around).run(), std::back_inserter(out));
    }
    return out;
}

} // namespace balance::doctor
