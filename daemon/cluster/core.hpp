// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/access_log_file.hpp"
#include "cluster/audit_file.hpp"
#include "cluster/checker_questions.hpp"
#include "cluster/children.hpp"
#include "cluster/confirmation.hpp"
#include "cluster/connection_relay.hpp"
#include "cluster/event_log.hpp"
#include "cluster/examiner.hpp"
#include "cluster/history.hpp"
#include "cluster/joining.hpp"
#include "cluster/key_replacement.hpp"
#include "cluster/layer4_observer.hpp"
#include "cluster/layer4_worker.hpp"
#include "cluster/notifications.hpp"
#include "cluster/peer_health.hpp"
#include "cluster/process.hpp"
#include "cluster/proxy_totals.hpp"
#include "cluster/running_config.hpp"
#include "cluster/server_states.hpp"
#include "cluster/state_files.hpp"
#include "cluster/status.hpp"
#include "cluster/translation_relay.hpp"

#include <balance/change_hooks.hpp>
#include <balance/checker.hpp>
#include <balance/daisy_chain.hpp>
#include <balance/persistence_copy.hpp>
#include <cluster/node.hpp>
#include <cluster/replicator.hpp>
#include <cluster/table_exchange.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dyad {

/// The cluster process's main thread: what runs, who is told of it, and what operators ask.
///
/// Everything happens on the io_context's only thread; the node's own thread and the layer-4 worker post their results
/// here.
class core {
public:
    core(boost::asio::io_context& io, cluster_process_context ctx, config::node_config self,
         std::vector<cluster::link_settings> named_links);

    /// Opens the store and the channels, decides what configuration runs, starts the node. Errors carry the remedy;
    /// `invalid_configuration` lists every fault, a line each.
    balance::result<> start();
    /// Tells the guardian that operators can be served, and what it needs should this process die.
    void announce_ready();
    /// Hands over, says goodbye and ends the io_context; `why` is for the log.
    void leave(std::string why);

    // What operators ask (cluster/operations.cpp turns HTTP requests into these); cluster/requests.cpp,
    // cluster/generations.cpp.
    struct applied {
        cluster::config_version version;
        std::string peer; ///< "committed", or why not
        std::vector<config_change> changes;
        std::chrono::milliseconds confirm_within{0}; ///< 0: it needs no confirmation
    };
    void apply(std::string cluster_text, std::string who, std::function<void(balance::result<applied>)> done);
    [[nodiscard]] balance::result<std::vector<config_change>> plan(std::string const& cluster_text);
    /// What the kept generation `to` ("17", "1.17") says becomes a new one, on both nodes, and the operator's files.
    void rollback(std::string const& to, std::string who, std::function<void(balance::result<applied>)> done);
    /// As `apply`; without `confirm` in time the generation before comes back, also after a restart.
    void apply_to_confirm(std::string cluster_text, std::string who, std::chrono::milliseconds within,
                          std::function<void(balance::result<applied>)> done);
    struct confirmed {
        cluster::config_version version;
        bool peer_told = false;
    };
    void confirm(std::string const& who, std::function<void(balance::result<confirmed>)> done);
    // cluster/pair_up.cpp
    /// This node waits for a primary that knows the token. Errors: `refused` with the reason.
    void make_pair_token(std::string const& who, std::function<void(balance::result<cluster::pairing_token>)> done);
    /// This node becomes the primary of `peer`, which shows the token; `pairing()` tells how far that is.
    balance::result<> pair_with(balance::address const& peer, cluster::pairing_token const& token, std::string const& who);
    /// Leaves the pair: the active node goes on alone, the other serves nothing. `force`: this one goes on although the
    /// peer cannot be told. cluster/parting.cpp
    struct parted {
        bool stays = false; ///< this node
        bool peer_told = false;
    };
    void unpair(bool force, std::string const& who, std::function<void(balance::result<parted>)> done);
    /// Makes this node the primary, in a new term; cluster/promotion.cpp. `force`: also when the primary cannot be told.
    void promote(bool force, std::string const& who, std::function<void(balance::result<applied>)> done);
    /// Replaces the pair's key on both nodes, which go on meanwhile; `rotation` tells how far that is. Errors: `refused` with
    /// the reason; cluster/replacing_key.cpp.
    balance::result<> rotate_key(std::string const& who);
    [[nodiscard]] pairing_progress rotation() const;
    /// Empty unless one is under way, also one of the peer's.
    [[nodiscard]] std::string rotation_waits_for() const;
    [[nodiscard]] pairing_progress const& pairing() const noexcept { return pairing_; }

    /// Calls back once layer 4 and the listening sockets are as the newest configuration says, or when that takes too long;
    /// then with what is missing.
    void when_served(std::function<void(std::string const& missing)> then);
    /// The kept generations, newest first.
    void history(history_reader::done done) { history_->read(std::move(done)); }
    balance::result<std::vector<balance::server_key>> set_admin(std::vector<balance::server_key> keys,
                                                                balance::admin_state state, std::string const& who,
                                                                std::chrono::milliseconds cut_after = {});
    /// Of drained servers whose time to finish is over.
    void cut_what_is_left();
    /// The last results of the server's health check, as the checker knows them. Errors as below.
    void check_history(balance::server_key const& key, checker_questions::answer done);
    /// Makes the server's health check once and tells all that happened. Errors: `not_found`, and those of
    /// `checker_questions`.
    void test_server(balance::server_key const& key, std::string const& who, checker_questions::answer done);
    void take_over(std::string const& who, cluster::node::answer done);
    void hand_over(std::string const& who, cluster::node::answer done);
    void set_maintenance(bool on, std::string const& who, cluster::node::answer done);
    struct replaced_proxy {
        std::int64_t was = 0; ///< -1: none ran
        std::int64_t pid = 0;
        std::uint64_t connections = 0; ///< that finish in the one before
        std::chrono::milliseconds finish_within{0};
        std::string version; ///< of the program on disk, which serves now
    };
    /// Starts the program as it lies on disk as another proxy, which serves beside the present one and then in its place;
    /// cluster/proxies.cpp. Errors: `refused` with the reason; the proxy that was there goes on then.
    void replace_proxy(std::string const& who, std::function<void(balance::result<replaced_proxy>)> done);
    /// Runs the operator's own script of node.toml; how it went is an event too.
    void run_firewall_script(std::string const& who, layer4_worker::order when, std::function<void(balance::result<>)> done);
    /// Persistence of layer 7; cluster/tables.cpp. `service` may be empty: all.
    [[nodiscard]] balance::result<balance::persistence_copy::page> persistence(std::string const& service,
                                                                               std::optional<balance::persistence_copy::position> const& after,
                                                                               std::size_t most) const;
    /// Where one client goes; nothing: wherever it is balanced to.
    [[nodiscard]] balance::result<std::optional<balance::persistence_entry>> persistence_of(std::string const& service,
                                                                                            balance::address const& client) const;
    struct cleared {
        std::size_t entries = 0;
        bool peer_told = false;
    };
    /// Forgets where the clients of a service go, or where one goes, on both nodes.
    balance::result<cleared> clear_persistence(std::string const& service, std::optional<balance::address> const& client,
                                               std::string const& who);
    void status(std::function<void(boost::json::object)> done);
    /// Looks for what usually goes wrong, with one service or, when `service` is empty, with all. Errors: `not_found`,
    /// `refused` while another examination is under way.
    void examine(std::string const& service,
                 std::function<void(balance::result<std::vector<balance::finding>>)> done);

    [[nodiscard]] event_log& events() noexcept { return events_; }
    /// Where the operator's files are.
    [[nodiscard]] std::filesystem::path const& directory() const noexcept { return ctx_.config_dir; }
    [[nodiscard]] config::cluster_config const& running() const noexcept { return running_.cluster; }
    [[nodiscard]] cluster::node_state state() const { return node_->status().state; }

private:
    [[nodiscard]] bool paired() const noexcept { return !self_.links.empty(); }
    [[nodiscard]] cluster::node_id writer() const noexcept { return self_.role; }

    balance::result<> choose_configuration();
    balance::result<cluster::generation> read_directory(std::string cluster_text, std::string who);
    balance::result<> start_node();
    balance::result<> start_replication();
    children::handlers child_handlers();
    void tick();

    // cluster/generations.cpp: which configuration runs.
    struct change_request {
        std::string verb; ///< of the event: "applied"
        std::string who;
        std::function<void()> then; ///< when it runs; may be empty
        std::function<void(balance::result<applied>)> done;
    };
    struct pending_apply {
        applied report;
        running_config fresh;
        change_request request;
    };
    [[nodiscard]] balance::result<> may_change(std::string const& command) const;
    [[nodiscard]] balance::result<cluster::generation> successor_like(cluster::generation const& old,
                                                                      std::string applied_by);
    [[nodiscard]] balance::result<cluster::generation> next_of(std::string cluster_text, std::string who);
    void make_current(cluster::generation next, change_request request);
    void finish(pending_apply& pending, std::string peer);
    void came_from_peer(cluster::generation const& g);
    void write_configuration_files(cluster::generation const& before);
    void write_operators_file(std::string const& name, std::string_view bytes);
    void put_files_back(cluster::generation const& before);

    // cluster/promotion.cpp
    [[nodiscard]] bool owns_configuration() const;
    void demoted(cluster::generation const& before);

    // cluster/parting.cpp
    static bool is_about_parting(std::string_view channel) noexcept;
    void peer_parts(std::string_view word);
    balance::result<> part(bool stays, std::string const& who);
    void leave_when_alone(std::int64_t limit_ms, std::string const& who);

    // cluster/replacing_key.cpp
    key_replacement::hooks key_hooks();
    void tell_guardian_goodbyes();

    // cluster/pair_up.cpp: becoming one of a pair.
    [[nodiscard]] lone_node as_lone_node() const;
    [[nodiscard]] cluster::pairing_introduction introduction() const;
    [[nodiscard]] config::pair_config pair_of(cluster::node_id role, balance::address const& local,
                                              balance::address const& peer) const;
    cluster::pairing_host::handlers host_handlers();
    void pairing_ended(balance::result<cluster::pairing_guest::agreement> outcome, balance::address const& peer,
                       std::string const& who);
    void leave_soon(std::string why);

    // cluster/confirming.cpp: what waits for a confirmation.
    [[nodiscard]] std::optional<awaited_confirmation> unconfirmed() const;
    balance::result<> keep_confirmation();
    void watch_confirmation();
    void settle_confirmation();
    void go_back();
    void went_back(balance::result<> const& outcome);

    // cluster/enforce.cpp: what runs becomes what is.
    void run(running_config fresh);
    void enforce();
    void update_layer4();
    /// Did others change it? Compares it with what was wanted last.
    void look_at_layer4();
    void update_fitness();
    void follow_connections();
    void ask_for_connections();
    void end_relay();
    void follow_translations();
    void hold_unknown(bool on);
    [[nodiscard]] std::optional<boost::json::object> proxy_configuration() const;
    /// Opens the access log's file anew, and gives it to the proxies.
    void hand_over_access_log();
    // cluster/table_sharing.cpp
    void proxy_learnt(std::int64_t pid, boost::json::object const& message);
    void begin_to_share_tables();
    /// `fresh` is in the copy already.
    void tell_peer_of_tables(std::span<balance::persistence_record const> fresh);
    void send_about_tables(std::vector<std::string> const& messages);
    static bool is_about_tables(std::string_view channel);
    void peer_tells_of_tables(std::string_view channel, std::string_view bytes);
    void tell_old_peer(std::span<balance::persistence_record const> records);
    void old_peer_tells_of_tables(std::string_view text);
    [[nodiscard]] bool peer_is_old() const;
    [[nodiscard]] bool has_tables_of_peer() const;
    [[nodiscard]] bool tables_in_sync() const;
    void confirm_tables_soon();
    void keep_tables_of_services();
    void take_kept_tables();
    void keep_tables();
    void keep_tables_now_and_then();
    void set_floating_when_served();
    [[nodiscard]] std::string not_served_yet() const;
    void tell_checker();
    boost::json::object secrets_of_checks();
    void tell_guardian();
    void states_changed();

    // cluster/health_sharing.cpp: what both nodes know of the servers.
    /// How often this node checks.
    void tell_pace();
    void tell_peer_of(balance::server_key const& key);
    void tell_peer_of_all();
    void tell_peer_of_state();
    /// Now, if there is anything to tell and somebody to hear it.
    void tell_peer();
    void peer_found(std::string_view bytes);
    /// What the peer knows and this node does not.
    void seed_checker();

    // cluster/moving.cpp: layer-7 connections when the addresses move.
    [[nodiscard]] balance::daisy_chain::settings chain_settings() const;
    void follow_chain();
    void before_move(cluster::address_move m);
    void end_grace();
    void end_chain_without_peer();
    void tell_chain(balance::result<> const& done);

    // cluster/notices.cpp: what the other processes, the node and the peer say.
    void from_guardian(boost::json::object const& m);
    void listen_result(boost::json::object const& m);
    void from_checker(boost::json::object const& m);
    /// True when a server's share of its weight changed.
    bool note_agent(balance::server_key const& key, balance::agent_view const& agent);
    // cluster/proxies.cpp: the one that serves, one to come, and those that were replaced.
    void proxy_attached(std::int64_t pid);
    void from_proxy(std::int64_t pid, boost::json::object const& m);
    void take_roles(boost::json::object const& m);
    void proxy_replaced(boost::json::object const& m);
    void end_replacement(balance::result<replaced_proxy> outcome);
    void send_tables_to_proxy(std::int64_t pid);
    void node_event(cluster::node_event const& e);
    void state_changed(cluster::node_state now);
    /// Tells the operator's programs how the node stands, if that is news; cluster/notifying.cpp.
    void notify_state(notifications::standing now, bool service_ok, std::string const& reason);
    void notify_fitness();
    void notify_held(std::vector<cluster::floating_address> const& held);
    void start_notifying();
    void ask_witness(cluster::epoch epoch, std::function<void(bool granted)> answer);
    void end_when_notified();
    void peer_document(cluster::shared_document const& d);
    void peer_stream(std::string_view channel, std::string_view bytes);
    void peer_connected(bool connected);

    /// Asks the checker about one server.
    void ask_checker(char const* what, balance::server_key const& key, std::chrono::milliseconds patience,
                     checker_questions::answer done);
    [[nodiscard]] std::string edited() const;
    /// Gathers what the status shows; `done` is called with what lives as long as the call.
    void survey(std::function<void(overview const&)> done);
    cluster::node::answer on_main(cluster::node::answer done);
    void keep_audit_trail();
    /// Writes down that `what` was asked for, and how it ended.
    cluster::node::answer audited(std::string const& what, std::string const& who, cluster::node::answer done);

    boost::asio::io_context& io_;
    cluster_process_context ctx_;
    config::node_config self_;
    std::vector<cluster::link_settings> named_links_; ///< of node.toml, used or not
    event_log events_;
    audit_file audit_;
    access_log_file access_log_;
    std::string access_log_error_;
    std::string audit_error_; ///< the last one, so that each is told once
    std::optional<cluster::generation_store> store_;
    std::optional<history_reader> history_; ///< of the store
    std::optional<cluster::key_store> key_files_;   ///< until `key_replacement_` has them
    running_config running_;
    config::cluster_reader reader_;
    server_states servers_;
    confirmation confirmation_;
    balance::persistence_copy tables_; ///< of layer 7
    std::uint64_t kept_change_ = 0; ///< the last one of the tables that is on the disk
    std::int64_t kept_tables_ms_ = 0;
    std::int64_t peer_had_all_ms_ = 0; ///< when the peer was last known to have all of them
    std::optional<cluster::table_exchange> table_exchange_; ///< with the peer, in a pair
    balance::daisy_chain chain_; ///< of layer-7 connections that stay with the other node
    layer4_worker layer4_;
    layer4_observer observer_;
    examiner examiner_; ///< of what operators ask the doctor
    std::unique_ptr<children> children_;
    checker_questions questions_;
    notifications notifications_;
    balance::change_hooks state_programs_;
    balance::change_hooks address_programs_; ///< which wait for no other
    balance::change_hooks witness_;
    std::unique_ptr<cluster::node> node_;
    std::unique_ptr<cluster::replicator> replicator_;
    std::unique_ptr<key_replacement> key_replacement_; ///< in a pair
    std::unique_ptr<connection_relay> relay_; ///< of layer-4 connections, in a pair
    std::string relay_error_;                 ///< why there is none
    std::unique_ptr<translation_relay> translations_; ///< of snat services, in a pair; null before there was one
    cluster::node_state told_state_ = cluster::node_state::listening; ///< by the last event, ahead of the node's status
    bool serving_ = false; ///< clients' connections go through this node, or went until now
    boost::asio::steady_timer hold_timer_;
    boost::asio::steady_timer chain_timer_;
    boost::asio::steady_timer tick_;
    boost::asio::steady_timer confirm_timer_;
    boost::asio::steady_timer pair_timer_;
    boost::asio::steady_timer notify_timer_;
    boost::asio::steady_timer health_timer_;
    boost::asio::steady_timer tables_timer_;
    bool confirms_tables_ = false; ///< the timer runs
    peer_health peer_health_;
    health_news untold_; ///< to the peer
    unsigned told_pace_ = 0; ///< to the checker; 0: nothing yet
    std::optional<cluster::pairing_host> host_;   ///< while a token waits for its primary
    std::optional<cluster::pairing_guest> guest_; ///< while this node asks another one
    pairing_progress pairing_;
    bool joined_ = false; ///< a pair, from the next start on
    bool parting_ = false; ///< alone, from the next start on
    bool parting_stays_ = false;
    std::function<void(balance::result<>)> parting_done_; ///< for the peer's answer; empty: none is waited for
    proxy_totals proxy_totals_;
    std::vector<retiring_proxy> retiring_proxies_;
    std::function<void(balance::result<replaced_proxy>)> replaced_done_; ///< empty: no replacement is under way
    std::uint64_t replacement_ = 0; ///< number of the last one
    boost::asio::steady_timer replacement_timer_{io_};
    balance::percentiles checks_late_;
    std::map<std::string, std::string> not_listening_; ///< "address port n" -> why
    std::vector<cluster::floating_address> floating_;  ///< what the node was told last
    std::vector<cluster::floating_address> guarded_;   ///< what the guardian was told last
    bool notified_fit_ = false; ///< it was looked whether the service interfaces are up
    std::int64_t started_ms_ = 0;
    std::shared_ptr<balance::configuration const> layer4_part_ = std::make_shared<balance::configuration>(); ///< of the running configuration what the kernel has a share in
    bool states_to_tell_ = false;
    boost::asio::steady_timer states_timer_{io_};
    std::chrono::steady_clock::time_point may_tell_states_at_;
    bool layer4_busy_ = false;
    bool layer4_again_ = false;
    bool layer4_changed_ = false; ///< what is wanted, since the last apply
    bool layer4_ready_ = false;
    bool relay_starting_ = false;
    std::int64_t relay_retry_ms_ = 0;  ///< not before
    std::int64_t served_until_ms_ = 0; ///< when this node was active last, monotonic
    bool holding_ = false;             ///< packets of connections that nobody told us of
    bool layer4_follows_ = false;      ///< the layer-4 services of the newest configuration are not programmed yet
    bool listeners_follow_ = false;    ///< its listening sockets are not open yet
    bool memory_to_give_back_ = false; ///< once both are done
    boost::asio::steady_timer memory_timer_{io_};
    std::vector<std::shared_ptr<boost::asio::steady_timer>> served_timers_; ///< cancelled when neither is the case
    std::string secrets_fault_;        ///< why checks lack their secrets
    std::string watch_error_;          ///< why changes by others are not told of
    std::string layer4_error_;         ///< the last one, so that each is told once
    bool listeners_ready_ = false;
    bool chain_busy_ = false;
    std::string chain_error_; ///< the last one, so that each is told once
    bool leaving_ = false;
    bool going_back_ = false;   ///< from a configuration that nobody confirmed
    std::string go_back_error_; ///< the last one, so that each is told once
};

} // namespace dyad
