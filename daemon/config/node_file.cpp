// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <algorithm>
#include <array>
#include <config/section.hpp>

namespace dyad::config {
namespace {

using balance::in_quotes;

std::string interface_at(section const& s, std::string_view key) {
    auto const name = s.text(key);
    if (!name) {
        return {};
    }
    // The kernel's rule (dev_valid_name): 1 to 15 bytes, no slash, colon or white space; and none of what nft's strings
    // take for something else.
    bool const bad = name->empty() || name->size() > 15 || name->find_first_of("/: \t\n\v\f\r\"*\\") != std::string::npos ||
                     *name == "." || *name == "..";
    if (bad) {
        s.wrong(key, in_quotes(*name) + " is no interface's name; it must be one that `ip link` shows, like \"eth0\"");
    }
    return *name;
}

std::string interface_of(section const& s) {
    if (!s.has("interface")) {
        s.missing("interface", "interface = \"eth0\"");
    }
    return interface_at(s, "interface");
}

std::string program_at(section const& s, std::string_view key, std::string const& example) {
    auto const path = s.text(key);
    if (path && !path->starts_with('/')) {
        s.wrong(key, std::string(key) + " is " + in_quotes(*path) + "; it must be the absolute path of a program, like " +
                         in_quotes(example));
    }
    return path.value_or("");
}

void read_firewall(section const& root, node_config& out) {
    auto const firewall = root.table("firewall", tables::firewall);
    if (!firewall) {
        return;
    }
    out.auto_nat_interface = interface_at(*firewall, "auto_nat");
    out.firewall_script = program_at(*firewall, "script", "/etc/dyad/firewall.sh");
    out.firewall_timeout = firewall->duration("timeout", std::chrono::seconds(1), std::chrono::minutes(10)).value_or(out.firewall_timeout);
}

void read_notify(section const& root, node_config& out) {
    auto const notify = root.table("notify", tables::notify);
    if (!notify) {
        return;
    }
    out.notify.on_state = program_at(*notify, "on_state", "/etc/dyad/state.sh");
    out.notify.on_address = program_at(*notify, "on_address", "/etc/dyad/address.sh");
    out.notify.timeout = notify->duration("timeout", std::chrono::seconds(1), std::chrono::minutes(10)).value_or(out.notify.timeout);
}

void read_witness(section const& root, node_config& out) {
    auto const witness = root.table("witness", tables::witness);
    if (!witness) {
        return;
    }
    if (!witness->has("program")) {
        witness->missing("program", "program = \"/etc/dyad/fence.sh\"");
    }
    out.witness.program = program_at(*witness, "program", "/etc/dyad/fence.sh");
    out.witness.timeout = witness->duration("timeout", std::chrono::milliseconds(100), std::chrono::minutes(2)).value_or(out.witness.timeout);
    out.witness.pause = witness->duration("pause", std::chrono::milliseconds(100), std::chrono::minutes(10)).value_or(out.witness.pause);
}

void read_proxy(section const& root, node_config& out) {
    auto const proxy = root.table("proxy", tables::proxy);
    if (!proxy) {
        return;
    }
    out.proxy_finish_within =
        proxy->duration("finish_within", std::chrono::seconds(1), std::chrono::hours(24 * 7)).value_or(out.proxy_finish_within);
}

void read_name(section const& root, node_config& out) {
    auto const name = root.text("name");
    if (!name) {
        if (!root.has("name")) {
            root.missing("name", "name = \"lb1\"");
        }
        return;
    }
    bool const clean = std::all_of(name->begin(), name->end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
    if (name->empty() || name->size() > 63 || !clean) {
        root.wrong("name",
                   "name is " + in_quotes(*name) + "; it must be 1 to 63 letters, digits, dots, dashes or underscores");
        return;
    }
    out.name = *name;
}

void read_role(section const& root, node_config& out) {
    auto const role = root.text("role");
    if (!role) {
        if (!root.has("role")) {
            root.missing("role", "role = \"primary\", and \"secondary\" on the peer");
        }
    } else if (*role == "primary" || *role == "secondary") {
        out.role = *role == "primary" ? cluster::node_id::primary : cluster::node_id::secondary;
    } else {
        root.wrong("role", "role is " + in_quotes(*role) + "; it must be \"primary\" or \"secondary\"");
    }
}

void read_ports(section const& root, node_config& out) {
    auto const ports = root.table("ports", tables::ports);
    if (!ports) {
        return;
    }
    out.heartbeat_port = ports->port("heartbeat").value_or(out.heartbeat_port);
    out.replication_port = ports->port("replication").value_or(out.replication_port);
    out.fallback_port = ports->port("fallback_page").value_or(out.fallback_port);
    out.web_port = ports->port("web").value_or(out.web_port);
    std::array<std::pair<std::string_view, std::uint16_t>, 3> const tcp{
        {{"replication", out.replication_port}, {"fallback_page", out.fallback_port}, {"web", out.web_port}}};
    for (std::size_t i = 0; i < tcp.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (tcp[i].second == tcp[j].second) {
                auto const key = ports->has(tcp[i].first) ? tcp[i].first : tcp[j].first;
                ports->wrong(key, std::string(tcp[j].first) + " and " + std::string(tcp[i].first) +
                                      " both use TCP port " + std::to_string(tcp[i].second) +
                                      "; give them different ones");
            }
        }
    }
}

balance::address link_address(section const& s, std::string_view key) {
    auto const a = s.address(key);
    if (!a) {
        if (!s.has(key)) {
            s.missing(key, std::string(key) + " = \"192.0.2.1\"");
        }
        return {};
    }
    if (a->is_unspecified() || a->is_multicast()) {
        s.wrong(key, std::string(key) + " is " + a->to_string() + "; it must be the address of one node");
        return {};
    }
    return *a;
}

void read_links(section const& root, node_config& out) {
    for (auto const& [name, s] : root.named("link", tables::link)) {
        cluster::link_settings l{name, interface_of(s), link_address(s, "local"), link_address(s, "peer"),
                                 out.heartbeat_port};
        if (!l.local.is_unspecified() && !l.peer.is_unspecified()) {
            if (l.local.is_v6() != l.peer.is_v6()) {
                s.wrong("peer", "local " + l.local.to_string() + " and peer " + l.peer.to_string() +
                                    " are of different address families; use two of the same");
            } else if (l.local == l.peer) {
                s.wrong("peer",
                        "peer is this node's own address " + l.local.to_string() + "; it must be the other node's");
            }
        }
        auto const same = std::find_if(out.links.begin(), out.links.end(), [&](auto const& other) {
            return !l.local.is_unspecified() && other.local == l.local && other.interface == l.interface;
        });
        if (same != out.links.end()) {
            s.wrong("local", "link " + in_quotes(same->name) + " uses " + l.local.to_string() + " on " + l.interface +
                                 " already; a second link must be a path of its own");
        }
        out.links.push_back(std::move(l));
    }
}

void check_links(section const& root, node_config const& out, surroundings const& around) {
    if (around.have_cluster_key && !around.have_pair_links && !root.has("link")) {
        root.faults().add(
            {"link"}, root.at(),
            "there is a cluster.key but no heartbeat link, so the peer could not be heard; add [link.NAME] with "
            "interface, local and peer, or remove cluster.key to run alone");
    }
    if (!around.have_cluster_key && !out.links.empty()) {
        root.wrong(
            "link",
            "there are heartbeat links but no cluster.key, so the node runs alone; `dyad pair-token` on the other node and "
            "`dyad pair` here make the key, or make it with `dyad keygen` on one node and copy it to the other",
            true);
    }
}

} // namespace

outcome<node_config> parse_node(std::string_view text, std::string const& file, surroundings const& around) {
    auto document = parse_document(text, file);
    if (!document.value) {
        return {std::nullopt, std::move(document.diagnostics)};
    }
    fault_list faults(file);
    if (!read_format(*document.value, faults)) {
        return {std::nullopt, faults.sorted()};
    }
    section const root(*document.value, {1, 1}, {}, tables::node, faults);
    node_config out;
    read_name(root, out);
    read_role(root, out);
    read_ports(root, out);
    read_links(root, out);
    for (auto const& [name, s] : root.named("network", tables::network)) {
        out.networks.emplace(name, interface_of(s));
    }
    read_firewall(root, out);
    read_notify(root, out);
    read_witness(root, out);
    read_proxy(root, out);
    out.real_time = root.flag("real_time").value_or(out.real_time);
    check_links(root, out, around);
    if (faults.any_fault()) {
        return {std::nullopt, faults.sorted()};
    }
    return {std::move(out), faults.sorted()};
}

outcome<pair_config> parse_pair(std::string_view text, std::string const& file) {
    auto document = parse_document(text, file);
    if (!document.value) {
        return {std::nullopt, std::move(document.diagnostics)};
    }
    fault_list faults(file);
    if (!read_format(*document.value, faults)) {
        return {std::nullopt, faults.sorted()};
    }
    section const root(*document.value, {1, 1}, {}, tables::pair, faults);
    node_config out;
    read_role(root, out);
    read_links(root, out);
    if (faults.any_fault()) {
        return {std::nullopt, faults.sorted()};
    }
    return {pair_config{out.role, std::move(out.links)}, faults.sorted()};
}

std::string pair_text(pair_config const& pair) {
    std::string text = "# Written by `dyad pair`; counts more than node.toml. `dyad unpair` removes it.\nformat = 1\nrole = \"" +
                       std::string(pair.role == cluster::node_id::primary ? "primary" : "secondary") + "\"\n";
    for (auto const& l : pair.links) {
        text += "\n[link." + in_quotes(l.name) + "]\ninterface = " + in_quotes(l.interface) + "\nlocal = \"" +
                l.local.to_string() + "\"\npeer = \"" + l.peer.to_string() + "\"\n";
    }
    return text;
}

node_config joined(node_config node, pair_config const& pair) {
    node.role = pair.role;
    if (node.links.empty()) {
        node.links = pair.links;
        for (auto& l : node.links) {
            l.port = node.heartbeat_port;
        }
    }
    return node;
}

} // namespace dyad::config
