// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace dyad::config {

/// The keys of one table of a file. A key that is not listed here is unknown, and docs/CONFIGURATION.md explains each.
struct table_schema {
    std::string_view file;
    std::string_view table; ///< as people write it: "[service.NAME]"
    std::span<std::string_view const> keys;
};

namespace keys {
using list = std::string_view const[];

inline constexpr list node = {"format", "name", "role", "link", "network", "ports", "firewall", "real_time",
                              "notify", "witness", "proxy"};
inline constexpr list pair = {"format", "role", "link"};
inline constexpr list link = {"interface", "local", "peer"};
inline constexpr list network = {"interface"};
inline constexpr list firewall = {"script", "timeout", "auto_nat"};
inline constexpr list notify = {"on_state", "on_address", "timeout"};
inline constexpr list witness = {"program", "timeout", "pause"};
inline constexpr list proxy = {"finish_within"};
inline constexpr list ports = {"heartbeat", "replication", "fallback_page", "web"};

inline constexpr list cluster = {"format",  "heartbeat",   "layer4", "layer7",
                                 "history", "floating_ip", "check",  "checks", "service"};
inline constexpr list heartbeat = {"keepalive",     "warntime",      "deadtime",         "initdead",
                                   "auto_failback", "failback_hold", "flap_limit",       "flap_window",
                                   "address_lifetime", "ping_nodes",   "no_takeover_without_ping", "announce_rate"};
inline constexpr list layer4 = {"check_interval", "check_timeout", "rise", "fall"};
inline constexpr list layer7 = {"check_interval", "check_timeout", "rise", "fall", "slow_start", "timeouts",
                                "handover_grace", "access_log"};
inline constexpr list access_log = {"to", "rate"};
inline constexpr list history = {"generations"};
inline constexpr list checks = {"on_change", "hook_timeout", "hook_waiting", "hook_rate", "passive_factor"};
inline constexpr list floating_ip = {"network"};
inline constexpr list check = {"type",   "port",    "request",  "host",    "method", "verify",
                               "expect", "command", "interval", "timeout", "rise",   "fall",
                               "tls",    "calling_ae", "called_ae", "message", "headers", "user",
                               "password", "password_file", "secret", "secret_file", "query", "database", "tcp",
                               "min_days", "warn_days", "fast_interval", "down_interval", "connects", "connect_timeout", "initial"};
inline constexpr list expect = {"equals", "contains", "regex", "status", "json"};
inline constexpr list service = {"mode",       "address",       "network",     "ports",    "except_ports",
                                 "protocol",   "firewall_mark", "snat_source", "balance",  "persistence",
                                 "check",      "tls",           "re_encrypt",  "fallback", "transparent",
                                 "slow_start", "server",        "tunnel",      "one_packet", "scheduler_flags",
                                 "timeouts",   "http",          "route",         "agent", "on_change",
                                 "proxy_protocol", "limits", "access_log", "observe"};
inline constexpr list observe = {"errors", "within", "server_errors", "on_error"};
inline constexpr list limits = {"connections", "source_connections", "source_rate", "ipv4_prefix", "ipv6_prefix", "except"};
inline constexpr list proxy_protocol = {"from", "send"};
inline constexpr list http = {"redirect_to_https", "https_port",      "hsts",            "forwarded_for", "forwarded", "trusted_relays",
                              "max_body",          "request_headers", "response_headers"};
inline constexpr list route = {"host", "path", "servers"};
inline constexpr list timeouts = {"connect", "queue", "idle", "head", "body", "answer", "keep_alive"};
inline constexpr list agent = {"type", "port", "request", "interval", "timeout"};
inline constexpr list tunnel = {"type", "port", "checksum"};
inline constexpr list persistence = {"mode", "timeout", "granularity", "cookie", "drained", "entries"};
inline constexpr list tls = {"ports", "certificate", "profile", "clients"};
inline constexpr list tls_clients = {"ca", "required"};
inline constexpr list server = {"address", "port", "weight", "min_connections", "max_connections"};
} // namespace keys

namespace tables {
inline constexpr table_schema node{"node.toml", "node.toml", keys::node};
inline constexpr table_schema pair{"pair.toml", "pair.toml", keys::pair};
inline constexpr table_schema link{"node.toml", "[link.NAME]", keys::link};
inline constexpr table_schema network{"node.toml", "[network.NAME]", keys::network};
inline constexpr table_schema ports{"node.toml", "[ports]", keys::ports};
inline constexpr table_schema firewall{"node.toml", "[firewall]", keys::firewall};
inline constexpr table_schema notify{"node.toml", "[notify]", keys::notify};
inline constexpr table_schema witness{"node.toml", "[witness]", keys::witness};
inline constexpr table_schema proxy{"node.toml", "[proxy]", keys::proxy};
inline constexpr table_schema cluster{"cluster.toml", "cluster.toml", keys::cluster};
inline constexpr table_schema heartbeat{"cluster.toml", "[heartbeat]", keys::heartbeat};
inline constexpr table_schema layer4{"cluster.toml", "[layer4]", keys::layer4};
inline constexpr table_schema layer7{"cluster.toml", "[layer7]", keys::layer7};
inline constexpr table_schema access_log{"cluster.toml", "access_log", keys::access_log};
inline constexpr table_schema history{"cluster.toml", "[history]", keys::history};
inline constexpr table_schema floating_ip{"cluster.toml", "[floating_ip.\"ADDRESS\"]", keys::floating_ip};
inline constexpr table_schema checks{"cluster.toml", "[checks]", keys::checks};
inline constexpr table_schema check{"cluster.toml", "[check.NAME]", keys::check};
inline constexpr table_schema expect{"cluster.toml", "expect", keys::expect};
inline constexpr table_schema service{"cluster.toml", "[service.NAME]", keys::service};
inline constexpr table_schema persistence{"cluster.toml", "persistence", keys::persistence};
inline constexpr table_schema http{"cluster.toml", "http", keys::http};
inline constexpr table_schema route{"cluster.toml", "[service.NAME.route.NAME]", keys::route};
inline constexpr table_schema timeouts{"cluster.toml", "timeouts", keys::timeouts};
inline constexpr table_schema tunnel{"cluster.toml", "tunnel", keys::tunnel};
inline constexpr table_schema proxy_protocol{"cluster.toml", "proxy_protocol", keys::proxy_protocol};
inline constexpr table_schema limits{"cluster.toml", "limits", keys::limits};
inline constexpr table_schema observe{"cluster.toml", "observe", keys::observe};
inline constexpr table_schema agent{"cluster.toml", "agent", keys::agent};
inline constexpr table_schema tls{"cluster.toml", "tls", keys::tls};
inline constexpr table_schema tls_clients{"cluster.toml", "clients", keys::tls_clients};
inline constexpr table_schema server{"cluster.toml", "[service.NAME.server.NAME]", keys::server};
} // namespace tables

/// Every table that the two files may have.
inline constexpr std::array all_tables{
    tables::node,        tables::pair,  tables::link,  tables::network, tables::ports,   tables::firewall,    tables::cluster,
    tables::notify,      tables::witness, tables::proxy,       tables::heartbeat,   tables::layer4, tables::layer7, tables::history, tables::floating_ip, tables::checks, tables::check, tables::expect,
    tables::service,     tables::persistence, tables::http, tables::route, tables::timeouts, tables::tunnel, tables::tls,
    tables::tls_clients, tables::server, tables::agent, tables::proxy_protocol, tables::limits,
    tables::access_log, tables::observe};

/// Newest `format` that is understood.
inline constexpr int newest_format = 1;

} // namespace dyad::config
