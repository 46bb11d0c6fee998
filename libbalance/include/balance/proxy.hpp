// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/persistence.hpp>
#include <balance/service.hpp>
#include <balance/status.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace balance {

/// A listening socket handed to the proxy, bound and listening already. The proxy owns the descriptor from then on.
struct listener {
    endpoint local;
    int descriptor = -1;
};

/// Where the records of an access log go, a line each.
struct access_log {
    int descriptor = -1;         ///< open for appending; -1: nowhere. The proxy owns it from then on
    std::uint32_t rate = 10'000; ///< records in a second of all services together; 0: any number
    std::string prefix;          ///< in front of each line
};

/// Failures that traffic met at a real server, of those that `observation` counts.
struct server_errors {
    server_key key;
    std::uint64_t count = 0; ///< since the server was first served; counts up only

    bool operator==(server_errors const&) const = default;
};

/// What a client of HTTP gets when nobody else can answer: status 503 and a short page, after which the connection ends.
/// `to_head`: without the page, as HEAD wants it.
[[gnu::visibility("default")]] std::string unavailable_answer(bool to_head);

/// The layer-7 relay: accepts on listeners, picks a real server, moves bytes both ways until both sides are done.
///
/// Thread-safe. Owns `threads` threads, each with its own event loop; a connection never migrates.
class [[gnu::visibility("default")]] proxy {
public:
    struct settings {
        unsigned threads = 0; ///< 0: one per core
        std::size_t buffer_size = 65536;            ///< bytes that a connection holds at most, per direction
        std::size_t max_head_size = 15872;          ///< mode http: bytes of a head; less than `buffer_size` by 512 at least
        std::size_t max_connections = 40000;        ///< of all services together; above it new ones wait in the listen queue
        milliseconds server_keep_alive{30'000};     ///< mode http: a server's connection that nobody uses
        /// How long a thread that gets more than 30 events in a millisecond lets them gather, when it finds few at a time: it
        /// is woken less often and does more. 0: never.
        std::chrono::microseconds gathering{100};
    };

    proxy();
    explicit proxy(settings s);
    ~proxy();
    proxy(proxy&&) noexcept;
    proxy& operator=(proxy&&) noexcept;

    /// Serves exactly the layer-7 services of `desired` in the given states. What did not change goes on untouched,
    /// connections of unchanged services included. Connections to a server that went down, was halted or is no longer
    /// there are reset; those to a drained or unknown one go on. A service that cannot be served says so in `status`.
    void apply(configuration const& desired, std::span<server_state const> states);

    /// The sockets to accept on, replacing those given before for the same endpoints. Without this call the proxy opens
    /// its own (IP_FREEBIND, so that a floating address may be absent). Called before `apply` names their services.
    void use_listeners(std::vector<listener> sockets);

    /// Entries that came into being or changed; called on the proxy's threads, on several at once too, and must not block.
    void on_persistence(std::function<void(std::span<persistence_entry const>)> callback);
    /// Takes over entries of a peer or of an earlier life; the newest sequence wins.
    void merge(std::span<persistence_record const> entries);
    void merge(std::span<persistence_entry const> entries);
    [[nodiscard]] std::vector<persistence_entry> persistence_snapshot() const;

    [[nodiscard]] std::vector<service_status> status() const;

    /// Of the servers of services with `virtual_service::observe`, in the order of the configuration. Cheap: sums of
    /// counters, no lock that traffic waits for longer than for a connection.
    [[nodiscard]] std::vector<server_errors> observed_errors() const;

    /// From now on, services with `access_log` write what clients did there: a record for each request with mode http, for
    /// each connection with mode tcp. A thread of its own writes; records for which it has no time or room, and those beyond
    /// the rate, are dropped and counted, and the log says how many.
    void log_to(access_log where);
    /// Since the beginning.
    [[nodiscard]] std::uint64_t dropped_records() const;

    /// Sockets for the connections of `transparent` services to their servers: TCP, not bound, with IP_TRANSPARENT or
    /// IPV6_TRANSPARENT, which need CAP_NET_ADMIN or CAP_NET_RAW. The proxy owns them from then on. Who never calls
    /// `on_sockets_wanted` need not give any: the proxy then opens them itself, and such services fail without the privilege.
    void supply_sockets(std::vector<int> ipv4, std::vector<int> ipv6);
    /// So many are missing of each family; called on the proxy's threads and within `apply`, and must not block.
    void on_sockets_wanted(std::function<void(std::size_t ipv4, std::size_t ipv6)> callback);

    /// Resets the connections of all clients, or those of `transparent` services; new ones are accepted. For a node whose
    /// addresses are elsewhere now: clients of transparent services hear nothing of their servers from then on, whose gateway
    /// is elsewhere too.
    void reset_clients(bool of_transparent_services_alone = false);

    /// Stops accepting, for good; connections go on until they end or `stop`. Clients of mode http hear with their next answer
    /// that their connection ends. `apply` goes on to tell of servers, certificates and services.
    void drain();
    /// Calls back once all threads do what was asked for by the calls before; on one of them, and must not block.
    void when_in_force(std::function<void()> then);
    /// Looks at all listening sockets again. For one that shares them with another process: of a client who has come, the kernel
    /// wakes only one, and that one may be gone.
    void look_for_clients();
    /// Clients' connections that are open.
    [[nodiscard]] std::size_t connections() const noexcept;
    /// Resets all connections and ends the threads; nothing can be applied any more.
    void stop();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace balance
