// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <array>
#include <cli/realserver_script.hpp>
#include <utility>

namespace dyad::cli {
namespace {

using balance::mode;

constexpr std::array<std::pair<std::string_view, receiving>, 4> words{{{"loopback", receiving::loopback},
                                                                       {"iptables", receiving::iptables},
                                                                       {"nftables", receiving::nftables},
                                                                       {"firewalld", receiving::firewalld}}};

/// A name within a comment of the script: nothing that could end the comment.
std::string plain(std::string_view name) {
    std::string out;
    for (char const c : name) {
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
    return out;
}

std::string head(balance::virtual_service const& s, std::string const& what) {
    return "#!/bin/sh\n"
           "# Prepares this machine as a real server of " +
           plain(s.name) + " (mode " + std::string(balance::to_string(s.mode)) + ").\n# " + what +
           "\n# Run as root; it may be run again. \"undo\" as argument takes it back. Have it run at every start of the\n"
           "# machine, for example by a systemd unit: nothing of it survives a restart by itself.\n"
           "set -eu\n\n";
}

std::string by_argument(std::string const& todo, std::string const& undo) {
    return "case ${1:-do} in\ndo)\n" + todo + "    ;;\nundo)\n" + undo +
           "    ;;\n*)\n    echo \"usage: $0 [undo]\" >&2\n    exit 2\n    ;;\nesac\n";
}

/// Settings are raised, never lowered again: other services may need them.
std::string no_arp() {
    return "    # An ARP request for an address on lo gets no answer, and none of ours names one as its sender.\n"
           "    for name in /proc/sys/net/ipv4/conf/*; do\n"
           "        echo 1 >\"$name/arp_ignore\"\n"
           "        echo 2 >\"$name/arp_announce\"\n"
           "    done\n";
}

std::string add_address(balance::address const& a, std::string const& interface) {
    return a.is_v6() ? "    ip -6 addr replace " + a.to_string() + "/128 dev " + interface + " nodad\n"
                     : "    ip addr replace " + a.to_string() + "/32 dev " + interface + "\n";
}

std::string delete_address(balance::address const& a, std::string const& interface) {
    return "    ip addr del " + a.to_string() + (a.is_v6() ? "/128" : "/32") + " dev " + interface +
           " 2>/dev/null || true\n";
}

std::string loopback(balance::virtual_service const& s) {
    auto const& a = *s.address;
    return head(s, "The service's address is put on lo, where the machine accepts it without answering for it.") +
           by_argument((a.is_v6() ? std::string() : no_arp()) + add_address(a, "lo"), delete_address(a, "lo"));
}

std::string iptables(balance::virtual_service const& s) {
    auto const& a = *s.address;
    auto const tool = std::string(a.is_v6() ? "ip6tables" : "iptables") + " -t nat ";
    auto const rule = " PREROUTING -d " + a.to_string() + " -j REDIRECT";
    return head(s, "Packets to the service's address are redirected to this machine's own.") +
           by_argument("    " + tool + "-C" + rule + " 2>/dev/null || " + tool + "-A" + rule + "\n",
                       "    " + tool + "-D" + rule + " 2>/dev/null || true\n");
}

std::string nftables(balance::virtual_service const& s) {
    auto const& a = *s.address;
    std::string table = "dyad_";
    for (char const c : a.to_string()) {
        table += c == '.' || c == ':' ? '_' : c;
    }
    return head(s, "Packets to the service's address are redirected to this machine's own. Linux 5.2 or later.") +
           by_argument("    nft -f - <<EOF\n"
                       "table inet " +
                           table + "\ndelete table inet " + table + "\ntable inet " + table +
                           " {\n"
                           "    chain prerouting {\n"
                           "        type nat hook prerouting priority -100; policy accept;\n"
                           "        " +
                           (a.is_v6() ? "ip6" : "ip") + " daddr " + a.to_string() +
                           " redirect\n"
                           "    }\n"
                           "}\nEOF\n",
                       "    nft delete table inet " + table + " 2>/dev/null || true\n");
}

std::string firewalld(balance::virtual_service const& s) {
    auto const& a = *s.address;
    auto const rule = std::string("-rule ") + (a.is_v6() ? "ipv6" : "ipv4") + " nat PREROUTING 0 -d " + a.to_string() +
                      " -j REDIRECT";
    std::string const tool = "    firewall-cmd --permanent --direct ";
    return head(s, "Packets to the service's address are redirected to this machine's own; firewalld keeps the rule.") +
           by_argument(tool + "--add" + rule + "\n    firewall-cmd --reload\n",
                       tool + "--remove" + rule + "\n    firewall-cmd --reload\n");
}

/// The module, the interface that unwraps, and what makes it where the kernel's own does not do.
struct unwrapping {
    std::string modules;
    std::string interface;
    std::string make;
    std::string remove;
};

/// Beside gre0 another interface needs an address of its own.
std::string make_gre(std::vector<balance::real_server> const& servers) {
    std::string addresses;
    for (auto const& v : servers) {
        addresses += " " + v.address.to_string();
    }
    return "    for address in" + addresses +
           "; do\n        [ -z \"$(ip -o addr show to $address)\" ] || own=$address\n    done\n"
           "    ip link show dyadgre >/dev/null 2>&1 ||\n"
           "        ip link add dyadgre type gre local ${own:?this machine has no address of a server of the service} icsum\n";
}

unwrapping unwrapping_of(balance::virtual_service const& s) {
    using kind = balance::tunnel::kind;
    auto const& t = s.tunnel;
    auto const port = std::to_string(t.port);
    switch (t.type) {
    case kind::gue:
        return {"fou ipip", "tunl0", "    ip fou add port " + port + " gue 2>/dev/null || true\n",
                "    ip fou del port " + port + " 2>/dev/null || true\n"};
    case kind::gre:
        if (t.sum == balance::tunnel::checksum::none) {
            return {"ip_gre", "gre0", {}, {}};
        }
        return {"ip_gre", "dyadgre", make_gre(s.servers), "    ip link del dyadgre 2>/dev/null || true\n"};
    case kind::ipip:
        break;
    }
    return {"ipip", "tunl0", {}, {}};
}

std::string tunnel(balance::virtual_service const& s) {
    auto const& a = *s.address;
    auto const u = unwrapping_of(s);
    return head(s, "The tunnel's packets are unwrapped, and the service's address is put on lo. For servers of the service's\n"
                   "# own address family.") +
           by_argument("    modprobe -a " + u.modules + "\n" + u.make + "    ip link set " + u.interface + " up mtu 1480\n" +
                           "    # Packets come out of the tunnel whose way back is another: that is meant.\n" +
                           "    for name in all " + u.interface +
                           "; do\n        echo 0 >/proc/sys/net/ipv4/conf/$name/rp_filter\n    done\n" +
                           (a.is_v6() ? std::string() : no_arp()) + add_address(a, "lo"),
                       delete_address(a, "lo") + u.remove);
}

std::string gateway(balance::virtual_service const& s, balance::address const& via) {
    auto const tool = std::string("    ip ") + (via.is_v6() ? "-6 " : "") + "route ";
    return head(s, "Replies must come back through the active node: " + via.to_string() +
                       ", a floating address of the pair, becomes the\n# default gateway.") +
           by_argument(tool + "replace default via " + via.to_string() + "\n",
                       tool + "del default via " + via.to_string() + " 2>/dev/null || true\n");
}

balance::error nothing_to_do(balance::virtual_service const& s, std::string const& why) {
    return balance::make_error(balance::errc::not_supported, "real servers of " + plain(s.name) + " (mode " +
                                                                 std::string(balance::to_string(s.mode)) + ") " + why);
}

} // namespace

balance::result<receiving> parse_receiving(std::string_view word) {
    for (auto const& [name, value] : words) {
        if (name == word) {
            return value;
        }
    }
    return balance::make_error(balance::errc::invalid_configuration,
                               balance::in_quotes(word) +
                                   " is no way to receive; it must be loopback, iptables, nftables or firewalld");
}

balance::result<std::string> realserver_script(balance::virtual_service const& s, receiving how,
                                               std::vector<balance::address> const& floating) {
    if (s.mode == mode::nat || s.transparent) {
        for (auto const& a : floating) {
            if (s.servers.empty() || a.is_v6() == s.servers.front().address.is_v6()) {
                return gateway(s, a);
            }
        }
        return nothing_to_do(s, "need a floating address of the pair as default gateway, and cluster.toml has none: add "
                                "[floating_ip.\"ADDRESS\"] in the servers' network");
    }
    if (s.mode != mode::dr && s.mode != mode::tun) {
        return nothing_to_do(s, "need no preparation: they see connections from the pair and answer it");
    }
    if (!s.address) {
        return nothing_to_do(s, "must accept the addresses that your firewall rules mark, which Dyad does not know");
    }
    if (s.mode == mode::tun && s.address->is_v6()) {
        return nothing_to_do(s, "need an ip6tnl or ip6gre interface that unwraps, which this version does not write");
    }
    if (s.mode == mode::tun) {
        return tunnel(s);
    }
    switch (how) {
    case receiving::iptables:
        return iptables(s);
    case receiving::nftables:
        return nftables(s);
    case receiving::firewalld:
        return firewalld(s);
    case receiving::loopback:
        break;
    }
    return loopback(s);
}

} // namespace dyad::cli
