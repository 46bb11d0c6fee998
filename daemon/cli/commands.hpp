// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cli/environment.hpp>
#include <cli/prober.hpp>

#include <optional>
#include <string>
#include <vector>

namespace dyad::cli {

using directory = std::optional<std::filesystem::path>;

// Without a daemon.
exit_code init(environment& env, directory const& where);
exit_code validate(environment& env, directory const& where);
exit_code keygen(environment& env, std::optional<std::filesystem::path> const& file);
/// `way` is a word of `parse_receiving`.
exit_code print_realserver_script(environment& env, std::string const& service, std::string const& way,
                                  directory const& where);

struct backup_options {
    std::string file;
    std::string config_dir; ///< empty: the daemon's, or /etc/dyad
    std::string state_dir = "/var/lib/dyad";
    std::string password_file; ///< empty: it is asked for
    bool plain = false;        ///< not encrypted
    bool force = false;        ///< in the place of what is there
};
exit_code make_backup(environment& env, backup_options o);
/// Checks everything before it replaces anything; refuses while dyadd runs.
exit_code restore_backup(environment& env, backup_options o);

// What runs now.
/// `target` is empty, SERVICE or SERVICE/SERVER.
exit_code status(environment& env, std::string const& target);
/// Prints the status every second until the process is ended.
exit_code watch(environment& env, std::string const& target);
/// `audit`: only what was done to the pair, and by whom.
exit_code events(environment& env, bool follow, bool audit);
/// `service` is empty for all; without `all` what is fine is only counted.
exit_code doctor(environment& env, std::string const& service, bool all);

/// Makes the check of `target` (SERVICE/SERVER) once and tells all that happened; `refused` when it is down.
exit_code test_server(environment& env, std::string const& target);

// What changes it.
exit_code plan(environment& env, directory const& where);
/// `confirm_within` is empty, or a time like "60s" after which it goes back by itself.
exit_code apply(environment& env, directory const& where, std::string const& confirm_within);
exit_code confirm(environment& env);
exit_code history(environment& env);
/// `generation` is "17" or "1.17".
exit_code rollback(environment& env, std::string const& generation);
/// `action` is drain, halt or online; one of `target` (SERVICE/SERVER) and `address` is given. `cut_after` is empty, or for drain
/// a time like "5m" after which connections of layer 7 that are left are cut.
exit_code set_servers(environment& env, std::string const& action, std::string const& target,
                      std::string const& address, std::string const& cut_after);
/// `action` is takeover or handover.
exit_code move_addresses(environment& env, std::string const& action);
exit_code maintenance(environment& env, bool on);
/// Prints the token with which another node makes this one its secondary.
exit_code pair_token(environment& env);
/// Makes the node at `address` the secondary of this one; the token is read from `env.in`.
exit_code pair(environment& env, std::string const& address);
/// Leaves the pair; `force`: also when the peer cannot be told.
exit_code unpair(environment& env, bool force);
/// Makes this node the primary; `force`: also when the one it was cannot be told.
exit_code promote(environment& env, bool force);
/// Replaces the pair's key on both nodes, which go on meanwhile; shows the steps as they are reached.
exit_code rotate_key(environment& env);
exit_code run_firewall_script(environment& env);
/// Starts the program that is installed now as the proxy, in the place of the one that runs.
exit_code replace_proxy(environment& env);

// Where layer 7's clients go.
struct persistence_page {
    std::string service;     ///< empty: all
    std::string client;      ///< empty: all
    std::string after;       ///< SERVICE/CLIENT that the page before ended with; empty: the first
    unsigned limit = 100;
};
exit_code show_persistence(environment& env, persistence_page const& page);
/// `address` is a client's, or empty for all.
exit_code clear_persistence(environment& env, std::string const& service, std::string const& address);

// What a client sees.
/// As given on the command line; times like "20ms".
struct probe_options {
    std::string target; ///< as `parse_target` reads it
    std::string path;   ///< of an HTTP request; empty: connections alone
    std::string every = "20ms";
    std::string timeout = "3s";
    std::string length = "10s"; ///< "0s": until it is interrupted
    bool watch_owner = false;
};
/// Understood, or nothing and a sentence on stderr.
std::optional<prober::settings> probe_settings(environment& env, probe_options const& o);
/// Connects again and again and tells how that went; `refused` when an attempt failed.
exit_code probe(environment& env, probe_options const& o);
/// Does what a drill orders on `env.in`, and tells it what is seen; ends with its words.
exit_code probe_stdio(environment& env);
struct drill_options {
    std::vector<std::string> targets; ///< none: a port of each TCP service
    probe_options probing;
    int rounds = 1;
    bool yes = false; ///< nobody is asked
    std::vector<std::string> kinds; ///< none: planned
    std::vector<std::string> clients;   ///< commands to which " probe --stdio" is added; none: this machine is the client
    std::vector<std::string> witnesses; ///< the same, for who owns the addresses
    std::string at;                 ///< empty: now
    std::string outage = "4s";
    std::string max_gap = "2s";
    std::int64_t max_errors = -1;   ///< -1: none in planned moves, any in others
    std::string max_two_owners;     ///< empty: not judged
    std::string report;             ///< directory; empty: none
};
/// Fails over, there and back, while probes sit on the services; `refused` when a limit was not kept.
exit_code drill(environment& env, drill_options const& o);

} // namespace dyad::cli
