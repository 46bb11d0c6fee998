// SPDX-License-Identifier: Apache-2.0
#include "doctor/judge.hpp"
#include "doctor/wire.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace balance {

namespace {

using namespace doctor;

/// No machine's: of the networks for documentation (RFC 5737) the first that is not ours.
address_v4 stranger() {
    auto const networks = firewall::local_networks();
    for (auto const text : {"192.0.2.1", "198.51.100.1", "203.0.113.1"}) {
        auto const a = boost::asio::ip::make_address_v4(text);
        if (std::none_of(networks.begin(), networks.end(), [&](auto const& n) { return firewall::contains(n, a); })) {
            return a;
        }
    }
    return boost::asio::ip::make_address_v4("192.0.2.1");
}

/// What the real servers are asked, and what they said.
class inquiry {
public:
    explicit inquiry(wire w) : wire_(std::move(w)) {}

    void add(virtual_service const& s) {
        for (auto const& v : s.servers) {
            if (v.address.is_v6()) {
                not_asked_.push_back({finding::grade::untested, s.name, v.name, "servers of IPv6 are not asked", {}});
                continue;
            }
            auto const target = v.address.to_v4();
            if (!ways_.contains(target)) {
                ways_.emplace(target, way_to(target));
            }
            views_.push_back({&s, &v, port_to_ask(s, v), ways_.at(target), {}});
        }
    }

    void run() {
        ask_neighbours();
        ask_servers();
    }

    std::vector<finding> findings(bool active) const {
        auto out = not_asked_;
        virtual_service const* last = nullptr;
        for (auto const& v : views_) {
            if (v.service != last) {
                last = v.service;
                std::ranges::move(judge(*last, others_claiming(*last), active), std::back_inserter(out));
            }
            std::ranges::move(judge(v), std::back_inserter(out));
        }
        return out;
    }

private:
    static bool is_neighbour(server_view const& v) { return v.route && !v.route->gateway; }
    static arp_question who_has_service(server_view const& v) {
        return {v.route->through.index, v.service->address->to_v4()};
    }

    void ask_neighbours() {
        std::map<arp_question, arp_sender> questions;
        for (auto const& v : views_) {
            if (!is_neighbour(v) || v.service->mode == mode::tun) {
                continue;
            }
            auto const& mac = v.route->through.mac;
            questions.try_emplace({v.route->through.index, v.server->address.to_v4()}, arp_sender{mac, v.route->source});
            if (v.service->mode == mode::dr) {
                questions.try_emplace(who_has_service(v), arp_sender{mac, {}});
            }
        }
        neighbours_ = wire_.ask(questions);
        for (auto& v : views_) {
            if (!is_neighbour(v)) {
                continue;
            }
            auto const found = neighbours_.find({v.route->through.index, v.server->address.to_v4()});
            if (found == neighbours_.end()) {
                continue;
            }
            v.mac = *found->second.begin();
            auto const claimed = neighbours_.find(who_has_service(v));
            v.claims_service_address = claimed != neighbours_.end() && claimed->second.contains(*v.mac);
        }
    }

    void ask_servers() {
        std::vector<tcp_question> questions;
        std::vector<reply*> answers;
        auto const foreign = stranger();
        for (auto& v : views_) {
            auto const ask = [&](address_v4 source, address_v4 target, reply& into) {
                tcp_question q{v.route->through, v.mac.value_or(mac_address{}), {source, 0, target, v.port}, {}, {}, {}};
                if (v.service->mode == mode::tun) {
                    q.through = v.service->tunnel;
                    q.tunnel_source = source;
                    q.tunnel_target = v.server->address.to_v4();
                }
                questions.push_back(std::move(q));
                answers.push_back(&into);
            };
            if (v.service->mode == mode::nat && v.mac) {
                ask(v.route->source, v.server->address.to_v4(), v.to_us);
                ask(foreign, v.server->address.to_v4(), v.to_client);
            } else if ((v.service->mode == mode::dr && v.mac) || (v.service->mode == mode::tun && v.route)) {
                ask(v.route->source, v.service->address->to_v4(), v.to_client);
            }
        }
        auto const said = wire_.ask(std::move(questions));
        for (std::size_t i = 0; i < said.size(); ++i) {
            *answers[i] = said[i];
        }
    }

    /// Who answers for a service's address beside this machine and the service's servers.
    std::set<mac_address> others_claiming(virtual_service const& s) const {
        std::set<mac_address> out;
        std::set<mac_address> known;
        for (auto const& v : views_) {
            if (v.service != &s || !is_neighbour(v)) {
                continue;
            }
            known.insert(v.route->through.mac);
            known.insert(v.mac.value_or(mac_address{}));
            if (auto const found = neighbours_.find(who_has_service(v)); found != neighbours_.end()) {
                out.insert(found->second.begin(), found->second.end());
            }
        }
        std::erase_if(out, [&](mac_address const& m) { return known.contains(m); });
        return out;
    }

    wire wire_;
    std::map<address_v4, std::optional<way>> ways_;
    std::vector<server_view> views_;
    std::vector<finding> not_asked_;
    arp_answers neighbours_;
};

} // namespace

std::string_view to_string(finding::grade g) noexcept {
    switch (g) {
    case finding::grade::fine:
        return "fine";
    case finding::grade::untested:
        return "untested";
    case finding::grade::warning:
        return "warning";
    case finding::grade::fault:
        return "fault";
    }
    return {};
}

std::vector<finding> examine_layer4(configuration const& c, std::span<server_state const> states,
                                    examination const& how) {
    auto const desired = ipvs::desire(c, states, how.hold);
    std::vector<finding> out;
    if (desired.services.empty() && desired.refused.empty()) {
        return out;
    }
    if (how.service.empty()) {
        out = judge(look_at_machine(desired, how.hold), desired);
    }
    auto w = wire::open(how.stop);
    if (!w) {
        out.push_back({finding::grade::untested, {}, {}, w.error().detail, {}});
        return out;
    }
    inquiry asked(std::move(*w));
    for (auto const& s : c.services) {
        if (!is_layer4(s.mode) || (!how.service.empty() && s.name != how.service)) {
            continue;
        }
        if (auto why = cannot_ask(s, how.active); why.empty()) {
            asked.add(s);
        } else if (s.mode != mode::snat) {
            out.push_back({finding::grade::untested, s.name, {}, std::move(why), {}});
        }
    }
    asked.run();
    std::ranges::move(asked.findings(how.active), std::back_inserter(out));
    return out;
}

} // namespace balance
