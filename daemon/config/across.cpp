// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <algorithm>
#include <config/directory_parts.hpp>
#include <config/section.hpp>

namespace dyad::config {

std::vector<diagnostic> across_faults(node_config const& node, cluster_config const& cluster,
                                      std::string_view cluster_text) {
    auto const is_unknown = [&](std::string const& network) {
        return !network.empty() && !node.networks.contains(network);
    };
    auto const floating = cluster.all_floating();
    bool const good = std::none_of(floating.begin(), floating.end(), [&](floating_ip const& f) {
        auto const fixes = [&](auto const& l) { return l.local == f.address || l.peer == f.address; };
        return is_unknown(f.network) || std::any_of(node.links.begin(), node.links.end(), fixes);
    });
    if (good) {
        return {}; // the text is read for the places of faults alone
    }
    auto const document = parse_document(cluster_text, {});
    if (!document.value) {
        return {};
    }
    fault_list faults({});
    auto const judge = [&](balance::address const& a, std::string const& network, key_path const& path,
                           std::string_view address_key) {
        if (is_unknown(network)) {
            auto at = path;
            at.emplace_back("network");
            faults.add(at, locate(*document.value, at),
                       "network " + balance::in_quotes(network) +
                           " is not in this node's node.toml; add a table [network.NAME] with "
                           "its interface there");
        }
        for (auto const& l : node.links) {
            if (l.local != a && l.peer != a) {
                continue;
            }
            auto at = path;
            if (!address_key.empty()) {
                at.emplace_back(address_key);
            }
            faults.add(at, locate(*document.value, at),
                       a.to_string() + " is the fixed address of " + (l.local == a ? "this node" : "the peer") +
                           " on link " + balance::in_quotes(l.name) + "; a floating address must be another one");
        }
    };
    for (auto const& s : cluster.services.services) {
        if (s.address) {
            judge(*s.address, s.network, {"service", s.name}, "address");
        }
    }
    for (auto const& e : document.value->below("floating_ip")) {
        auto const a = balance::parse_address(e.key);
        auto const* network = e.content.find("network");
        if (a) {
            judge(*a, network == nullptr ? std::string{} : network->content.text, {"floating_ip", e.key}, {});
        }
    }
    return faults.sorted();
}

} // namespace dyad::config
