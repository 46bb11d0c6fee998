// SPDX-License-Identifier: Apache-2.0
#include "core/validate_rules.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace balance::rules {
namespace {

/// Ports that a service takes of an address: of its own, or of a server's.
struct claim {
    port_range ports;
    std::size_t service = 0; ///< its place in the file
    std::size_t server = 0;
    bool tls = false;
    bool layer7 = false;
    bool masqueraded = false; ///< mode nat: the server sees clients' addresses, as with a transparent service
    bool transparent = false;
};

using claims = std::vector<claim>;

/// Calls `clash(earlier, later, port)` for claims that overlap, `later` being the one further down in the file.
template <class Clash>
void sweep(claims& all, Clash clash) {
    std::sort(all.begin(), all.end(), [](claim const& a, claim const& b) {
        return std::tie(a.ports.first, a.service, a.server) < std::tie(b.ports.first, b.service, b.server);
    });
    claim const* widest = nullptr;
    for (auto const& c : all) {
        if (widest != nullptr && c.ports.first <= widest->ports.last) {
            bool const in_order = widest->service < c.service;
            clash(in_order ? *widest : c, in_order ? c : *widest, c.ports.first);
        }
        if (widest == nullptr || c.ports.last > widest->ports.last) {
            widest = &c;
        }
    }
}

void check_client_side(configuration const& c, std::vector<fault>& out) {
    std::map<std::pair<address, protocol>, claims> taken;
    for (std::size_t i = 0; i < c.services.size(); ++i) {
        auto const& s = c.services[i];
        if (!s.address) {
            continue;
        }
        for (auto const& range : client_ports(s)) {
            for (auto const p : s.protocol == protocol::tcp_udp ? std::vector{protocol::tcp, protocol::udp}
                                                                : std::vector{s.protocol}) {
                taken[{*s.address, p}].push_back({range, i, 0, false, false});
            }
        }
        for (auto const& range : s.tls ? s.tls->ports : std::vector<port_range>{}) {
            taken[{*s.address, protocol::tcp}].push_back({range, i, 0, true, false});
        }
    }
    for (auto& [where, all] : taken) {
        sweep(all, [&, &at = where](claim const& earlier, claim const& later, std::uint16_t port) {
            auto const& first = c.services[earlier.service];
            auto const& second = c.services[later.service];
            auto const what = to_string(endpoint{at.first, port}) + "/" + std::string(to_string(at.second));
            std::vector<std::string> path{"service", second.name};
            if (later.tls) {
                path.emplace_back("tls");
            }
            path.emplace_back("ports");
            if (earlier.service != later.service) {
                out.push_back({std::move(path), what + " belongs to service " + in_quotes(first.name) +
                                                    " already; give one of the two another address or port"});
            } else if (earlier.tls != later.tls) {
                out.push_back({{"service", second.name, "tls", "ports"},
                               what + " is a clear port and a TLS port at once; take it out of ports or of tls.ports"});
            }
        });
    }
}

/// The proxy's connections and those of a snat service have the balancer's address as source: towards one server's
/// port the kernel could not tell their replies apart.
void check_server_side(configuration const& c, std::vector<fault>& out) {
    auto const of_proxy = [](virtual_service const& s) { return !is_layer4(s.mode); };
    auto const translated = [](virtual_service const& s) {
        return (s.mode == mode::snat || s.mode == mode::nat) && s.protocol != protocol::udp && s.protocol != protocol::sctp;
    };
    if (std::none_of(c.services.begin(), c.services.end(), of_proxy) ||
        std::none_of(c.services.begin(), c.services.end(), translated)) {
        return; // nobody to clash with
    }
    std::map<address, claims> taken;
    for (std::size_t i = 0; i < c.services.size(); ++i) {
        auto const& s = c.services[i];
        if (!of_proxy(s) && !translated(s)) {
            continue;
        }
        for (std::size_t j = 0; j < s.servers.size(); ++j) {
            auto const& v = s.servers[j];
            auto const ports = v.port != 0 ? std::vector<port_range>{{v.port, v.port}} : client_ports(s);
            for (auto const& range : ports) {
                taken[v.address].push_back({range, i, j, false, !is_layer4(s.mode), s.mode == mode::nat, s.transparent});
            }
        }
    }
    std::set<std::tuple<std::size_t, std::size_t, std::size_t>> said;
    for (auto& [where, all] : taken) {
        claims proxy;
        claims kernel;
        std::partition_copy(all.begin(), all.end(), std::back_inserter(proxy), std::back_inserter(kernel),
                            [](claim const& x) { return x.layer7; });
        if (proxy.empty() || kernel.empty()) {
            continue;
        }
        for (auto const& k : kernel) {
            auto const hit = std::find_if(proxy.begin(), proxy.end(), [&](claim const& p) {
                return (!k.masqueraded || p.transparent) && p.ports.first <= k.ports.last && k.ports.first <= p.ports.last;
            });
            if (hit == proxy.end() || !said.insert({k.service, k.server, hit->service}).second) {
                continue;
            }
            bool const kernel_later = k.service > hit->service;
            auto const& later = kernel_later ? k : *hit;
            auto const& earlier = kernel_later ? *hit : k;
            auto const port = std::max(k.ports.first, hit->ports.first);
            auto const& s = c.services[later.service];
            out.push_back(
                {{"service", s.name, "server", s.servers[later.server].name},
                 to_string(endpoint{where, port}) + " is also a server of the " +
                     (earlier.layer7 ? "layer-7" : k.masqueraded ? "nat" : "snat") + " service " +
                     in_quotes(c.services[earlier.service].name) +
                     (k.masqueraded ? "; a transparent and a nat service cannot share a server's port, because replies could not be "
                                      "told apart: use another port, or leave transparent out"
                                    : "; a layer-7 and a snat service cannot share a server's port, because replies could not be told "
                                      "apart: use another port, or mode dr or nat")});
        }
    }
}

/// A machine that has a service's address is one of the pair.
void check_borrowers(configuration const& c, std::vector<fault>& out) {
    auto const borrows = [](virtual_service const& s) { return s.transparent && !is_layer4(s.mode); };
    if (std::none_of(c.services.begin(), c.services.end(), borrows)) {
        return;
    }
    std::map<address, std::string_view> ours;
    for (auto const& s : c.services) {
        if (s.address) {
            ours.emplace(*s.address, s.name);
        }
    }
    for (auto const& s : c.services) {
        if (!borrows(s)) {
            continue;
        }
        for (auto const& v : s.servers) {
            if (auto const same = ours.find(v.address); same != ours.end()) {
                out.push_back({{"service", s.name, "server", v.name, "address"},
                               v.address.to_string() + " is the address of service " + in_quotes(same->second) +
                                   ", so this server would be the balancer itself and answer clients past the proxy; use another "
                                   "machine, or leave transparent out"});
            }
        }
    }
}

void check_identities(configuration const& c, std::vector<fault>& out) {
    std::set<std::string_view> names;
    std::map<std::uint32_t, std::string_view> marks;
    std::size_t marked = 0;
    for (auto const& s : c.services) {
        if (!names.insert(s.name).second) {
            out.push_back({{"service", s.name},
                           "two services are named " + in_quotes(s.name) +
                               "; the name is the identity, so give one of them another"});
        }
        if (s.firewall_mark != 0) {
            auto const [other, is_new] = marks.emplace(s.firewall_mark, s.name);
            if (!is_new) {
                out.push_back({{"service", s.name, "firewall_mark"},
                               "mark " + std::to_string(s.firewall_mark) + " belongs to service " +
                                   in_quotes(other->second) + " already; choose another"});
            }
        } else if (needs_mark(s)) {
            ++marked;
        }
    }
    if (constexpr std::size_t room = borrowed_mark - first_reserved_mark; marked > room) {
        out.push_back({{"service"},
                       std::to_string(marked) + " services have several ports each; there are marks for " +
                           std::to_string(room)});
    }
}

} // namespace

void check_overlaps(configuration const& c, std::vector<fault>& out) {
    check_identities(c, out);
    check_client_side(c, out);
    check_server_side(c, out);
    check_borrowers(c, out);
}

} // namespace balance::rules
