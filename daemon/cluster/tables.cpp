// SPDX-License-Identifier: Apache-2.0
// What operators ask of layer 7's persistence tables.
#include "cluster/core.hpp"
#include "cluster/monotonic.hpp"
#include "ipc/values.hpp"

#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace dyad {

namespace {

/// What goes to the proxy or the peer at once.
constexpr std::size_t entries_told_at_once = 10'000;

/// Does the daemon, and not the kernel or the client itself, remember where the service's clients go?
balance::result<> has_a_table(balance::virtual_service const& s) {
    using kind = balance::persistence::kind;
    auto const name = balance::in_quotes(s.name);
    if (s.persistence.mode == kind::none) {
        return balance::make_error(balance::errc::refused, "service " + name + " has no persistence");
    }
    if (balance::is_layer4(s.mode)) {
        return balance::make_error(balance::errc::refused, "the persistence of service " + name +
                                                               " is the kernel's: `ipvsadm -Lnc` on the active node shows it, and it ends by its timeout");
    }
    if (s.persistence.mode == kind::http_cookie) {
        return balance::make_error(balance::errc::refused, "clients of service " + name +
                                                               " carry their persistence in a cookie: there is no table");
    }
    return {};
}

/// Never null. The error says why there is no such service, or no table of it.
balance::result<balance::virtual_service const*> with_a_table(std::vector<balance::virtual_service> const& all, std::string const& name) {
    auto const found = std::find_if(all.begin(), all.end(), [&](auto const& s) { return s.name == name; });
    if (found == all.end()) {
        return balance::make_error(balance::errc::not_found, "there is no service " + balance::in_quotes(name) +
                                                                 "; 'dyad status' lists them");
    }
    if (auto const known = has_a_table(*found); !known) {
        return known.error();
    }
    return &*found;
}

} // namespace

balance::result<persistence_copy::page> core::persistence(std::string const& service,
                                                          std::optional<persistence_copy::position> const& after,
                                                          std::size_t most) const {
    if (!service.empty()) {
        if (auto const known = with_a_table(running_.cluster.services.services, service); !known) {
            return known.error();
        }
    }
    return tables_.read(service, after, most, monotonic_ms());
}

balance::result<core::cleared> core::clear_persistence(std::string const& service, std::optional<balance::address> const& client,
                                                       std::string const& who) {
    auto const known = with_a_table(running_.cluster.services.services, service);
    if (!known) {
        return known.error();
    }
    auto const* const found = *known;
    bool const one_for_all = found->persistence.mode == balance::persistence::kind::last_successful;
    std::uint8_t const bits = one_for_all ? 0 : found->persistence.granularity.value_or(std::uint8_t{128});
    auto const entries = tables_.clear(service, one_for_all ? std::nullopt : client, bits, monotonic_ms());
    cleared out{entries.size(), replicator_ && replicator_->status().connected};
    for (std::size_t at = 0; at < entries.size(); at += entries_told_at_once) {
        auto const packed = ipc::pack_all(std::span(entries).subspan(at, std::min(entries_told_at_once, entries.size() - at)));
        children_->to_proxies({{"type", "merge"}, {"entries", packed}});
        out.peer_told = replicator_ && replicator_->send("persistence", boost::json::serialize(boost::json::object{{"entries", packed}})) &&
                        out.peer_told;
    }
    events_.audit("operator",
                  "persistence of " + service + (client ? " for " + client->to_string() : "") + ": " +
                      std::to_string(entries.size()) + (entries.size() == 1 ? " entry" : " entries") + " cleared",
                  who);
    return out;
}

} // namespace dyad
