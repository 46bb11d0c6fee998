// SPDX-License-Identifier: Apache-2.0
#include "core/validate_rules.hpp"

#include <balance/text.hpp>

#include <algorithm>

namespace balance::rules {
namespace {

void check_address(virtual_service const& s, report& r) {
    if (!s.address) {
        if (!is_layer4(s.mode)) {
            r.wrong({"address"}, "address is missing; a layer-7 service needs the address that clients connect to");
        } else if (s.firewall_mark == 0) {
            r.wrong({"address"}, "address is missing; say address = \"…\", or firewall_mark = … for a service that the "
                                 "operator's firewall rules select");
        }
    } else if (!usable_address(*s.address)) {
        r.wrong({"address"},
                s.address->to_string() + " cannot be the address of a service; use an address of one machine");
    }
}

void check_ports(virtual_service const& s, report& r) {
    check_port_list(s.ports, "ports", r);
    check_port_list(s.except_ports, "except_ports", r);
    if (s.ports.empty() && s.firewall_mark == 0) {
        r.wrong({"ports"}, "ports are missing; say for example ports = [80] or ports = [80, \"4100-4110\"]");
    }
    if (!s.ports.empty() && !s.address && s.firewall_mark != 0) {
        r.wrong({"ports"},
                "ports need the address they belong to; add address, or leave ports out and let the firewall "
                "rules that set the mark decide");
    }
    if (s.except_ports.empty()) {
        return;
    }
    if (s.firewall_mark == 0) {
        r.wrong({"except_ports"}, "except_ports goes with firewall_mark only; list the wanted ports in ports instead");
    } else if (!s.ports.empty()) {
        r.wrong({"except_ports"}, "ports and except_ports exclude each other; keep one of them");
    } else if (!s.address) {
        r.wrong({"except_ports"}, "except_ports needs the address whose other ports are meant; add address");
    }
    if (client_ports(s).empty()) {
        r.wrong({"except_ports"}, "except_ports leaves no port over; list fewer");
    }
}

void check_mark(virtual_service const& s, report& r) {
    if (s.firewall_mark == 0) {
        return;
    }
    if (!is_layer4(s.mode)) {
        r.wrong({"firewall_mark"},
                "a layer-7 service listens on address and ports and sees no marks; leave firewall_mark out, "
                "or use mode dr, nat, snat or tun");
    } else if (s.firewall_mark >= first_reserved_mark && s.firewall_mark <= last_reserved_mark) {
        r.wrong({"firewall_mark"}, "mark " + std::to_string(s.firewall_mark) + " is in the range " +
                                       std::to_string(first_reserved_mark) + " to " +
                                       std::to_string(last_reserved_mark) +
                                       " that Dyad gives to services with several ports; choose one below it");
    }
}

void check_layer(virtual_service const& s, report& r) {
    bool const layer4 = is_layer4(s.mode);
    auto const word = std::string(to_string(s.mode));
    if (layer4) {
        constexpr std::string_view only7 = " is for layer 7 (mode tcp or http) only; leave it out";
        if (s.tls) {
            r.wrong({"tls"}, "tls" + std::string(only7) + ": mode " + word + " passes TLS through untouched");
        }
        if (s.re_encrypt) {
            r.wrong({"re_encrypt"},
                    "re_encrypt" + std::string(only7) + ": mode " + word + " passes TLS through untouched");
        }
        if (s.transparent) {
            r.wrong({"transparent"},
                    "transparent" + std::string(only7) +
                        (s.mode == mode::snat ? ", or use mode dr or nat, where servers see the client's address"
                                              : ": servers see the client's address in mode " + word + " anyway"));
        }
        if (s.proxy_protocol != proxy_protocol{}) {
            r.wrong({"proxy_protocol"}, "proxy_protocol" + std::string(only7) + ": mode " + word + " passes on what it gets");
        }
        if (s.limits != client_limits{}) {
            r.wrong({"limits"}, "limits" + std::string(only7) + ": the kernel counts connections of servers alone, with max_connections");
        }
        if (s.slow_start.count() != 0) {
            r.wrong({"slow_start"}, "slow_start" + std::string(only7));
        }
    } else if (s.protocol != protocol::tcp) {
        r.wrong({"protocol"},
                "mode " + word + " relays TCP only; leave protocol out, or use mode dr, nat, snat or tun for UDP");
    }
    if (s.slow_start.count() < 0) {
        r.wrong({"slow_start"}, "slow_start is negative; it must be a time, 0s for none");
    }
    auto const& l = s.limits;
    if (l.source_period < milliseconds(1) || l.source_rate > 1'000'000 || l.ipv4_prefix > 32 || l.ipv6_prefix > 128) {
        r.wrong({"limits"}, "limits need a period of 1ms at least, a rate of 1000000 at most, and prefixes of an address's bits");
    }
    auto const& t = s.timeouts;
    for (auto const limit : {t.connect, t.queue, t.idle, t.head, t.body, t.answer, t.keep_alive}) {
        if (limit.count() < 1) {
            r.wrong({"timeouts"}, "a timeout of less than 1ms lets nothing happen");
        }
    }
    if (s.tunnel != tunnel{} && s.mode != mode::tun) {
        r.wrong({"tunnel"}, "tunnel is for mode tun only; leave it out of a service with mode " + word);
    } else if ((s.tunnel.type == tunnel::kind::gue) != (s.tunnel.port != 0)) {
        r.wrong({"tunnel", "port"}, s.tunnel.port == 0
                                        ? "a gue tunnel needs the UDP port on which the servers listen; say port = 6080"
                                        : "only a gue tunnel has a port; leave it out, or say type = \"gue\"");
    } else if (s.tunnel.type == tunnel::kind::ipip && s.tunnel.sum != tunnel::checksum::none) {
        r.wrong({"tunnel", "checksum"}, "an ipip tunnel has no checksum; leave it out, or use gue or gre");
    } else if (s.tunnel.type == tunnel::kind::gre && s.tunnel.sum == tunnel::checksum::remote) {
        r.wrong({"tunnel", "checksum"}, "remote checksums are for gue tunnels only; say \"full\" or \"none\"");
    }
    if (s.one_packet && (!layer4 || s.protocol != protocol::udp)) {
        r.wrong({"one_packet"}, "one_packet schedules datagrams one by one and goes with protocol = \"udp\" on layer 4; "
                                "leave it out");
    }
    if (s.one_packet && (s.mode == mode::nat || s.mode == mode::snat)) {
        r.wrong({"one_packet"}, "one_packet remembers nothing, so mode " + word +
                                    " could not translate the replies; use mode dr or tun, or leave it out");
    }
    if (s.snat_source && s.mode != mode::snat) {
        r.wrong({"snat_source"}, "snat_source is for mode snat only; leave it out of a service with mode " + word);
    }
    if (s.mode == mode::snat && !s.address && !s.snat_source) {
        r.wrong({"snat_source"},
                "snat_source is missing; a service without an address of its own has no source address to give "
                "its connections");
    }
    if (s.snat_source && s.snat_source->is_v6() != is_v6(s)) {
        r.wrong({"snat_source"}, "snat_source " + s.snat_source->to_string() +
                                     " is of another address family than the service; "
                                     "use one of the same");
    }
}

} // namespace

void check_port_list(std::vector<port_range> const& ports, std::string_view key, report& r) {
    auto sorted = ports;
    std::sort(sorted.begin(), sorted.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        if (sorted[i].first == 0 || sorted[i].last < sorted[i].first) {
            r.wrong({key}, "port range " + std::to_string(sorted[i].first) + '-' + std::to_string(sorted[i].last) +
                               " does not exist; ports are 1 to 65535, the lower one first");
        } else if (i > 0 && sorted[i].first <= sorted[i - 1].last) {
            r.wrong({key}, "port " + std::to_string(sorted[i].first) + " is listed twice in " + std::string(key) +
                               "; leave one out");
        }
    }
}

bool usable_address(address const& a) {
    return !a.is_unspecified() && !a.is_multicast() && a != address(boost::asio::ip::address_v4::broadcast());
}

void check_service(virtual_service const& s, report r) {
    if (auto const bad = bad_name(s.name); !bad.empty()) {
        r.wrong({}, bad);
    }
    check_address(s, r);
    check_ports(s, r);
    check_mark(s, r);
    check_layer(s, r);
}

} // namespace balance::rules
