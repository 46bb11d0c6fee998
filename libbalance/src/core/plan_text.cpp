// SPDX-License-Identifier: Apache-2.0
#include "core/plan_text.hpp"

#include <balance/text.hpp>

#include <bit>

namespace balance::ipvs {
namespace {

std::string with_name(std::string_view kind, std::string_view name, std::string_view key) {
    std::string out;
    out.reserve(80); // most texts are shorter
    out += kind;
    for (auto const& word : {name, key}) {
        if (!word.empty()) {
            out += ' ';
            out += word;
        }
    }
    return out;
}

std::string_view word(forwarding f) {
    switch (f) {
    case forwarding::masquerade:
        return "nat";
    case forwarding::local:
        return "local";
    case forwarding::tunnel:
        return "tun";
    case forwarding::direct:
        return "dr";
    case forwarding::bypass:
        return "bypass";
    }
    return "unknown";
}

std::string text_of(tunnel const& t) {
    std::string out(balance::to_string(t.type));
    if (t.port != 0) {
        out += ":" + std::to_string(t.port);
    }
    if (t.sum != tunnel::checksum::none) {
        out += " checksum " + std::string(balance::to_string(t.sum));
    }
    return out;
}

std::string persistence_text(service const& s) {
    if ((s.flags & persistent_flag) == 0) {
        return "none";
    }
    auto const prefix = s.key.v6 ? s.netmask : static_cast<std::uint32_t>(std::popcount(s.netmask));
    auto out = std::to_string(s.timeout) + " s";
    if (prefix != (s.key.v6 ? 128U : 32U)) {
        out += "/" + std::to_string(prefix);
    }
    return out;
}

void add_difference(std::string& out, std::string_view what, std::string_view was, std::string_view is) {
    if (was == is) {
        return;
    }
    out += out.empty() ? ": " : ", ";
    out += what;
    out += ' ';
    out += was;
    out += " -> ";
    out += is;
}

} // namespace

std::string to_string(service_key const& key) {
    if (key.mark != 0) {
        return "mark " + std::to_string(key.mark) + (key.v6 ? " (IPv6)" : "");
    }
    auto const protocol = key.protocol == tcp_protocol   ? "tcp"
                          : key.protocol == udp_protocol ? "udp"
                          : key.protocol == sctp_protocol ? "sctp"
                                                         : "protocol " + std::to_string(key.protocol);
    return balance::to_string(key.local) + "/" + protocol;
}

std::string text_of_added(desired_service const& s) {
    auto out = with_name("service", s.name, to_string(s.config.key)) + " " + s.config.scheduler;
    if ((s.config.flags & persistent_flag) != 0) {
        out += " persistent " + persistence_text(s.config);
    }
    return out + " added";
}

std::string text_of_changed(std::string_view name, service const& was, service const& is) {
    std::string differences;
    add_difference(differences, "scheduler", was.scheduler, is.scheduler);
    add_difference(differences, "persistence", persistence_text(was), persistence_text(is));
    add_difference(differences, "flags", std::to_string(was.flags & ~persistent_flag),
                   std::to_string(is.flags & ~persistent_flag));
    add_difference(differences, "engine", was.engine.empty() ? "none" : was.engine,
                   is.engine.empty() ? "none" : is.engine);
    // Timeout and mask of a service that is not persistent decide nothing, but the kernel holds them and we keep them
    // as ours.
    return with_name("service", name, to_string(is.key)) +
           (differences.empty() ? ": persistence settings put back" : differences);
}

std::string text_of_removed(std::string_view name, service_key const& key) {
    return with_name("service", name, to_string(key)) + " removed";
}

std::string text_of_added(desired_destination const& d) {
    auto out = with_name("server", d.name, balance::to_string(d.config.remote)) + " " +
               std::string(word(d.config.method)) + " weight " + std::to_string(d.config.weight);
    if (!d.why.empty()) {
        out += " (" + d.why + ")";
    }
    return out + " added";
}

std::string text_of_changed(desired_destination const& d, destination const& was) {
    std::string differences;
    add_difference(differences, "mode", word(was.method), word(d.config.method));
    add_difference(differences, "tunnel", text_of(was.tunnel), text_of(d.config.tunnel));
    add_difference(differences, "max_connections", std::to_string(was.upper), std::to_string(d.config.upper));
    add_difference(differences, "min_connections", std::to_string(was.lower), std::to_string(d.config.lower));
    add_difference(differences, "weight", std::to_string(was.weight), std::to_string(d.config.weight));
    if (was.weight != d.config.weight && !d.why.empty()) {
        differences += " (" + d.why + ")";
    }
    return with_name("server", d.name, balance::to_string(d.config.remote)) + differences;
}

std::string text_of_removed(destination const& d) {
    return with_name("server", {}, balance::to_string(d.remote)) + " removed";
}

} // namespace balance::ipvs
