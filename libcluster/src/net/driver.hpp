// SPDX-License-Identifier: Apache-2.0
// The heartbeat thread: what arrives becomes events of the failover machine, its actions become I/O. Nothing is decided
// here.
#pragma once

#include "failover/machine.hpp"
#include "net/address_keeper.hpp"
#include "net/announce_socket.hpp"
#include "net/announcer.hpp"
#include "net/heartbeat_paths.hpp"
#include "net/mailbox.hpp"
#include "net/ping_socket.hpp"
#include "net/status_board.hpp"
#include "net/waiter.hpp"

#include <cluster/node.hpp>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace cluster::net {

class driver {
public:
    struct callbacks {
        std::function<void(node_event const&)> event;
        std::function<void(epoch, bool maintenance)> persist;
        std::function<void(address_move)> move;
        std::function<void(std::vector<floating_address> const&)> held;
        std::function<void(epoch, std::function<void(bool granted)> answer)> witness;
    };

    /// `s` was checked, its links are sorted by name.
    explicit driver(node_settings s);
    ~driver();

    /// Opens everything and starts the thread. Errors: see `node::start`.
    result<> start(callbacks c);
    /// Takes the addresses off, says goodbye and ends the thread.
    void stop();
    /// Waits for the end of a driver that was asked to stop by `failover::request::stop`; false when it takes longer.
    bool wait_stopped(milliseconds limit);

    // From any thread.
    void request(failover::request what, node::answer done);
    void set_local_health(local_fitness f);
    void set_config(config_version v, sha256 const& hash);
    void set_floating(std::vector<floating_address> f);
    void set_keys(key_pair const& k, node::answer done);
    [[nodiscard]] node_status status() const { return board_.read(); }
    [[nodiscard]] std::vector<sealed_datagram> goodbyes() const;

private:
    using clock = boot_clock;
    using time_point = clock::time_point;
    using command = std::function<void(driver&)>;
    struct waiting {
        node::answer done;
        time_point limit;
    };

    // The loop (driver.cpp).
    void run();
    void turn();
    void receive_heartbeats();
    void take_reports();
    void take_probe_answers();
    void send_announcements();
    void send_pings();
    void ask_ping_nodes();
    void expire_requests();
    [[nodiscard]] time_point next_turn() const noexcept;
    void step(failover::event const& e);
    void end();

    // Events (driver_events.cpp).
    void judge(std::size_t link, wire::verdict const& v);
    void on(kept::acquired const& r) { step(failover::addresses_acquired{r.ok}); }
    void on(kept::released const& r) { step(failover::addresses_released{r.ok}); }
    void on(kept::link const& r);
    void on(kept::service const& r);
    void on(kept::held const& r);
    void on(kept::notice const& r) { tell(r.kind, r.text, r.important); }
    void report_health();

    // Actions (driver_actions.cpp).
    void carry_out(failover::send_heartbeat const& a);
    void carry_out(failover::acquire_addresses const& a);
    void carry_out(failover::refresh_addresses const& a);
    void carry_out(failover::release_addresses const& a);
    void carry_out(failover::announce_addresses const& a);
    void carry_out(failover::send_goodbye const& a);
    void carry_out(failover::persist const& a);
    void carry_out(failover::ask_ping_nodes const&) { ask_ping_nodes(); }
    void carry_out(failover::ask_witness const& a);
    void carry_out(failover::answer_request const& a);
    void carry_out(failover::notify const& a);
    void tell(std::string kind, std::string text, bool important);

    // Status (driver_status.cpp).
    void publish();
    void fill_links(failover::view const& v);
    void notice_rejected();
    void notice_one_way();

    node_settings settings_;
    callbacks callbacks_;
    heartbeat_paths paths_;
    failover::machine machine_;
    std::vector<failover::action> actions_;
    mailbox<command> commands_;
    mailbox<keeper_report> reports_;
    address_keeper keeper_;
    announcer announcer_;
    std::optional<announce_socket> announce_socket_;
    ping_tally pings_;
    std::vector<ping_socket> ping_sockets_;
    waiter waiter_;

    time_point now_;
    time_point started_;
    failover::local_health health_;
    std::vector<held_address> held_;
    std::map<address, time_point> contested_; ///< addresses that others answer for, and when that was told
    std::map<std::uint32_t, waiting> requests_;
    std::uint32_t last_request_ = 0;
    bool had_session_ = false;
    bool finished_ = false; ///< the machine said goodbye, or an end without delay is wanted
    bool said_goodbye_ = false;
    time_point next_ping_;
    time_point next_liveness_;
    time_point next_publish_;
    bool changed_ = true;
    struct link_memory {
        bool usable = false;
        std::uint64_t rejected = 0;
        time_point noticed{};
        time_point one_way_since{}; ///< the peer doesn't hear us although we hear it
        bool one_way = false;       ///< told
    };
    std::vector<link_memory> memory_;
    node_status status_;
    status_board board_;
    mutable std::mutex goodbyes_mutex_;
    std::vector<sealed_datagram> goodbyes_;
    std::mutex stopped_mutex_;
    std::condition_variable stopped_changed_;
    bool stopped_ = false;
    std::thread thread_;
};

} // namespace cluster::net
