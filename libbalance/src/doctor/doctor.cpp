// SPDX-License-Identifier: Apache-2.0
#include "doctor/judge.hpp"
#include "doctor/wire.hpp"

#include <balance/doctor.hpp>

#include <algorithm>
#include <iterator>

namespace balance {

namespace {

using namespace doctor;

/// No machine's: of the networks for documentation (RFC 5737) the first that is not ours.
address_v4 stranger(std::vector<firewall::interface_network> const& networks) {
    for (auto const text : {"192.0.2.1", "198.51.100.1", "203.0.113.1"}) {
        auto const a = boost::asio::ip::make_address_v4(text);
        if (std::none_of(networks.begin(), networks.end(), [&](auto const& n) { return firewall::contains(n, a); })) {
            return a;
        }
    }
    return boost::asio::ip::make_address_v4("192.0.2.1");
}

std::set<address_v4> floating(configuration const& c, std::vector<address> others) {
    for (auto const& s : c.services) {
        others.insert(others.end(), {s.address.value_or(address{}), s.snat_source.value_or(address{})});
    }
    std::set<address_v4> out;
    for (auto const& a : others) {
        if (a.is_v4()) {
            out.insert(a.to_v4());
        }
    }
    return out;
}

surroundings look_around(configuration const& c, examination const& how) {
    auto networks = firewall::local_networks();
    auto const foreign = stranger(networks);
    return {how.active, stations(), std::move(networks), floating(c, how.floating), foreign};
}

/// Asks the real servers of the services, and judges what they said.
std::vector<finding> ask_servers(configuration const& c, std::span<server_state const> states, examination const& how) {
    auto w = wire::open(how.stop);
    if (!w) {
        return {make_finding(finding::grade::untested, {}, w.error().detail)};
    }
    auto const around = look_around(c, how);
    auto views = views_of(c, states, how.service, around, [&](address_v4 a) { return way_to(a, around.stations); });
    take(views, w->ask(arp_questions_of(views, around)), around);
    take(views, w->ask(tcp_questions_of(views, around)), around);
    std::vector<finding> out;
    for (auto const& view : views) {
        std::ranges::move(judge(view, around), std::back_inserter(out));
    }
    return out;
}

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

finding make_finding(finding::grade g, std::string service, std::string sentence) {
    std::string remedy;
    if (auto const at = sentence.find("; "); at != sentence.npos) {
        remedy = sentence.substr(at + 2);
        sentence.resize(at);
    }
    return {g, std::move(service), {}, std::move(sentence), std::move(remedy)};
}

bool concerns(finding const& f, std::string_view service) {
    return service.empty() || f.service == service || (f.service.empty() && f.is != finding::grade::fine);
}

std::vector<finding> examine_layer4(configuration const& c, std::span<server_state const> states,
                                    examination const& how) {
    auto const desired = ipvs::desire(c, states, how.hold);
    if (desired.services.empty() && desired.refused.empty()) {
        return {};
    }
    auto out = judge(look_at_machine(desired, how.hold, how.stop), desired);
    std::erase_if(out, [&](finding const& f) { return !concerns(f, how.service); });
    if (how.stop.stop_requested()) {
        return {};
    }
    std::ranges::move(ask_servers(c, states, how), std::back_inserter(out));
    return out;
}

} // namespace balance
