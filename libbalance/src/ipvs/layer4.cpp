// SPDX-License-Identifier: Apache-2.0
#include "firewall/mark_route.hpp"
#include "firewall/nft_table.hpp"
#include "firewall/program.hpp"
#include "firewall/sysctl.hpp"
#include "ipvs/channel.hpp"
#include "ipvs/reconciler.hpp"

#include <balance/layer4.hpp>
#include <balance/validate.hpp>

#include <algorithm>
#include <map>
#include <optional>

namespace balance {
namespace {

/// For status.
struct service_names {
    std::string name;
    std::vector<std::string> servers;
};

bool has_nat(ipvs::desired_service const& s) {
    return std::any_of(s.destinations.begin(), s.destinations.end(),
                       [](auto const& d) { return d.config.method == ipvs::forwarding::masquerade; });
}

} // namespace

struct layer4::impl {
    void desire(configuration const& wanted, std::span<server_state const> states);
    result<std::vector<change>> apply();
    result<std::vector<service_status>> status() const;
    result<> purge();

    /// Absent when the kernel has no IPVS.
    result<std::unique_ptr<ipvs::channel>> open(bool needed);
    void remember_names(configuration const& wanted);
    result<> apply_ipvs(ipvs::channel& k, std::vector<change>& out);
    void apply_sysctls(std::vector<change>& out);
    result<> apply_rules(ipvs::packet_rules const& rules, std::vector<change>& out);
    void apply_route(bool wanted, std::vector<change>& out);
    static void say_once(std::string& said, std::string text, std::vector<change>& out);
    void refuse(std::string const& service, std::string const& reason) { reasons.emplace(service, reason); }
    void refuse_all(std::string const& reason);
    service_status status_of(service_names const& s,
                             std::map<ipvs::service_key, ipvs::service_state const*> const& actual) const;

    std::vector<service_names> services; ///< layer 4, of the last apply
    ipvs::desired_table desired;
    std::map<std::string, std::string> reasons; ///< service -> why it is not served
    ipvs::reconciler table;
    firewall::nft_table table_of_rules;
    firewall::sysctl_writer sysctls;
    bool asked_for_module = false;
    bool hold = false;
    std::string guarded_interface;
    std::optional<bool> routed; ///< answers to borrowed addresses; absent: what an earlier life has left is not known
    std::string trouble;        ///< of transparent services, so that it is said once
    std::string cannot_stay;    ///< likewise of clients of drained servers
};

result<std::unique_ptr<ipvs::channel>> layer4::impl::open(bool needed) {
    auto out = ipvs::channel::open();
    if (out || out.error().code != errc::not_supported || !needed || asked_for_module) {
        return out;
    }
    asked_for_module = true;
    if (firewall::load_module("ip_vs")) {
        return ipvs::channel::open();
    }
    return out;
}

void layer4::impl::refuse_all(std::string const& reason) {
    for (auto const& s : desired.services) {
        refuse(s.name, reason);
    }
}

void layer4::impl::desire(configuration const& wanted, std::span<server_state const> states) {
    desired = ipvs::desire(wanted, states, hold);
    desired.rules.guarded_interface = guarded_interface;
    remember_names(wanted);
}

result<std::vector<layer4::change>> layer4::impl::apply() {
    reasons.clear();
    for (auto const& r : desired.refused) {
        refuse(r.service, r.reason);
    }
    std::vector<change> out;
    auto const k = open(!desired.services.empty());
    if (!k && k.error().code != errc::not_supported) {
        return k.error();
    }
    if (!k) {
        refuse_all(k.error().detail);
        ipvs::packet_rules others; // than IPVS
        others.borrowed = desired.rules.borrowed;
        if (auto const done = apply_rules(others, out); !done) {
            return done.error();
        }
        return out;
    }
    if (auto const done = apply_ipvs(**k, out); !done) {
        bool const nothing_to_do = desired.services.empty() && done.error().code == errc::not_permitted;
        if (!nothing_to_do) { // a program that only relays on layer 7 needs no privilege
            return done.error();
        }
    }
    return out;
}

void layer4::impl::remember_names(configuration const& wanted) {
    services.clear();
    for (auto const& s : wanted.services) {
        if (!is_layer4(s.mode)) {
            continue;
        }
        auto& names = services.emplace_back();
        names.name = s.name;
        names.servers.reserve(s.servers.size());
        std::transform(s.servers.begin(), s.servers.end(), std::back_inserter(names.servers), [](auto const& v) { return v.name; });
    }
}

result<> layer4::impl::apply_ipvs(ipvs::channel& k, std::vector<change>& out) {
    auto const note = [&](ipvs::reconciler::outcome const& o) {
        for (auto const& c : o.done) {
            out.push_back({c.service, c.text});
        }
        for (auto const& f : o.failed) {
            refuse(f.service, f.reason);
        }
    };
    apply_sysctls(out);
    say_once(cannot_stay, desired.cannot_stay, out);
    auto const built = table.build(k, desired);
    if (!built) {
        return built.error();
    }
    note(*built);
    for (auto const& key : built->strangers) {
        out.push_back({{},
                       "IPVS holds " + to_string(key) +
                           ", which is not of this configuration; it is left alone (ipvsadm -D removes it)"});
    }
    if (auto done = apply_rules(desired.rules, out); !done) {
        return done;
    }
    if (built->removals) {
        auto const removed = table.remove(k, desired);
        if (!removed) {
            return removed.error();
        }
        note(*removed);
    }
    return {};
}

void layer4::impl::apply_sysctls(std::vector<change>& out) {
    auto const done = sysctls.apply(firewall::needed_sysctls(desired, firewall::local_networks(), hold));
    for (auto const& list : {done.done, done.failed}) {
        for (auto const& text : list) {
            out.push_back({{}, text});
        }
    }
    for (auto const& s : desired.services) {
        if (!done.unserved.empty() && has_nat(s)) {
            refuse(s.name, done.unserved);
        }
    }
}

void layer4::impl::say_once(std::string& said, std::string text, std::vector<change>& out) {
    if (said != text && !text.empty()) {
        out.push_back({{}, text});
    }
    said = std::move(text);
}

/// The rules mark what servers answer to borrowed addresses; this brings it to our sockets.
void layer4::impl::apply_route(bool wanted, std::vector<change>& out) {
    if (!wanted) {
        if (routed.value_or(true)) {
            firewall::undo_deliver_locally(borrowed_mark, firewall::borrowed_table);
        }
        routed = false;
        return;
    }
    auto const done = firewall::deliver_locally(borrowed_mark, firewall::borrowed_table);
    routed = true;
    if (!done) {
        say_once(trouble, "transparent services cannot reach their servers: " + done.error().detail, out);
    } else if (*done) {
        out.push_back({{}, "answers to clients of transparent services are routed to this node"});
    }
}

result<> layer4::impl::apply_rules(ipvs::packet_rules const& rules, std::vector<change>& out) {
    apply_route(!rules.borrowed.empty(), out);
    auto const written = table_of_rules.apply(rules);
    if (!written) {
        if (written.error().code == errc::not_permitted && !rules.empty()) {
            return written.error();
        }
        for (auto const& r : rules.marks) {
            refuse(r.service, written.error().detail);
        }
        for (auto const& r : rules.sources) {
            refuse(r.service, written.error().detail);
        }
        for (auto const& r : rules.pages) {
            refuse(r.service, written.error().detail);
        }
        if (!rules.borrowed.empty()) {
            say_once(trouble, "transparent services cannot reach their servers: " + written.error().detail, out);
        }
        return {};
    }
    if (*written) {
        auto const count = rules.size();
        out.push_back({{},
                       count == 0
                           ? std::string("packet rules removed")
                           : "packet rules written: " + std::to_string(count) + (count == 1 ? " rule" : " rules")});
    }
    return {};
}

service_status layer4::impl::status_of(service_names const& s,
                                       std::map<ipvs::service_key, ipvs::service_state const*> const& actual) const {
    service_status out;
    out.name = s.name;
    if (auto const reason = reasons.find(s.name); reason != reasons.end()) {
        out.not_served = reason->second;
    }
    std::map<std::string, server_status> by_name;
    auto const wanted =
        std::find_if(desired.services.begin(), desired.services.end(), [&](auto const& d) { return d.name == s.name; });
    auto const found = wanted == desired.services.end() ? actual.end() : actual.find(wanted->config.key);
    if (found != actual.end()) {
        out.counters = found->second->counters;
        out.fallback_active = wanted->fallback_active;
        for (auto const& d : wanted->destinations) {
            auto const& states = found->second->destinations;
            auto const same = [&](ipvs::destination_state const& x) { return x.config.remote == d.config.remote; };
            if (auto const it = std::find_if(states.begin(), states.end(), same); it != states.end()) {
                if (d.is_fallback) {
                    continue;
                }
                by_name[d.name] = {d.name, it->active, it->inactive, it->counters};
            }
        }
    } else if (out.not_served.empty()) {
        out.not_served = "IPVS does not hold it: somebody removed it; the next apply puts it back";
    }
    for (auto const& name : s.servers) {
        auto const it = by_name.find(name);
        out.servers.push_back(it == by_name.end() ? server_status{name, 0, 0, {}} : it->second);
    }
    return out;
}

result<std::vector<service_status>> layer4::impl::status() const {
    std::vector<ipvs::service_state> held;
    if (!services.empty()) {
        auto const k = ipvs::channel::open();
        if (!k && k.error().code != errc::not_supported) {
            return k.error();
        }
        if (k) {
            auto dumped = (*k)->dump();
            if (!dumped) {
                return dumped.error();
            }
            held = std::move(*dumped);
        }
    }
    std::map<ipvs::service_key, ipvs::service_state const*> actual;
    for (auto const& s : held) {
        actual.emplace(s.config.key, &s);
    }
    std::vector<service_status> out;
    for (auto const& s : services) {
        out.push_back(status_of(s, actual));
    }
    return out;
}

result<> layer4::impl::purge() {
    auto const marks_gone = table_of_rules.apply({});
    firewall::undo_deliver_locally(borrowed_mark, firewall::borrowed_table);
    routed = false;
    ipvs::desired_table nothing;
    nothing.addresses = desired.addresses;
    auto const k = ipvs::channel::open();
    if (!k) {
        return k.error().code == errc::not_supported ? result<>() : k.error();
    }
    auto const removed = table.remove(**k, nothing);
    if (!removed) {
        return removed.error();
    }
    if (!removed->failed.empty()) {
        return make_error(errc::io_error, removed->failed.front().reason);
    }
    sysctls.reset();
    desired = {};
    services.clear();
    reasons.clear();
    return marks_gone || marks_gone.error().code == errc::not_found ? result<>() : marks_gone.error();
}

layer4::layer4() : impl_(std::make_unique<impl>()) {}
layer4::~layer4() = default;
layer4::layer4(layer4&&) noexcept = default;
layer4& layer4::operator=(layer4&&) noexcept = default;

result<std::vector<layer4::change>> layer4::apply(configuration const& desired, std::span<server_state const> states) {
    impl_->desire(desired, states);
    return impl_->apply();
}
result<std::vector<layer4::change>> layer4::apply_again() { return impl_->apply(); }
void layer4::hold_unknown(bool on) { impl_->hold = on; }
void layer4::guard_interface(std::string name) { impl_->guarded_interface = std::move(name); }

result<std::vector<service_status>> layer4::status() const { return impl_->status(); }
result<> layer4::purge() { return impl_->purge(); }

result<> layer4::run_script(std::string const& path, std::chrono::milliseconds limit, std::stop_token stop) {
    auto const done = firewall::run_program(path, {}, {}, limit, std::move(stop));
    if (!done) {
        return done.error();
    }
    if (done->exit_code == 0) {
        return {};
    }
    auto said = done->err.empty() ? done->out : done->err;
    while (!said.empty() && said.back() == '\n') {
        said.pop_back();
    }
    said.erase(0, said.rfind('\n') + 1);
    return make_error(errc::io_error, path + " ended with exit code " + std::to_string(done->exit_code) +
                                          (said.empty() ? "" : ": " + said));
}

} // namespace balance
