// SPDX-License-Identifier: Apache-2.0
// What operators ask of layer 7's persistence tables.
#include "cluster/core.hpp"
#include "cluster/monotonic.hpp"
#include "ipc/records.hpp"

#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace dyad {

namespace {

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

bool one_for_all(balance::virtual_service const& s) { return s.persistence.mode == balance::persistence::kind::last_successful; }

std::uint8_t granularity_of(balance::virtual_service const& s) {
    return one_for_all(s) ? std::uint8_t{0} : s.persistence.granularity.value_or(std::uint8_t{128});
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

balance::result<balance::persistence_copy::page> core::persistence(std::string const& service,
                                                                  std::optional<balance::persistence_copy::position> const& after,
                                                                  std::size_t most) const {
    if (!service.empty()) {
        if (auto const known = with_a_table(running_.cluster.services.services, service); !known) {
            return known.error();
        }
    }
    return tables_.read(service, after, most, monotonic_ms());
}

balance::result<std::optional<balance::persistence_entry>> core::persistence_of(std::string const& service,
                                                                               balance::address const& client) const {
    auto const known = with_a_table(running_.cluster.services.services, service);
    if (!known) {
        return known.error();
    }
    return tables_.find(service, one_for_all(**known) ? balance::address() : client, granularity_of(**known), monotonic_ms());
}

balance::result<core::cleared> core::clear_persistence(std::string const& service, std::optional<balance::address> const& client,
                                                       std::string const& who) {
    auto const known = with_a_table(running_.cluster.services.services, service);
    if (!known) {
        return known.error();
    }
    auto const* const found = *known;
    auto const entries = tables_.clear(service, one_for_all(*found) ? std::nullopt : client, granularity_of(*found), monotonic_ms());
    std::vector<balance::persistence_record> records;
    balance::persistence_writer writer;
    for (auto const& e : entries) {
        records.push_back(balance::as_record(e));
        writer.add(records.back());
        if (writer.size() >= ipc::records_in_a_message) {
            children_->to_proxies(ipc::records_message(writer.take()));
        }
    }
    if (!writer.empty()) {
        children_->to_proxies(ipc::records_message(writer.take()));
    }
    tell_peer_of_tables(records);
    cleared const out{entries.size(), replicator_ && replicator_->status().connected};
    events_.audit("operator",
                  "persistence of " + service + (client ? " for " + client->to_string() : "") + ": " +
                      std::to_string(entries.size()) + (entries.size() == 1 ? " entry" : " entries") + " cleared",
                  who);
    return out;
}

} // namespace dyad
