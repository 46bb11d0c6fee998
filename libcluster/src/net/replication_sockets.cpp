// SPDX-License-Identifier: Apache-2.0
// The half of replication_link that listens, accepts and connects.
#include "net/replication_link.hpp"
#include "net/socket_address.hpp"
#include "net/system_error.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <openssl/rand.h>

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace cluster::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

constexpr std::size_t max_strangers = 8;
constexpr milliseconds shortest_pause{100};
constexpr milliseconds longest_pause{1000};
constexpr milliseconds connect_limit{1000};

template <class T>
std::string text_of(T const& endpoint) {
    std::ostringstream out;
    out << endpoint;
    return out.str();
}

/// With the scope that a link-local address needs.
tcp::endpoint endpoint_of(address const& a, std::string const& interface, std::uint16_t port) {
    if (!a.is_v6() || !a.to_v6().is_link_local())
        return {a, port};
    auto scoped = a.to_v6();
    scoped.scope_id(::if_nametoindex(interface.c_str()));
    return {scoped, port};
}

/// The node's address may come later than the daemon.
void allow_absent_address(int fd, bool v4) noexcept {
    set_option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_FREEBIND : IPV6_FREEBIND, 1);
}

void tune(tcp::socket& socket, milliseconds dead) {
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    set_option(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(dead.count()));
}

} // namespace

result<> replication_link::start() {
    if (settings_.self == node_id::none || settings_.paths.empty())
        return balance::make_error(
            balance::errc::invalid_configuration,
            "replication needs a role and at least one pair of addresses ([link.…] in node.toml)");
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&instance_), sizeof instance_) != 1)
        return balance::make_error(balance::errc::io_error, "the system's random generator does not answer");
    std::ostringstream identity;
    identity << to_string(settings_.self) << ' ' << std::hex << instance_;
    auto tls = tls_context::make({settings_.key, settings_.other_key}, identity.str());
    if (!tls)
        return tls.error();
    tls_ = std::move(*tls);
    for (auto const& p : settings_.paths)
        if (auto r = listen(p); !r) {
            acceptors_.clear();
            return r;
        }
    auto const self = shared_from_this();
    for (std::size_t i = 0; i < acceptors_.size(); ++i)
        asio::co_spawn(
            executor_, [self, i] { return self->accept(i); }, asio::detached);
    for (auto const& p : settings_.paths)
        asio::co_spawn(
            executor_, [self, p] { return self->connect(p); }, asio::detached);
    return {};
}

void replication_link::stop() {
    stopped_ = true;
    error_code ignored;
    for (auto& a : acceptors_)
        a.close(ignored);
    auto all = std::exchange(strangers_, {});
    if (auto c = std::exchange(current_, nullptr))
        all.push_back(std::move(c));
    greeting_.reset();
    for (auto const& c : all)
        c->close(balance::make_error(balance::errc::refused, "replication was stopped"));
    idle_.cancel();
}

result<> replication_link::listen(path const& p) {
    auto const local = endpoint_of(p.local, p.interface, settings_.port);
    for (auto const& a : acceptors_)
        if (error_code ignored; a.local_endpoint(ignored) == local)
            return {}; // two paths from one address
    tcp::acceptor a(executor_);
    error_code code;
    auto const what = "replication: listening on " + text_of(local);
    a.open(local.protocol(), code);
    if (code)
        return system_error(what, code.value());
    allow_absent_address(a.native_handle(), p.local.is_v4());
    if (p.local.is_v6())
        set_option(a.native_handle(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(a.native_handle(), SOL_SOCKET, SO_REUSEADDR, 1);
    a.bind(local, code);
    if (!code)
        a.listen(asio::socket_base::max_listen_connections, code);
    if (code)
        return system_error(
            what, code.value(),
            code == asio::error::address_in_use ? "is another dyadd running? `ss -ltnp` shows who has the port" : "");
    acceptors_.push_back(std::move(a));
    return {};
}

bool replication_link::is_peer(tcp::endpoint const& remote) const {
    return std::any_of(settings_.paths.begin(), settings_.paths.end(), [&](path const& p) {
        return endpoint_of(p.peer, p.interface, 0).address() == remote.address();
    });
}

asio::awaitable<void> replication_link::accept(std::size_t index) {
    auto const self = shared_from_this();
    asio::steady_timer pause(executor_);
    while (!stopped_) {
        auto [code, socket] = co_await acceptors_[index].async_accept(asio::as_tuple(asio::use_awaitable));
        if (stopped_)
            co_return;
        if (code) { // out of descriptors, usually: wait until there are some
            pause.expires_after(shortest_pause);
            co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
            continue;
        }
        error_code unknown;
        auto const remote = socket.remote_endpoint(unknown);
        if (unknown || !is_peer(remote) || strangers_.size() >= max_strangers)
            continue; // closes it
        tune(socket, settings_.dead);
        adopt_socket(std::move(socket), tls_engine::role::server, {});
    }
}

/// Sleeps while there is a connection, then tries until there is one again.
asio::awaitable<void> replication_link::connect(path p) {
    auto const self = shared_from_this();
    auto const patience = settings_.self == node_id::primary ? 5 * settings_.alive : milliseconds{0};
    auto pause = shortest_pause;
    asio::steady_timer timer(executor_);
    timer.expires_after(patience);
    while (!stopped_) {
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        auto const before = established_;
        if (!stopped_ && !current_ && !greeting_)
            co_await attempt(p);
        while (!stopped_ && current_)
            co_await idle_.async_wait(asio::as_tuple(asio::use_awaitable));
        pause = established_ != before ? shortest_pause : std::min(2 * pause, longest_pause);
        timer.expires_after(std::max(patience, pause));
    }
}

/// One try; ends when the connection does.
asio::awaitable<void> replication_link::attempt(path const& p) {
    auto const local = endpoint_of(p.local, p.interface, 0);
    auto const remote = endpoint_of(p.peer, p.interface, settings_.port);
    auto const fail = [&](error_code why) {
        auto const remedy = why == asio::error::connection_refused ? "; is dyadd running there?"
                            : why == error_code(EADDRNOTAVAIL, boost::system::system_category())
                                ? "; is that address on this node?"
                                : "";
        if (!current_ && !stopped_)
            last_error_ =
                "connecting from " + p.local.to_string() + " to " + text_of(remote) + ": " + why.message() + remedy;
    };
    auto const socket = std::make_shared<tcp::socket>(executor_);
    error_code code;
    socket->open(local.protocol(), code);
    if (!code)
        socket->bind(local, code);
    if (code) {
        fail(code);
        co_return;
    }
    asio::steady_timer limit(executor_, connect_limit);
    limit.async_wait([socket](error_code cancelled) {
        error_code ignored;
        if (!cancelled)
            socket->close(ignored);
    });
    auto const [failed] = co_await socket->async_connect(remote, asio::as_tuple(asio::use_awaitable));
    limit.cancel();
    if (stopped_)
        co_return;
    if (failed || !socket->is_open()) {
        fail(failed == asio::error::operation_aborted ? error_code(asio::error::timed_out) : failed);
        co_return;
    }
    tune(*socket, settings_.dead);
    auto const ended = std::make_shared<asio::steady_timer>(executor_, asio::steady_timer::time_point::max());
    adopt_socket(std::move(*socket), tls_engine::role::client,
                 [ended] { ended->expires_at(asio::steady_timer::time_point::min()); });
    co_await ended->async_wait(asio::as_tuple(asio::use_awaitable));
}

} // namespace cluster::net
