// SPDX-License-Identifier: Apache-2.0
#include "cluster/running_config.hpp"

#include <balance/text.hpp>

#include <algorithm>
#include <iterator>

namespace dyad {
namespace {

using changes = std::vector<config_change>;

std::string duration(balance::milliseconds ms) { return std::to_string(ms.count()) + " ms"; }
std::string word(bool b) { return b ? "on" : "off"; }

std::string ports(std::vector<balance::port_range> const& list) {
    std::string text;
    for (auto const& range : list) {
        text += (text.empty() ? "" : ", ") + balance::to_string(range);
    }
    return text.empty() ? "none" : text;
}

/// Collects "name: old -> new" for each value that differs.
class comparison {
public:
    void operator()(char const* name, std::string const& before, std::string const& after) {
        if (before != after) {
            text_ += (text_.empty() ? "" : "; ") + std::string(name) + ": " + before + " -> " + after;
        }
    }
    void operator()(char const* name, bool differs) {
        if (differs) {
            text_ += (text_.empty() ? "" : "; ") + std::string(name) + " changed";
        }
    }
    [[nodiscard]] std::string const& text() const noexcept { return text_; }

private:
    std::string text_;
};

std::string describe(balance::real_server const& s) {
    return s.address.to_string() + (s.port ? ":" + std::to_string(s.port) : "") + " weight " + std::to_string(s.weight);
}

std::string describe(balance::virtual_service const& s) {
    auto const where =
        s.address ? s.address->to_string() + " ports " + ports(s.ports) : "mark " + std::to_string(s.firewall_mark);
    return std::string(balance::to_string(s.mode)) + " " + where + ", " + std::to_string(s.servers.size()) +
           (s.servers.size() == 1 ? " server" : " servers");
}

std::string compare(balance::real_server const& a, balance::real_server const& b) {
    comparison c;
    c("address", a.address.to_string(), b.address.to_string());
    c("port", std::to_string(a.port), std::to_string(b.port));
    c("weight", std::to_string(a.weight), std::to_string(b.weight));
    c("min_connections", std::to_string(a.min_connections), std::to_string(b.min_connections));
    c("max_connections", std::to_string(a.max_connections), std::to_string(b.max_connections));
    return c.text();
}

std::string compare(balance::virtual_service const& a, balance::virtual_service const& b) {
    comparison c;
    c("mode", std::string(balance::to_string(a.mode)), std::string(balance::to_string(b.mode)));
    c("address", a.address ? a.address->to_string() : "none", b.address ? b.address->to_string() : "none");
    c("ports", ports(a.ports), ports(b.ports));
    c("except_ports", ports(a.except_ports), ports(b.except_ports));
    c("protocol", std::string(balance::to_string(a.protocol)), std::string(balance::to_string(b.protocol)));
    c("firewall_mark", std::to_string(a.firewall_mark), std::to_string(b.firewall_mark));
    c("balance", a.balance, b.balance);
    c("transparent", word(a.transparent), word(b.transparent));
    c("access_log", word(a.access_log), word(b.access_log));
    c("re_encrypt", word(a.re_encrypt), word(b.re_encrypt));
    c("slow_start", duration(a.slow_start), duration(b.slow_start));
    c("network", a.network, b.network);
    c("persistence", a.persistence != b.persistence);
    c("check", a.check != b.check);
    c("agent", a.agent != b.agent);
    c("on_change", a.on_change, b.on_change);
    c("tls", a.tls != b.tls);
    c("timeouts", a.timeouts != b.timeouts);
    c("http", a.http != b.http);
    c("limits", a.limits != b.limits);
    c("proxy_protocol", a.proxy_protocol != b.proxy_protocol);
    c("fallback", a.fallback != b.fallback);
    c("one_packet", word(a.one_packet), word(b.one_packet));
    c("tunnel", a.tunnel != b.tunnel);
    c("scheduler_flags", a.scheduler_flags != b.scheduler_flags);
    c("snat_source", a.snat_source != b.snat_source);
    return c.text();
}

/// Finds objects by their names, quickly where they are asked for in their order.
template <class T>
class by_name {
public:
    explicit by_name(std::vector<T> const& in) : in_(in) {}

    /// Null when there is none.
    T const* find(std::string const& name) {
        auto const same = [&](T const& x) { return x.name == name; };
        auto found = std::find_if(next_, in_.end(), same);
        if (found == in_.end()) {
            found = std::find_if(in_.begin(), next_, same);
            if (found == next_) {
                return nullptr;
            }
        }
        next_ = std::next(found);
        return &*found;
    }

private:
    std::vector<T> const& in_;
    typename std::vector<T>::const_iterator next_ = in_.begin();
};

/// Walks two lists of named objects: what went, what came, what is another now.
template <class T, class Both>
void walk(std::vector<T> const& before, std::vector<T> const& after, std::string const& prefix, changes& out,
          Both const& in_both) {
    by_name in_after(after);
    for (auto const& old : before) {
        if (in_after.find(old.name) == nullptr) {
            out.push_back({prefix + old.name, "remove", describe(old)});
        }
    }
    by_name in_before(before);
    for (auto const& fresh : after) {
        auto const* old = in_before.find(fresh.name);
        if (old == nullptr) {
            out.push_back({prefix + fresh.name, "add", describe(fresh)});
            continue;
        }
        if (*old == fresh) {
            continue;
        }
        if (auto text = compare(*old, fresh); !text.empty()) {
            out.push_back({prefix + fresh.name, "change", std::move(text)});
        }
        in_both(*old, fresh);
    }
}

/// The failover machine reads its settings when it starts.
constexpr char const* after_restart = "; in force once dyadd was restarted, on one node after the other";

std::string describe_timing(cluster::timing const& t) {
    return "keepalive " + duration(t.keepalive) + ", warntime " + duration(t.warntime) + ", deadtime " +
           duration(t.deadtime) + ", initdead " + duration(t.initdead) + ", auto_failback " + word(t.auto_failback) +
           ", flap_limit " + std::to_string(t.flap_limit) + ", flap_window " + duration(t.flap_window) +
           ", no_takeover_without_ping " + word(t.no_takeover_without_ping);
}

} // namespace

std::vector<config_change> differences(config::cluster_config const& before, config::cluster_config const& after) {
    changes out;
    if (before.timing != after.timing) {
        out.push_back({"heartbeat", "change",
                       describe_timing(before.timing) + " -> " + describe_timing(after.timing) + after_restart});
    }
    if (before.ping_nodes != after.ping_nodes) {
        out.push_back({"ping_nodes", "change", std::to_string(after.ping_nodes.size()) + " addresses" + after_restart});
    }
    if (before.announce_rate != after.announce_rate) {
        out.push_back({"announce_rate", "change", std::to_string(after.announce_rate) + " frames a second" + after_restart});
    }
    if (before.address_lifetime != after.address_lifetime) {
        out.push_back(
            {"address_lifetime", "change", std::to_string(after.address_lifetime.count()) + " s" + after_restart});
    }
    if (before.handover_grace != after.handover_grace) {
        out.push_back({"layer7", "change",
                       "handover_grace: " + duration(before.handover_grace) + " -> " + duration(after.handover_grace)});
    }
    if (before.access_log != after.access_log) {
        auto const text = [](config::access_log_settings const& a) {
            return a.to.empty() ? std::string("none") : a.to + " rate " + std::to_string(a.rate);
        };
        out.push_back({"layer7", "change", "access_log: " + text(before.access_log) + " -> " + text(after.access_log)});
    }
    if (before.kept_generations != after.kept_generations) {
        out.push_back({"history", "change",
                       "generations: " + std::to_string(before.kept_generations) + " -> " +
                           std::to_string(after.kept_generations)});
    }
    auto const addresses_of = [](config::cluster_config const& c) {
        std::vector<balance::address> list;
        for (auto const& ip : c.all_floating()) {
            list.push_back(ip.address);
        }
        std::sort(list.begin(), list.end());
        return list;
    };
    auto const old_addresses = addresses_of(before);
    auto const new_addresses = addresses_of(after);
    auto const missing = [&out](auto const& from, auto const& in, char const* change) {
        for (auto const& a : from) {
            if (!std::binary_search(in.begin(), in.end(), a)) {
                out.push_back({"floating IP " + a.to_string(), change, ""});
            }
        }
    };
    missing(old_addresses, new_addresses, "remove");
    missing(new_addresses, old_addresses, "add");
    walk(before.services.services, after.services.services, "service ", out,
         [&out](balance::virtual_service const& a, balance::virtual_service const& b) {
             walk(a.servers, b.servers, "service " + a.name + " server ", out, [](auto const&, auto const&) {});
         });
    return out;
}

std::vector<config_change> differences(running_config const& before, running_config const& after) {
    auto out = differences(before.cluster, after.cluster);
    auto const has = [](cluster::generation const& g, std::string const& name) {
        return std::any_of(g.files.begin(), g.files.end(), [&](auto const& f) { return f.first == name; });
    };
    auto const is_extra = [](std::string const& name) { return name != cluster_file && is_operators(name); };
    for (auto const& [name, bytes] : before.generation.files) {
        if (is_extra(name) && !has(after.generation, name)) {
            out.push_back({"file " + name, "remove", {}});
        }
    }
    for (auto const& [name, bytes] : after.generation.files) {
        if (!is_extra(name)) {
            continue;
        }
        if (!has(before.generation, name)) {
            out.push_back({"file " + name, "add", {}});
        } else if (file_of(before.generation, name) != bytes) {
            out.push_back({"file " + name, "change", "another content"});
        }
    }
    return out;
}

std::string in_short(std::vector<config_change> const& changes) {
    constexpr std::size_t most_objects = 12;
    constexpr std::size_t most_bytes = 160; // of one object
    std::string text;
    for (std::size_t i = 0; i < std::min(changes.size(), most_objects); ++i) {
        auto const& c = changes[i];
        auto what = c.object + (c.text.empty() ? "" : " (" + c.text + ")");
        if (what.size() > most_bytes) {
            auto end = most_bytes;
            while (end > 0 && (static_cast<unsigned char>(what[end]) & 0xc0) == 0x80) { // within a letter of UTF-8
                --end;
            }
            what = what.substr(0, end) + "...";
        }
        text += (text.empty() ? "" : "; ") + std::string(c.change == "add" ? "+ " : c.change == "remove" ? "- " : "~ ") +
                what;
    }
    if (changes.size() > most_objects) {
        text += "; and " + std::to_string(changes.size() - most_objects) + " more";
    }
    return text.empty() ? "no object differs" : text;
}

} // namespace dyad
