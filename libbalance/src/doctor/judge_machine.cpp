// SPDX-License-Identifier: Apache-2.0
#include "doctor/judge.hpp"

#include <algorithm>

namespace balance::doctor {
namespace {

using grade = finding::grade;

/// Findings of this machine.
class machine_judge {
public:
    machine_judge(machine_facts const& m, ipvs::desired_table const& desired) : m_(m), desired_(desired) {}

    std::vector<finding> run() {
        programs();
        for (auto const& r : desired_.refused) {
            out_.push_back(make_finding(grade::fault, r.service, "is not served: " + r.reason));
        }
        for (auto const& s : m_.settings) {
            is_set(s);
        }
        packet_filters();
        reverse_paths();
        return std::move(out_);
    }

private:
    void programs() {
        if (m_.no_ipvs) {
            out_.push_back(make_finding(grade::fault, {}, "kernel " + m_.kernel + ": " + m_.no_ipvs->detail));
        } else {
            add(grade::fine, "kernel " + m_.kernel + " has IPVS");
        }
        if (!m_.no_nft) {
            add(grade::fine, "nft writes packet rules");
            return;
        }
        bool const needed = !desired_.rules.empty();
        bool const missing = m_.no_nft->code == errc::not_found;
        add(needed ? grade::fault : grade::warning,
            m_.no_nft->detail + (needed
                                     ? ": services with several ports or a source address of their own are not served"
                                     : ", and no service needs packet rules now"),
            missing ? "apt-get install nftables" : "see what `nft list tables` says; the kernel needs nf_tables");
    }

    void is_set(setting const& s) {
        auto const& [name, value, why, without] = s.wanted;
        auto const bad = without.empty() ? grade::warning : grade::fault;
        if (s.is == value) {
            add(grade::fine, name + " is " + value + ": " + why);
        } else if (s.is.empty()) {
            add(bad, "this kernel has no " + name + ": " + why, "use a newer kernel");
        } else {
            add(bad, name + " is " + s.is + " and should be " + value + ": " + why, "sysctl -w " + name + "=" + value);
        }
    }

    /// Does a service of IPv4, or of IPv6, need packets to pass that hook?
    [[nodiscard]] bool needs(bool v6, std::string const& hook) const {
        return std::any_of(desired_.services.begin(), desired_.services.end(), [&](ipvs::desired_service const& s) {
            bool const translated = std::any_of(s.destinations.begin(), s.destinations.end(), [](auto const& d) {
                return d.config.method == ipvs::forwarding::masquerade;
            });
            return s.config.key.v6 == v6 && (hook == "input" || translated);
        });
    }

    void packet_filters() {
        if (!m_.no_filters.empty()) {
            add(grade::untested, "other people's packet filters were not all looked at: " + m_.no_filters);
        }
        for (auto const& c : m_.filters) {
            bool const v4 = (c.family == "inet" || c.family == "ip") && needs(false, c.hook);
            bool const v6 = (c.family == "inet" || c.family == "ip6") && needs(true, c.hook);
            if (v4 || v6) {
                packet_filter(c);
            }
        }
    }

    void packet_filter(filter_chain const& c) {
        bool const input = c.hook == "input";
        std::string const packets = input ? "what comes in" : "what is forwarded";
        auto text = "the chain " + c.family + " " + c.name;
        if (!c.only.empty()) {
            text += " drops some of " + packets;
        } else {
            text += (c.by.empty() ? " drops " : " leads to the chain " + c.by + ", which drops ") + packets +
                    " unless a rule lets it through";
        }
        text += input ? ", and IPVS sees clients' packets behind it" : "";
        for (auto const& rule : c.only) {
            text += (&rule == &c.only.front() ? ": " : "; ") + rule;
        }
        add(grade::warning, text + (c.more ? "; and more" : ""),
            input ? "have it accept packets for the addresses and ports of the services"
                  : "have it accept the replies of nat and snat services' real servers");
    }

    /// A strict filter drops clients who come in elsewhere than where the way back to them leads.
    void reverse_paths() {
        for (auto const& interface : m_.strict) {
            if (!m_.default_route || *m_.default_route == interface) {
                continue;
            }
            auto const filter = "the reverse path filter of " + interface + " is strict, and ";
            auto const remedy = "sysctl -w net.ipv4.conf." + firewall::as_sysctl(interface) + ".rp_filter=2, or give ";
            if (m_.default_route->empty()) {
                add(grade::warning,
                    filter + "there is no default route: clients of networks without a route are dropped",
                    remedy + "this node a default route there");
            } else {
                add(grade::warning,
                    filter + "the default route leads through " + *m_.default_route +
                        ": clients of other networks who come in by " + interface + " are dropped",
                    remedy + "those networks a route there");
            }
        }
    }

    void add(grade g, std::string text, std::string remedy = {}) {
        out_.push_back({g, {}, {}, std::move(text), std::move(remedy)});
    }

    machine_facts const& m_;
    ipvs::desired_table const& desired_;
    std::vector<finding> out_;
};

} // namespace

std::vector<finding> judge(machine_facts const& m, ipvs::desired_table const& desired) {
    return machine_judge(m, desired).run();
}

} // namespace balance::doctor
