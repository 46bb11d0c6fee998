// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <algorithm>
#include <array>
#include <config/cluster_parts.hpp>
#include <map>
#include <set>

namespace dyad::config {
namespace {

using balance::in_quotes;

/// A fault of the whole may only follow from one that was found while reading: it would be noise.
bool follows(fault_list const& faults, key_path const& path) {
    if (path.size() < 2 || path[0] != "service") {
        return false;
    }
    // These decide how everything else of the service is judged.
    for (auto const* key : {"mode", "firewall_mark", "ports", "except_ports", "protocol"}) {
        if (faults.touches({"service", path[1], key})) {
            return true;
        }
    }
    bool const of_ports = path.size() > 2 && (path[2] == "ports" || path[2] == "except_ports");
    return path.size() > 2 && (faults.touches(path) || (of_ports && faults.touches({"service", path[1], "address"})));
}

void check_services(value const& root, cluster_config const& c, fault_list& faults) {
    auto const found = balance::validate(c.services);
    std::vector<balance::fault const*> kept;
    for (auto const& f : found) {
        if (!follows(faults, f.path)) {
            kept.push_back(&f);
        }
    }
    for (auto const* f : kept) {
        faults.add(f->path, locate(root, f->path), f->message, f->warning);
    }
}

void check_snat_sources(value const& root, cluster_config const& c, fault_list& faults) {
    std::set<balance::address> floating;
    for (auto const& f : c.all_floating()) {
        floating.insert(f.address);
    }
    for (auto const& s : c.services.services) {
        if (!s.snat_source || floating.contains(*s.snat_source)) {
            continue;
        }
        key_path const path{"service", s.name, "snat_source"};
        faults.add(
            path, locate(root, path),
            "snat_source " + s.snat_source->to_string() +
                " is not a floating address, so replies would miss the node that takes over; add [floating_ip.\"" +
                s.snat_source->to_string() + "\"], or use a service's address");
    }
}

/// Such a server would be the balancer itself.
void check_borrowers(value const& root, cluster_config const& c, fault_list& faults) {
    for (auto const& s : c.services.services) {
        if (!s.transparent || balance::is_layer4(s.mode)) {
            continue;
        }
        for (auto const& v : s.servers) {
            bool const ours = std::any_of(c.floating.begin(), c.floating.end(), [&](auto const& f) { return f.address == v.address; });
            key_path const path{"service", s.name, "server", v.name, "address"};
            if (ours && !faults.touches(path)) {
                faults.add(path, locate(root, path),
                           v.address.to_string() + " is a floating address, so this server would be the balancer itself and answer "
                                                   "clients past the proxy; use another machine, or leave transparent out");
            }
        }
    }
}

/// One address is on one interface, wherever it is mentioned.
void check_networks(value const& root, cluster_config const& c, fault_list& faults) {
    std::map<balance::address, std::pair<std::string, std::string>> seen; // address -> network, who said so
    auto const check = [&](balance::address const& a, std::string const& network, std::string const& who,
                           key_path path) {
        if (network.empty()) {
            return;
        }
        auto const [other, is_new] = seen.emplace(a, std::pair(network, who));
        if (!is_new && other->second.first != network) {
            path.emplace_back("network");
            auto const at = locate(root, path);
            faults.add(path, at,
                       a.to_string() + " is in network " + in_quotes(network) + " here, but in " +
                           in_quotes(other->second.first) + " at " + other->second.second +
                           "; an address is in one network");
        }
    };
    for (auto const& s : c.services.services) {
        if (s.address) {
            check(*s.address, s.network, "service " + in_quotes(s.name), {"service", s.name});
        }
    }
    for (auto const& e : root.below("floating_ip")) {
        auto const a = balance::parse_address(e.key);
        auto const* network = e.content.find("network");
        if (a && network != nullptr) {
            check(*a, network->content.text, "[floating_ip]", {"floating_ip", e.key});
        }
    }
}

} // namespace

void check_certificates(value const& root, cluster_config const& c, surroundings const& around, fault_list& faults) {
    if (!around.certificates) {
        return;
    }
    auto const& known = *around.certificates;
    for (auto const& s : c.services.services) {
        key_path const path{"service", s.name, "tls", "certificate"};
        if (!s.tls || faults.touches(path)) {
            continue;
        }
        auto const files = s.tls->files();
        for (std::size_t i = 0; i < files.size(); ++i) {
            auto const& name = files[i];
            bool const is_ca = i == s.tls->certificates.size();
            auto const at = is_ca ? key_path{"service", s.name, "tls", "clients"} : path;
            auto const found = std::find_if(known.begin(), known.end(), [&](known_certificate const& k) { return k.name == name; });
            if (found == known.end()) {
                faults.add(at, locate(root, at),
                           "certificate " + in_quotes(name) + " is missing; put " +
                               (is_ca ? "the authorities' certificates" : "certificate, chain and private key") + " into certificates/" +
                               name + ".pem");
            } else if (is_ca && !found->vouches) {
                faults.add(at, locate(root, at), "certificate " + in_quotes(name) + ": it holds no certificate that could vouch for clients");
            } else if (is_ca && !found->ca_fault.empty()) {
                faults.add(at, locate(root, at), "certificate " + in_quotes(name) + ": " + found->ca_fault, true);
            } else if (!is_ca && !found->fault.empty()) {
                faults.add(at, locate(root, at), "certificate " + in_quotes(name) + ": " + found->fault, found->usable);
            }
        }
    }
}

void check_cluster(value const& root, section const& top, cluster_config const& c, surroundings const& around) {
    auto& faults = top.faults();
    check_services(root, c, faults);
    check_snat_sources(root, c, faults);
    check_networks(root, c, faults);
    check_borrowers(root, c, faults);
    check_certificates(root, c, around, faults);
}

} // namespace dyad::config
