// SPDX-License-Identifier: Apache-2.0
#include "net/pairing_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

namespace cluster::net {

namespace asio = boost::asio;
using boost::system::error_code;

result<std::unique_ptr<tls_context>> pairing_context(std::array<std::uint8_t, 16> const& token, std::string identity) {
    std::array<std::uint8_t, key::size> material{};
    std::copy(token.begin(), token.end(), material.begin());
    key const secret{material};
    OPENSSL_cleanse(material.data(), material.size());
    return tls_context::make({secret}, std::move(identity), pairing_purpose);
}

pairing_stream::pairing_stream(asio::ip::tcp::socket socket, tls_context& context, tls_engine::role role)
    : socket_(std::move(socket)), timer_(socket_.get_executor()), engine_(context, role), received_(16 * 1024, '\0') {}

void pairing_stream::expires_after(milliseconds limit) {
    timer_.expires_after(limit);
    timer_.async_wait([weak = weak_from_this()](error_code cancelled) {
        auto const self = weak.lock();
        if (cancelled || !self)
            return;
        self->expired_ = true;
        self->close();
    });
}

void pairing_stream::close() {
    error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
}

error pairing_stream::lost(error_code code) const {
    if (expired_)
        return balance::make_error(balance::errc::timed_out, "the other node did not answer in time");
    if (code == asio::error::eof || code == asio::error::connection_reset)
        return balance::make_error(balance::errc::io_error,
                                   "the other node closed the connection; does a token wait there? "
                                   "`dyad pair-token` makes one");
    return balance::make_error(balance::errc::io_error, "the connection was lost: " + code.message());
}

asio::awaitable<result<>> pairing_stream::flush() {
    engine_.take_output(outgoing_);
    if (!outgoing_.empty()) {
        auto const [code, n] =
            co_await asio::async_write(socket_, asio::buffer(outgoing_), asio::as_tuple(asio::use_awaitable));
        outgoing_.clear();
        if (code)
            co_return lost(code);
    }
    co_return result<>{};
}

asio::awaitable<result<>> pairing_stream::fill() {
    auto const space = asio::buffer(received_);
    auto const [code, n] = co_await socket_.async_read_some(space, asio::as_tuple(asio::use_awaitable));
    if (code)
        co_return lost(code);
    co_return engine_.feed(std::string_view(received_).substr(0, n));
}

asio::awaitable<result<>> pairing_stream::handshake() {
    for (;;) {
        if (auto sent = co_await flush(); !sent)
            co_return sent;
        if (engine_.established())
            co_return result<>{};
        if (auto fed = co_await fill(); !fed) {
            (void)co_await flush(); // the alert, which tells the other why
            co_return fed;
        }
    }
}

asio::awaitable<result<wire::pairing::message>> pairing_stream::receive() {
    std::string plain;
    for (;;) {
        auto const ended = engine_.read(plain);
        frames_.feed(plain);
        plain.clear();
        auto const content = frames_.next();
        if (!content)
            co_return content.error();
        if (!content->empty())
            co_return wire::pairing::decode(*content);
        if (!ended)
            co_return ended.error();
        if (*ended)
            co_return lost(asio::error::eof);
        if (auto fed = co_await fill(); !fed)
            co_return fed.error();
    }
}

asio::awaitable<result<>> pairing_stream::send(wire::pairing::message const& m) {
    auto frame = wire::pairing::encode(m);
    auto written = engine_.write(frame);
    OPENSSL_cleanse(frame.data(), frame.size());
    if (!written)
        co_return written;
    co_return co_await flush();
}

address pairing_stream::local() const {
    error_code unknown;
    return socket_.local_endpoint(unknown).address();
}

address pairing_stream::remote() const {
    error_code unknown;
    return socket_.remote_endpoint(unknown).address();
}

} // namespace cluster::net
