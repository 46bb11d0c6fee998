// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/backend.hpp"
#include "proxy/descriptor.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/relay.hpp"
#include "proxy/tls.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace balance::layer7 {

class link_pool;

/// Who uses a connection to a server.
class link_user {
public:
    virtual void server_ready(std::uint32_t events) = 0;

protected:
    ~link_user() = default;
};

/// A connection to a real server that outlives the request it was made for.
class server_link final : public watcher {
public:
    server_link(link_pool& home, std::shared_ptr<backend> to) : server(std::move(to)), home_(home) {}

    void ready(std::uint32_t events) override;

    descriptor socket;
    tls_state tls;
    relay_end end;
    std::shared_ptr<backend> const server;
    std::uint64_t life = 0;      ///< of the server when it was connected
    std::uint16_t port = 0;      ///< at the server
    bool told = false;           ///< the server was told of a client, in a PROXY header
    std::optional<address> source{}; ///< the client's, which it has borrowed; absent: the balancer's
    bool used_before = false;    ///< has answered a request: the server may close it at any moment
    std::uint64_t last_user = 0; ///< number of the session that used it last
    link_user* user = nullptr;   ///< null: idle

private:
    friend class link_pool;
    link_pool& home_;
    event_loop::clock::time_point idle_since_{};
};

/// One thread's idle connections to real servers. One that the server closes, or says something on unasked, is closed at
/// once.
class link_pool {
public:
    explicit link_pool(event_loop& loop) : loop_(loop) {}

    struct wish {
        std::uint16_t port = 0;
        bool tls = false;
        bool told = false;         ///< whose client was named to the server, in a PROXY header
        std::uint64_t only_of = 0; ///< number of the session whose own it must be; 0: anybody's
        std::optional<address> source{}; ///< address of the client, where the server sees it
    };
    /// The connection to a server that was used last, or null. One on which anything has come since is closed: it would be
    /// taken for the next answer.
    [[nodiscard]] std::unique_ptr<server_link> take(backend const& server, wish const& w);
    /// Keeps a connection for the next request.
    void keep(std::unique_ptr<server_link> link);
    /// Closes it after the running batch of events, which may name it.
    void close(std::unique_ptr<server_link> link);
    /// What an idle one said.
    void broken(server_link& link);

    void after_batch() { closed_.clear(); }
    /// Closes those that were idle for longer than that, and those whose server's life has ended.
    void sweep(std::chrono::milliseconds longest);
    void close_all();
    [[nodiscard]] bool empty() const noexcept { return idle_.empty(); }

private:
    using links = std::vector<std::unique_ptr<server_link>>;

    /// Of one server; more of them than that were of no use lately.
    static constexpr std::size_t most_idle = 256;

    event_loop& loop_;
    std::unordered_map<backend const*, links> idle_;
    links closed_;
};

} // namespace balance::layer7
