// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/persistence_table.hpp"
#include "core/scheduler.hpp"
#include "proxy/backend.hpp"
#include "proxy/tls.hpp"
#include "proxy/traffic.hpp"

#include <balance/proxy.hpp>
#include <balance/service.hpp>
#include <balance/status.hpp>

#include <atomic>
#include <chrono>
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

/// Who wants a server.
struct asker {
    address client;
    std::uint64_t path = 0;   ///< mode http: hash of the request's path, where `http_rules` ask for it
    std::uint64_t cookie = 0; ///< mode http: what the client keeps of its server; 0: nothing
};

/// What a session of mode http must know of its service.
struct http_rules {
    std::string cookie; ///< name of the cookie for persistence; empty: none
    bool path = false;  ///< servers are chosen by the path
};

/// Where a new connection goes.
struct choice {
    std::shared_ptr<backend> server;
    std::uint64_t life = 0;                  ///< of the server when it was chosen
    bool fallback = false;                   ///< not counted as one of the service's servers
    std::optional<persistence_entry> learnt; ///< what the peer should hear of
    std::uint64_t new_cookie = 0; ///< what the client is to keep; 0: nothing, or it has it already
};

/// A layer-7 service while it is served. Shared by all threads: its lock is taken when a connection comes, is connected
/// and ends, never while bytes flow, so that round robin and limits are exact over all threads and the six connections
/// a browser opens at once all find the same server.
class service {
public:
    using clock_time = std::chrono::steady_clock::time_point;

    service(virtual_service const& s, core::algorithm a, std::size_t threads, std::size_t table_size);

    /// Takes over a changed description and states. True when connections may have to be cut.
    bool update(virtual_service const& s, core::algorithm a, state_lookup const& states, clock_time now);
    /// Ends the life of all its servers for good.
    void close();

    /// A server for the client that is none of `tried`, or the fallback, or nothing. The caller gives it back with
    /// `leave`.
    [[nodiscard]] std::optional<choice> pick(asker const& who, std::span<backend const* const> tried, clock_time now);
    /// A chosen server took the connection. What the peer should hear of.
    [[nodiscard]] std::optional<persistence_entry> connected(backend const& server, clock_time now);
    /// A chosen server's connection has ended or never came about.
    void leave(backend const& server);

    void merge(persistence_entry const& e, clock_time now);
    void persistence_snapshot(std::vector<persistence_entry>& out, clock_time now) const;
    [[nodiscard]] service_status status() const;
    [[nodiscard]] std::shared_ptr<http_rules const> rules() const;
    /// For connections that come from now on.
    void set_tls(std::shared_ptr<tls_context const> to_clients, std::shared_ptr<tls_context const> to_servers);
    /// Null: real servers are spoken to in clear.
    [[nodiscard]] std::shared_ptr<tls_context const> tls_to_servers() const;
    [[nodiscard]] std::shared_ptr<tls_context const> tls_to_clients() const;
    [[nodiscard]] bool is_http() const noexcept { return http_.load(std::memory_order_relaxed); }

    [[nodiscard]] traffic& share(std::size_t thread) noexcept { return shares_[thread]; }

private:
    struct member {
        std::shared_ptr<backend> server;
        std::uint64_t cookie = 0; ///< what its clients keep, with persistence by cookie
        std::uint32_t weight = 0;
        bool usable = false;
        bool down = false;     ///< was down since it was last usable
        bool cut = false;      ///< is down or halted: has no connections
        clock_time up_since{}; ///< for the slow start; the epoch when it needs none
    };

    bool set_state(member& m, core::candidate& c, server_state const* state, clock_time now);
    void warm_up(clock_time now);
    [[nodiscard]] std::optional<std::size_t> persistent(asker const& who, clock_time now) const;
    [[nodiscard]] std::optional<std::size_t> balanced(asker const& who);
    [[nodiscard]] persistence_entry told(core::persistence_table::entry const& e) const;
    std::optional<choice> take_fallback(std::span<backend const* const> tried) const;
    std::optional<choice> take(std::size_t index, asker const& who, clock_time now);

    mutable std::mutex mutex_;
    virtual_service config_;
    core::algorithm algorithm_;
    std::vector<member> members_;
    std::vector<core::candidate> candidates_; ///< parallel to `members_`
    bool warming_ = false;                    ///< some server is in its slow start
    std::shared_ptr<backend> fallback_;
    core::persistence_table table_;
    std::vector<traffic> shares_;
    std::shared_ptr<http_rules const> rules_;
    std::shared_ptr<tls_context const> to_clients_;
    std::shared_ptr<tls_context const> to_servers_;
    std::uint64_t random_;
    bool closed_ = false;
    std::atomic<bool> http_; ///< mode http, else tcp
};

} // namespace balance::layer7
