// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/replication_connection.hpp"

#include <cluster/replicator.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cluster::net {

/// Keeps one greeted connection to the peer, whoever of the two opened it.
///
/// Both nodes listen. The secondary connects at once and again with pauses of 100 ms to 1 s. The primary connects only when
/// nobody has come for five signs of life: a firewall may let connections through one way, and two nodes with the same role
/// would never meet to find out. Where two connections meet, the one that the secondary opened stays.
class replication_link : public std::enable_shared_from_this<replication_link> {
public:
    /// `up`, `message` and `down` belong together: nothing comes between `down` and the next `up`.
    struct handlers {
        std::function<generation_id()> holds; ///< for our hello
        std::function<void(wire::replication::hello const&)> up;
        std::function<void(wire::replication::message)> message;
        std::function<void(std::string const& why)> down;
    };

    replication_link(boost::asio::any_io_executor executor, replicator_settings s, handlers h);

    /// Errors: `already_exists`, `not_found`, `io_error`, each naming the address.
    result<> start();
    /// Closes everything; no handler is called any more.
    void stop();

    [[nodiscard]] bool is_up() const noexcept { return current_ != nullptr; }
    void send(wire::replication::message const& m);
    [[nodiscard]] std::size_t waiting() const noexcept { return current_ ? current_->waiting() : 0; }
    [[nodiscard]] bool has_unread() const { return current_ && current_->has_unread(); }
    /// Gives the present connection up; another one is made.
    void drop(std::string why);

    /// For connections to come.
    void set_keys(key_pair const& k);
    /// Fingerprint of the key of the present connection; 0: there is none.
    [[nodiscard]] std::uint64_t key_fingerprint() const noexcept { return current_ ? current_->key_fingerprint() : 0; }
    [[nodiscard]] std::string peer_address() const { return current_ ? current_->peer_address() : std::string(); }
    /// Why there is no connection.
    [[nodiscard]] std::string const& last_error() const noexcept { return last_error_; }

private:
    using connection = std::shared_ptr<replication_connection>;
    using tcp = boost::asio::ip::tcp;
    using path = replicator_settings::path;

    result<> listen(path const& p);
    boost::asio::awaitable<void> accept(std::size_t index);
    boost::asio::awaitable<void> connect(path p);
    boost::asio::awaitable<void> attempt(path const& p);
    [[nodiscard]] bool is_peer(tcp::endpoint const& remote) const;
    void adopt_socket(tcp::socket socket, tls_engine::role role, std::function<void()> ended);

    void first_message(connection const& c, tls_engine::role role, wire::replication::message m);
    [[nodiscard]] std::string objection(wire::replication::hello const& h) const;
    [[nodiscard]] bool may_replace(tls_engine::role newcomer) const;
    [[nodiscard]] wire::replication::hello own_hello() const;
    void establish(connection const& c, tls_engine::role role, wire::replication::hello const& h);
    void ended(connection const& c, error const& why);

    boost::asio::any_io_executor executor_;
    replicator_settings settings_;
    handlers handlers_;
    std::uint64_t instance_ = 0;
    std::unique_ptr<tls_context> tls_;
    std::vector<tcp::acceptor> acceptors_;
    std::vector<connection> strangers_; ///< accepted or opened, but not greeted yet
    connection greeting_;               ///< ours, our hello is on its way
    connection current_;
    tls_engine::role current_role_ = tls_engine::role::client;
    boost::asio::steady_timer idle_; ///< never expires; cancelled when a connection is needed again
    std::uint64_t established_ = 0;  ///< connections greeted so far
    std::string last_error_;
    bool stopped_ = false;
};

} // namespace cluster::net
