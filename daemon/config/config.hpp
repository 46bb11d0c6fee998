// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/change_hooks.hpp>
#include <balance/service.hpp>
#include <cluster/node.hpp>
#include <cluster/types.hpp>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dyad::config {

/// A fault or a warning with its place. Line and column count from 1; 0 where there is no place (a missing file).
struct diagnostic {
    std::string file;
    unsigned line = 0;
    unsigned column = 0;
    std::string message; ///< what is wrong, and what would be right
    bool warning = false;

    bool operator==(diagnostic const&) const = default;
};

/// "cluster.toml:12:9: unknown key \"wieght\"; did you mean \"weight\"?"; warnings say "warning: " before the message.
std::string to_string(diagnostic const& d);

/// A value when there is no fault; diagnostics in the order of the file, warnings included.
template <class T>
struct outcome {
    std::optional<T> value;
    std::vector<diagnostic> diagnostics;
};

/// node.toml: this node alone, never replicated.
struct node_config {
    std::string name;
    cluster::node_id role = cluster::node_id::primary;
    std::vector<cluster::link_settings> links;   ///< in the file's order
    std::map<std::string, std::string> networks; ///< name of cluster.toml -> interface
    std::uint16_t heartbeat_port = 6694;
    std::uint16_t replication_port = 7778;
    std::uint16_t fallback_port = 9081;
    std::uint16_t web_port = 9443;
    std::string firewall_script;    ///< absolute path of the operator's own script; empty: none
    std::chrono::milliseconds firewall_timeout{30'000};
    std::string auto_nat_interface; ///< empty: none
    bool real_time = true;
    struct notifying {
        std::string on_state;   ///< absolute path of a program that is told of this node's changes; empty: none
        std::string on_address; ///< of one that is told of floating addresses that came; empty: none
        std::chrono::milliseconds timeout{30'000};

        bool operator==(notifying const&) const = default;
    };
    notifying notify{};
    struct witnessing {
        std::string program; ///< absolute path of one that is asked before a silent peer is replaced; empty: none
        std::chrono::milliseconds timeout{10'000};
        std::chrono::milliseconds pause{2'000}; ///< after a no

        bool operator==(witnessing const&) const = default;
    };
    witnessing witness{};
    std::chrono::milliseconds proxy_finish_within{std::chrono::hours(1)}; ///< connections of a proxy that was replaced

    bool operator==(node_config const&) const = default;
};

/// pair.toml: what `dyad pair` decided, which counts more than node.toml.
struct pair_config {
    cluster::node_id role = cluster::node_id::primary;
    std::vector<cluster::link_settings> links; ///< used where node.toml names none

    bool operator==(pair_config const&) const = default;
};

/// An address that is no service: source of snat, default gateway of real servers.
struct floating_ip {
    balance::address address;
    std::string network; ///< empty: the interface whose subnet holds it

    bool operator==(floating_ip const&) const = default;
};

/// Where what clients of layer 7 did is written.
struct access_log_settings {
    std::string to; ///< absolute path of a file, or "journal"; empty: nowhere
    std::uint32_t rate = 10'000; ///< records in a second; 0: any number

    bool operator==(access_log_settings const&) const = default;
};

/// cluster.toml: the same on both nodes.
struct cluster_config {
    cluster::timing timing;
    std::chrono::seconds address_lifetime{2};
    std::vector<balance::address> ping_nodes;
    unsigned announce_rate = 20'000; ///< frames a second on an interface when addresses came to it
    /// For so long layer-7 connections go on where they are after a planned move; 0: they do not.
    std::chrono::seconds handover_grace{30};
    access_log_settings access_log;
    std::size_t kept_generations = 50; ///< of configurations; older ones are removed
    std::vector<floating_ip> floating;
    std::string on_change; ///< absolute path of a program that is told of all servers that come and go; empty: none
    balance::change_hooks::settings hooks{}; ///< how programs of `on_change` are run
    unsigned passive_factor = 3; ///< the passive node's checks take so many times the interval
    /// Services in the file's order, defaults filled in; marks are left to the applier.
    balance::configuration services;

    /// Every address that must float, with its network: services' first, then `floating`, each once.
    [[nodiscard]] std::vector<floating_ip> all_floating() const;

    bool operator==(cluster_config const&) const = default;
};

/// A file of certificates/.
struct known_certificate {
    std::string name; ///< without ".pem"
    std::string fault{}; ///< what is wrong with it as a service's own, and what would be right; empty: nothing
    bool usable = true;  ///< all the same
    bool vouches = true; ///< can be the certificates of those who vouch for clients
    std::string ca_fault{}; ///< what its operator should know then; empty: nothing
};

/// What else lies in the configuration directory, for checks across files.
struct surroundings {
    bool have_cluster_key = false;
    /// Absent: not known, certificates are not checked.
    std::optional<std::vector<known_certificate>> certificates;
    bool have_pair_links = false; ///< pair.toml names the links
};

/// Largest file that is read, in bytes.
inline constexpr std::size_t max_file_size = 4u << 20;

/// Pure: text in, value or every fault out. `file` is only the name shown.
outcome<node_config> parse_node(std::string_view text, std::string const& file, surroundings const& around);
outcome<pair_config> parse_pair(std::string_view text, std::string const& file);
/// The text of pair.toml that says this.
std::string pair_text(pair_config const& pair);
/// What the two files say together.
node_config joined(node_config node, pair_config const& pair);
outcome<cluster_config> parse_cluster(std::string_view text, std::string const& file, surroundings const& around);

struct directory_config {
    node_config node;
    cluster_config cluster;
    std::string node_text;    ///< as read
    std::string cluster_text; ///< as read; what replication carries
};

/// The files of `directory`/certificates, by name; one that is not there holds none. A certificate that ends within 30 days
/// from `now` is usable with a fault.
std::vector<known_certificate> certificates_in(std::filesystem::path const& directory, std::chrono::system_clock::time_point now);

/// Reads and checks node.toml, cluster.toml and what they refer to below `directory`.
outcome<directory_config> load_directory(std::filesystem::path const& directory);

} // namespace dyad::config
