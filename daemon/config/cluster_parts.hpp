// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <config/section.hpp>
#include <map>

namespace dyad::config {

/// Defaults of [layer4] or [layer7] for the services of that layer.
struct layer_defaults {
    std::chrono::milliseconds interval{4000};
    std::chrono::milliseconds timeout{5000};
    std::uint16_t rise = 2;
    std::uint16_t fall = 2;
    std::chrono::milliseconds slow_start{0};
    balance::timeouts timeouts;
    bool access_log = false; ///< there is one
};

/// A check as it is written: what it leaves out comes from the layer of the service that uses it.
struct check_spec {
    balance::health_check check;
    std::optional<std::chrono::milliseconds> interval;
    std::optional<std::chrono::milliseconds> timeout;
    std::optional<std::uint16_t> rise;
    std::optional<std::uint16_t> fall;

    [[nodiscard]] balance::health_check with(layer_defaults const& d) const;
};

using named_checks = std::map<std::string, check_spec, std::less<>>;

/// What the table at "timeouts" says, in place of `defaults`.
balance::timeouts read_timeouts(section const& s, balance::timeouts const& defaults);
/// The tables "http" and "route"; `tls` says where a redirection leads.
balance::http_policy read_http(section const& s, std::optional<balance::tls_termination> const& tls);
void read_heartbeat(section const& root, cluster_config& out);
/// The table "access_log" of [layer7].
void read_access_log(section const& root, cluster_config& out);
void read_checks(section const& root, cluster_config& out);
layer_defaults read_layer(section const& root, std::string_view key, table_schema const& schema);
check_spec read_check(section const& s);
named_checks read_named_checks(section const& root);

/// What services take from the rest of the file.
struct service_context {
    layer_defaults layer4;
    layer_defaults layer7;
    named_checks checks;
};
service_context read_service_context(section const& root);
balance::virtual_service read_service(std::string const& name, section const& s, service_context const& context);
/// In the file's order.
std::vector<balance::virtual_service> read_services(section const& root, service_context const& context);
/// The name of the [check.NAME] that a service uses; empty: none.
std::string_view named_check_of(value const& service) noexcept;

/// Everything that cluster.toml says, after a look at each table alone.
cluster_config read_cluster(section const& root, service_context const& context);

/// What only shows when the whole file is known: the rules of libbalance, floating addresses, certificates.
void check_cluster(value const& root, section const& top, cluster_config const& c, surroundings const& around);
/// The part of it that what lies around the file decides.
void check_certificates(value const& root, cluster_config const& c, surroundings const& around, fault_list& faults);

} // namespace dyad::config
