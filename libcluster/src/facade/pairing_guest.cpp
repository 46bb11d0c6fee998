// SPDX-License-Identifier: Apache-2.0
#include "net/pairing_stream.hpp"

#include <cluster/pairing.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace cluster {

namespace asio = boost::asio;
namespace wp = wire::pairing;
using balance::errc;
using balance::make_error;
using boost::system::error_code;
using tcp = asio::ip::tcp;

struct pairing_guest::impl : std::enable_shared_from_this<pairing_guest::impl> {
    impl(asio::any_io_executor e, settings s, handlers h)
        : executor(std::move(e)), own(std::move(s)), on(std::move(h)), socket(executor), limit(executor) {}

    asio::awaitable<void> run();
    asio::awaitable<result<>> connect();
    asio::awaitable<result<agreement>> talk();
    asio::awaitable<result<agreement>> hand_over_key(std::string peer_name);
    void step(std::string const& what) const {
        if (!stopped) {
            on.step(what);
        }
    }
    void stop();

    asio::any_io_executor executor;
    settings own;
    handlers on;
    std::unique_ptr<net::tls_context> tls;
    tcp::socket socket;
    asio::steady_timer limit;
    std::shared_ptr<net::pairing_stream> stream;
    bool stopped = false;
};

asio::awaitable<result<>> pairing_guest::impl::connect() {
    limit.expires_after(own.connect_limit);
    limit.async_wait([weak = weak_from_this()](error_code cancelled) {
        auto const self = weak.lock();
        error_code ignored;
        if (!cancelled && self) {
            self->socket.close(ignored);
        }
    });
    tcp::endpoint const remote(own.peer, own.port);
    auto const [code] = co_await socket.async_connect(remote, asio::as_tuple(asio::use_awaitable));
    limit.cancel();
    if (!code) {
        co_return result<>{};
    }
    auto const where = "connecting to " + own.peer.to_string() + " port " + std::to_string(own.port) + ": ";
    if (code == asio::error::connection_refused) {
        co_return make_error(errc::refused, where + "nobody waits there; run `dyad pair-token` on that node first");
    }
    co_return make_error(errc::io_error, where +
                                             (code == asio::error::operation_aborted ? "no answer" : code.message()) +
                                             "; is it the node's address, and does a firewall let the port through?");
}

asio::awaitable<result<pairing_guest::agreement>> pairing_guest::impl::talk() {
    if (auto const connected = co_await connect(); !connected) {
        co_return connected.error();
    }
    step("connected to " + own.peer.to_string());
    stream = std::make_shared<net::pairing_stream>(std::move(socket), *tls, net::tls_engine::role::client);
    stream->expires_after(own.limit);
    if (auto const known = co_await stream->handshake(); !known) {
        co_return known.error();
    }
    step("both nodes have shown that they know the token");
    wp::message const ask = wp::ask{
        wp::version, wp::version, own.self.name, own.self.heartbeat_port, own.self.replication_port, own.self.links};
    if (auto const sent = co_await stream->send(ask); !sent) {
        co_return sent.error();
    }
    auto heard = co_await stream->receive();
    if (!heard) {
        co_return heard.error();
    }
    auto const* answer = std::get_if<wp::answer>(&*heard);
    if (!answer) {
        co_return make_error(errc::protocol_error, "the other node did not answer the question");
    }
    if (!answer->refusal.empty()) {
        co_return make_error(errc::refused, answer->name + " refuses: " + answer->refusal);
    }
    step(answer->name + " agrees to be the secondary");
    co_return co_await hand_over_key(answer->name);
}

asio::awaitable<result<pairing_guest::agreement>> pairing_guest::impl::hand_over_key(std::string peer_name) {
    agreement made{stream->local(), std::move(peer_name), key::generate()};
    wp::message handed = wp::secret{};
    auto& copy = std::get<wp::secret>(handed).key;
    std::copy(made.key.bytes().begin(), made.key.bytes().end(), copy.begin());
    auto const in_doubt = [&made](error const& e) {
        return make_error(e.code == make_error_code(errc::timed_out) ? errc::timed_out : errc::io_error,
                          e.detail + "; " + made.peer_name +
                              " may have the key already: if `dyad status` there speaks of a "
                              "peer, run `dyad unpair` there and pair again");
    };
    auto const sent = co_await stream->send(handed);
    OPENSSL_cleanse(copy.data(), copy.size());
    if (!sent) {
        co_return in_doubt(sent.error());
    }
    auto const heard = co_await stream->receive();
    if (!heard) {
        co_return in_doubt(heard.error());
    }
    auto const* stored = std::get_if<wp::stored>(&*heard);
    if (!stored || !stored->failure.empty()) {
        co_return make_error(errc::refused, made.peer_name + " could not keep the key: " +
                                                (stored ? stored->failure : std::string("it said something else")));
    }
    step(made.peer_name + " has the pair's key");
    co_return std::move(made);
}

asio::awaitable<void> pairing_guest::impl::run() {
    auto const self = shared_from_this();
    auto outcome = co_await talk();
    if (stopped) {
        co_return;
    }
    stop();
    auto const done = on.done; // which may destroy the guest
    done(std::move(outcome));
}

void pairing_guest::impl::stop() {
    stopped = true;
    error_code ignored;
    socket.close(ignored);
    if (stream) {
        stream->close();
    }
    limit.cancel();
}

pairing_guest::pairing_guest(asio::any_io_executor executor, settings s, pairing_token const& token, handlers h)
    : impl_(std::make_shared<impl>(std::move(executor), std::move(s), std::move(h))) {
    auto tls = net::pairing_context(token.bytes(), "asking");
    if (!tls) {
        asio::post(impl_->executor, [self = impl_, why = tls.error()] { self->on.done(why); });
        return;
    }
    impl_->tls = std::move(*tls);
    asio::co_spawn(
        impl_->executor, [self = impl_] { return self->run(); }, asio::detached);
}

pairing_guest::~pairing_guest() {
    if (impl_) {
        impl_->stop();
    }
}

pairing_guest::pairing_guest(pairing_guest&&) noexcept = default;

pairing_guest& pairing_guest::operator=(pairing_guest&& other) noexcept {
    if (impl_ && this != &other) {
        impl_->stop();
    }
    impl_ = std::move(other.impl_);
    return *this;
}

} // namespace cluster
