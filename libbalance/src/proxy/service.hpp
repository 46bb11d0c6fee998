// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/persistence_table.hpp"
#include "core/scheduler.hpp"
#include "proxy/admission.hpp"
#include "proxy/backend.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/tls.hpp"
#include "proxy/traffic.hpp"

#include <balance/proxy.hpp>
#include <balance/service.hpp>
#include <balance/status.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace balance::layer7 {

/// Tells the states of a configuration's servers by name.
class state_lookup {
public:
    virtual server_state const* find(std::string const& service, std::string const& server) const = 0;

protected:
    ~state_lookup() = default;
};

/// What a session must know of its service.
struct session_rules {
    std::string service; ///< its name
    bool log = false;    ///< its clients' doings are written down
    bool transparent = false; ///< servers see clients' addresses
    balance::timeouts timeouts;
    http_policy http;
    balance::proxy_protocol proxy_protocol;
    std::shared_ptr<source_guard> guard; ///< null: sources have no limits
    /// Mode http: names of the cookies for persistence, of requests without a route first, then of each route. Empty: none.
    std::vector<std::string> cookies;
    std::string app_cookie; ///< mode http: name of the application's cookie for persistence; empty: none
    bool path = false; ///< mode http: servers are chosen by the path

    [[nodiscard]] std::string_view cookie(std::size_t route) const noexcept {
        return cookies.empty() ? std::string_view() : cookies[route];
    }
};

/// Who wants a server.
struct asker {
    address client;
    std::uint64_t path = 0;   ///< mode http: hash of the request's path, where `session_rules` ask for it
    std::uint64_t cookie = 0; ///< mode http: what the client keeps of its server; 0: nothing
    std::optional<address> session{}; ///< mode http: stands for the value of the application's cookie
    std::size_t route = 0;    ///< mode http: 0: none of the service's; else its place among them, from 1
    session_rules const* rules = nullptr; ///< mode http: those that the route is one of
};


/// Where a new connection goes.
struct choice {
    std::shared_ptr<backend> server;
    std::uint64_t life = 0;                  ///< of the server when it was chosen
    bool fallback = false;                   ///< not counted as one of the service's servers
    std::optional<persistence_entry> learnt; ///< what the peer should hear of
    std::uint64_t new_cookie = 0; ///< what the client is to keep; 0: nothing, or it has it already
};

/// Waits for room at a server; called on the thread of its own loop.
class room_seeker {
public:
    /// A place was kept for it, or without one: things have changed, it should ask again. False when it no longer waits
    /// with this ticket; the place is somebody else's then.
    virtual bool room(std::uint64_t ticket, std::optional<choice> const& place) = 0;

protected:
    ~room_seeker() = default;
};

/// Who waits, and on which thread.
struct seat {
    room_seeker* who = nullptr;
    event_loop* home = nullptr;
};

/// Servers that one client tries.
inline constexpr std::size_t most_attempts = 4;

/// What `pick` came to: somewhere to go, or a ticket to wait with, or neither.
struct picked {
    std::optional<choice> to;
    std::uint64_t ticket = 0;
};

/// A layer-7 service while it is served. Shared by all threads: its lock is taken when a connection comes, is connected
/// and ends, never while bytes flow, so that round robin and limits are exact over all threads and the six connections
/// a browser opens at once all find the same server.
class service : public std::enable_shared_from_this<service> {
public:
    using clock_time = std::chrono::steady_clock::time_point;

    service(virtual_service const& s, core::algorithm a, std::size_t threads);

    /// Takes over a changed description and states. True when connections may have to be cut.
    bool update(virtual_service const& s, core::algorithm a, state_lookup const& states, clock_time now);
    /// Ends the life of all its servers for good.
    void close();

    /// A server for the client that is none of `tried`, or the fallback, or nothing. The caller gives it back with
    /// `leave`. When all that could serve have their maximum of connections, `from` waits in line: a place that becomes
    /// free is kept for the first whom it suits. One that gives up before says so with `stop_waiting`.
    [[nodiscard]] picked pick(asker const& who, std::span<backend const* const> tried, clock_time now, seat from);
    void stop_waiting(std::uint64_t ticket);
    /// Where clients go that no server can take; nothing where there is no such place. To be given back likewise.
    [[nodiscard]] std::optional<choice> fallback() const;
    /// A chosen server took the connection. What the peer should hear of.
    [[nodiscard]] std::optional<persistence_entry> connected(backend const& server, clock_time now);
    /// It gave a client a cookie of the application's, for which `session` stands. What the peer should hear of.
    [[nodiscard]] std::optional<persistence_entry> gave(backend const& server, address const& session, clock_time now);
    /// A chosen server's connection has ended or never came about.
    void leave(backend const& server);

    void merge(std::span<persistence_record const> entries, clock_time now);
    void persistence_snapshot(std::vector<persistence_entry>& out, clock_time now) const;
    [[nodiscard]] service_status status() const;
    /// Appends what `virtual_service::observe` counts of each server; nothing without it.
    void observed_errors(std::vector<server_errors>& out) const;
    [[nodiscard]] std::shared_ptr<session_rules const> rules() const;
    /// For connections that come from now on.
    void set_tls(std::shared_ptr<tls_context const> to_clients, std::shared_ptr<tls_context const> to_servers);
    /// Null: real servers are spoken to in clear.
    [[nodiscard]] std::shared_ptr<tls_context const> tls_to_servers() const;
    [[nodiscard]] std::shared_ptr<tls_context const> tls_to_clients() const;
    [[nodiscard]] bool is_http() const noexcept { return http_.load(std::memory_order_relaxed); }

    /// Must some clients say who they are, in a header of the PROXY protocol?
    [[nodiscard]] bool hears_headers() const noexcept { return hears_headers_.load(std::memory_order_relaxed); }

    /// Has it limits for each source, which `session_rules::guard` keeps?
    [[nodiscard]] bool guards_sources() const noexcept { return guards_sources_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t most_of_a_source() const noexcept { return most_of_a_source_.load(std::memory_order_relaxed); }
    /// Has it a maximum of clients?
    [[nodiscard]] bool counts_clients() const noexcept { return most_clients_.load(std::memory_order_relaxed) != 0; }
    [[nodiscard]] bool has_room() const noexcept {
        auto const most = most_clients_.load(std::memory_order_relaxed);
        return most == 0 || clients_->load() < most; // in one order for all: `worker::tell_of_room`
    }
    /// Counts one client more in `place`; false when there is no room.
    [[nodiscard]] bool count_client(admission& place) noexcept {
        if (clients_->fetch_add(1, std::memory_order_relaxed) < most_clients_.load(std::memory_order_relaxed)) {
            place.of_service(clients_);
            return true;
        }
        clients_->fetch_sub(1);
        return false;
    }

    [[nodiscard]] traffic& share(std::size_t thread) noexcept { return shares_[thread]; }

private:
    struct member {
        std::shared_ptr<backend> server;
        std::uint64_t cookie = 0; ///< what its clients keep, with persistence by cookie
        std::uint64_t routes = 1; ///< which requests may go to it: a bit for each route from bit 1 on, bit 0 for no route
        std::uint32_t weight = 0;
        bool usable = false;
        bool down = false;     ///< was down since it was last usable
        bool cut = false;      ///< is down or halted: has no connections
        bool stays = false;    ///< is drained, and persistent clients stay
        clock_time up_since{}; ///< for the slow start; the epoch when it needs none
    };

    /// What `status` saw last. Most services of many are idle, and their servers' counters lie cold in memory: they are not
    /// looked at when nothing has changed for two looks in a row.
    struct last_look {
        service_status status; ///< without the servers
        std::vector<server_status> servers;
        rate_meter::clock::time_point at{};
        bool seen = false;   ///< to be idle
        bool reused = false; ///< the servers were not looked at
    };

    struct waiting {
        std::uint64_t ticket = 0;
        seat where;
        asker who;
        std::array<backend const*, most_attempts> tried{};
    };

    void use_limits(client_limits const& l);
    [[nodiscard]] std::optional<choice> find(asker const& who, std::span<backend const* const> tried, clock_time now);
    [[nodiscard]] bool is_full() const;
    /// Gives the places that there are now to those who wait, in their order.
    void serve_queue(clock_time now);
    void call(waiting const& w, std::optional<choice> place);
    bool set_state(member& m, core::candidate& c, server_state const& state, virtual_service const& s, clock_time now);
    [[nodiscard]] bool may_have(member const& m, asker const& who) const;
    void warm_up(clock_time now);
    [[nodiscard]] std::optional<std::size_t> persistent(asker const& who, clock_time now) const;
    [[nodiscard]] std::optional<std::size_t> balanced(asker const& who);
    [[nodiscard]] persistence_entry told(core::persistence_table::entry const& e) const;
    std::optional<choice> take_fallback(std::span<backend const* const> tried) const;
    choice take(std::size_t index, asker const& who, clock_time now);
    [[nodiscard]] bool is_usable(std::string_view server) const;

    mutable std::mutex mutex_;
    virtual_service config_;
    core::algorithm algorithm_;
    std::vector<member> members_;
    std::vector<core::candidate> candidates_; ///< parallel to `members_`
    bool warming_ = false;                    ///< some server is in its slow start
    std::shared_ptr<backend> fallback_;
    core::persistence_table table_;
    std::vector<traffic> shares_;
    mutable rate_meter rate_;
    mutable last_look idle_;
    std::shared_ptr<session_rules const> rules_;
    std::deque<waiting> queue_;
    std::shared_ptr<tls_context const> to_clients_;
    std::shared_ptr<tls_context const> to_servers_;
    std::uint64_t random_;
    bool closed_ = false;
    std::atomic<bool> http_; ///< mode http, else tcp
    std::atomic<bool> hears_headers_{false};
    std::atomic<bool> guards_sources_{false};
    std::shared_ptr<source_guard> guard_;
    std::atomic<std::uint32_t> most_of_a_source_{0};
    std::atomic<std::uint32_t> most_clients_{0};
    std::shared_ptr<std::atomic<std::uint32_t>> const clients_ = std::make_shared<std::atomic<std::uint32_t>>(0);
};

} // namespace balance::layer7
