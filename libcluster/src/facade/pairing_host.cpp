// SPDX-License-Identifier: Apache-2.0
#include "net/pairing_stream.hpp"
#include "net/socket_address.hpp"
#include "net/system_error.hpp"
#include "wire/pairing_window.hpp"

#include <cluster/pairing.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/crypto.h>

#include <optional>
#include <utility>

namespace cluster {

namespace asio = boost::asio;
namespace wp = wire::pairing;
using balance::errc;
using balance::make_error;
using boost::system::error_code;
using tcp = asio::ip::tcp;

namespace {

constexpr milliseconds greeting_limit{5'000}; ///< for a stranger to prove that he knows the token
constexpr milliseconds talk_limit{15'000};    ///< for the rest; the primary makes a key and writes files

} // namespace

struct pairing_host::impl : std::enable_shared_from_this<pairing_host::impl> {
    impl(asio::any_io_executor e, settings s, handlers h)
        : executor(std::move(e)), own(std::move(s)), on(std::move(h)), expiry(executor), turn(executor) {}

    result<> listen(address const& a);
    asio::awaitable<void> accept(std::shared_ptr<tcp::acceptor> acceptor);
    asio::awaitable<void> wait_for_turn();
    asio::awaitable<void> serve(tcp::socket socket);
    asio::awaitable<result<>> talk(std::shared_ptr<net::pairing_stream> stream);
    void wrong_token(std::string const& from);
    void end(result<> outcome);
    void stop();

    asio::any_io_executor executor;
    settings own;
    handlers on;
    std::unique_ptr<net::tls_context> tls;
    std::optional<wire::pairing_window> window;
    std::vector<std::shared_ptr<tcp::acceptor>> acceptors;
    std::shared_ptr<net::pairing_stream> talking; ///< one at a time
    asio::steady_timer expiry;
    asio::steady_timer turn; ///< cancelled when the one who talks has ended
    bool busy = false;
    bool stopped = false;
};

result<> pairing_host::impl::listen(address const& a) {
    auto acceptor = std::make_shared<tcp::acceptor>(executor);
    tcp::endpoint const local(a, own.port);
    error_code code;
    acceptor->open(local.protocol(), code);
    if (!code && a.is_v6()) {
        net::set_option(acceptor->native_handle(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    if (!code) {
        net::set_option(acceptor->native_handle(), SOL_SOCKET, SO_REUSEADDR, 1);
        acceptor->bind(local, code);
    }
    if (!code) {
        acceptor->listen(4, code);
    }
    if (code) {
        return net::system_error("waiting for the primary on " + a.to_string() + " port " + std::to_string(own.port),
                                 code.value(), "`ss -ltnp` shows who has the port");
    }
    acceptors.push_back(std::move(acceptor));
    return {};
}

asio::awaitable<void> pairing_host::impl::accept(std::shared_ptr<tcp::acceptor> acceptor) {
    auto const self = shared_from_this();
    while (!stopped) {
        auto [code, socket] = co_await acceptor->async_accept(asio::as_tuple(asio::use_awaitable));
        if (stopped) {
            co_return;
        }
        if (code) { // out of descriptors, usually
            asio::steady_timer pause(executor, std::chrono::milliseconds(100));
            co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        co_await serve(std::move(socket));
    }
}

/// One stranger at a time, and none before the delay of the last wrong token is over.
asio::awaitable<void> pairing_host::impl::wait_for_turn() {
    while (!stopped) {
        auto const now = std::chrono::steady_clock::now();
        if (!busy && window->not_before() <= now) {
            break;
        }
        turn.expires_at(busy ? now + std::chrono::seconds(1) : window->not_before());
        co_await turn.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

asio::awaitable<void> pairing_host::impl::serve(tcp::socket socket) {
    co_await wait_for_turn();
    if (stopped) {
        co_return;
    }
    busy = true;
    auto const stream = std::make_shared<net::pairing_stream>(std::move(socket), *tls, net::tls_engine::role::server);
    talking = stream;
    auto const from = stream->remote().to_string();
    stream->expires_after(greeting_limit);
    auto const known = co_await stream->handshake();
    std::optional<result<>> ended;
    if (known && !stopped) {
        stream->expires_after(talk_limit);
        ended = co_await talk(stream);
    }
    stream->close();
    talking.reset();
    busy = false;
    turn.cancel();
    if (stopped) {
        co_return;
    }
    if (!known && known.error().code == errc::not_permitted) {
        wrong_token(from);
    } else if (ended && (*ended || ended->error().code != errc::refused)) {
        end(*ended);
    } // else strangers who say nothing, and who were told why not: the token is as good as before
}

/// Errors: `refused` when nothing was given away yet.
asio::awaitable<result<>> pairing_host::impl::talk(std::shared_ptr<net::pairing_stream> stream) {
    auto const keep = shared_from_this();
    auto const refused = [](std::string text) { return make_error(errc::refused, std::move(text)); };
    auto first = co_await stream->receive();
    auto const* ask = first ? std::get_if<wp::ask>(&*first) : nullptr;
    if (!ask) {
        co_return refused(first ? "the first message was no question" : first.error().detail);
    }
    pairing_introduction const who{ask->name, ask->heartbeat_port, ask->replication_port, ask->links};
    pairing_path const path{stream->local(), stream->remote()};
    wp::answer reply{own.name, {}};
    if (ask->lowest > wp::version || ask->highest < wp::version) {
        reply.refusal = "it speaks another version of pairing; update the older node";
    } else if (auto const may = on.asked(who, path); !may) {
        reply.refusal = may.error().detail;
    }
    auto const why_not = reply.refusal;
    wp::message const answer = std::move(reply);
    auto sent = co_await stream->send(answer);
    if (!why_not.empty() || !sent) {
        co_return refused(why_not);
    }
    auto second = co_await stream->receive();
    auto* secret = second ? std::get_if<wp::secret>(&*second) : nullptr;
    if (!secret) {
        co_return refused("no key came");
    }
    if (stopped) {
        co_return refused("closed meanwhile");
    }
    auto const kept = on.paired(who, path, key(secret->key));
    OPENSSL_cleanse(secret->key.data(), secret->key.size());
    wp::message const done = wp::stored{kept ? std::string() : kept.error().detail};
    (void)co_await stream->send(done); // one that does not hear it asks what became of it
    co_return kept ? result<>{} : result<>(make_error(errc::io_error, kept.error().detail));
}

void pairing_host::impl::wrong_token(std::string const& from) {
    auto const delay = window->wrong(std::chrono::steady_clock::now());
    on.wrong_token(window->wrong_tokens(), from, delay);
    if (!stopped && !window->is_open(std::chrono::steady_clock::now())) {
        end(make_error(errc::refused, std::to_string(window->wrong_tokens()) + " wrong tokens came"));
    }
}

void pairing_host::impl::end(result<> outcome) {
    auto const keep = shared_from_this(); // the handler may destroy the host
    stop();
    auto const closed = on.closed;
    closed(std::move(outcome));
}

void pairing_host::impl::stop() {
    stopped = true;
    error_code ignored;
    for (auto const& a : acceptors) {
        a->close(ignored);
    }
    if (talking) {
        talking->close();
    }
    expiry.cancel();
    turn.cancel();
}

pairing_host::pairing_host(asio::any_io_executor executor, settings s, handlers h)
    : impl_(std::make_shared<impl>(std::move(executor), std::move(s), std::move(h))) {}

pairing_host::~pairing_host() {
    if (impl_) {
        impl_->stop();
    }
}

pairing_host::pairing_host(pairing_host&&) noexcept = default;

pairing_host& pairing_host::operator=(pairing_host&& other) noexcept {
    if (impl_ && this != &other) {
        impl_->stop();
    }
    impl_ = std::move(other.impl_);
    return *this;
}

result<pairing_token> pairing_host::open() {
    auto const token = pairing_token::generate();
    auto tls = net::pairing_context(token.bytes(), "asked");
    if (!tls) {
        return tls.error();
    }
    impl_->tls = std::move(*tls);
    for (auto const& a : impl_->own.listen) {
        if (auto listening = impl_->listen(a); !listening) {
            impl_->stop();
            return listening.error();
        }
    }
    if (impl_->acceptors.empty()) {
        return make_error(errc::not_found, "this node has no address on which the primary could reach it");
    }
    impl_->window.emplace(std::chrono::steady_clock::now(),
                          wire::pairing_window::limits{impl_->own.life, impl_->own.first_delay, impl_->own.most_wrong});
    impl_->expiry.expires_at(impl_->window->closes());
    impl_->expiry.async_wait([weak = std::weak_ptr(impl_)](error_code cancelled) {
        auto const self = weak.lock();
        if (!cancelled && self && !self->stopped) {
            self->end(make_error(errc::timed_out, "nobody came with the token in time"));
        }
    });
    for (auto const& a : impl_->acceptors) {
        asio::co_spawn(
            impl_->executor, [self = impl_, a] { return self->accept(a); }, asio::detached);
    }
    return token;
}

} // namespace cluster
