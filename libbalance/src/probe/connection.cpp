// SPDX-License-Identifier: Apache-2.0
#include "probe/connection.hpp"

#include "core/proxy_header.hpp"
#include "probe/reason.hpp"
#include "probe/tls_session.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <utility>

namespace balance::probe {
namespace asio = boost::asio;
namespace {

constexpr auto as_tuple_of = asio::as_tuple(asio::use_awaitable);

/// A connection to a closed local port that met itself (RFC 9293 §3.5, simultaneous open): nobody listens there.
bool is_self_connected(asio::ip::tcp::socket const& socket, endpoint const& target) {
    boost::system::error_code ec;
    auto const here = socket.local_endpoint(ec);
    return !ec && here.port() == target.port && here.address() == target.address;
}

} // namespace

connection::connection(asio::any_io_executor const& executor, std::shared_ptr<order const> o, tls_contexts* tls,
                       bool late_tls)
    : socket_(executor), order_(std::move(o)), late_tls_(late_tls) {
    if (tls != nullptr)
        tls_.emplace(socket_, tls->get(order_->check.verify));
}

asio::awaitable<std::optional<check_result>> connection::open(transcript& log) {
    log.step("connection");
    asio::ip::tcp::endpoint const target(order_->target.address, order_->target.port);
    auto const [ec] = co_await socket_.async_connect(target, as_tuple_of);
    if (ec)
        co_return failure(words_for(ec));
    if (is_self_connected(socket_, order_->target))
        co_return failure(words_for(asio::error::connection_refused));
    if (order_->greeting != proxy_protocol::version::none) {
        auto const words = core::own_proxy_header(order_->greeting);
        auto const [unsent, size] = co_await asio::async_write(socket_, asio::buffer(words), as_tuple_of);
        if (unsent)
            co_return failure("sending the PROXY header: " + words_for(unsent));
    }
    if (!tls_ || late_tls_)
        co_return std::nullopt;
    auto refused = co_await secure(log);
    co_return refused;
}

asio::awaitable<std::optional<check_result>> connection::secure(transcript& log) {
    log.step("TLS handshake");
    in_tls_ = true;
    prepare_session(tls_->native_handle(), *order_);
    auto const [ec] = co_await tls_->async_handshake(asio::ssl::stream_base::client, as_tuple_of);
    if (ec)
        co_return failure(session_fault(tls_->native_handle(), *order_, ec));
    session_ = describe_session(tls_->native_handle());
    log.note(session_);
    auto const left = days_left(tls_->native_handle());
    auto const& check = order_->check;
    if (check.min_days != 0 && (!left || *left < check.min_days))
        co_return failure(words_of_days(left) + "; min_days is " + std::to_string(check.min_days));
    if (check.warn_days != 0 && (!left || *left < check.warn_days))
        warning_ = words_of_days(left);
    co_return std::nullopt;
}

asio::awaitable<connection::piece> connection::read(asio::mutable_buffer into) {
    piece out;
    if (in_tls_)
        std::tie(out.error, out.size) = co_await tls_->async_read_some(into, as_tuple_of);
    else
        std::tie(out.error, out.size) = co_await socket_.async_read_some(into, as_tuple_of);
    if (out.error == asio::ssl::error::stream_truncated)
        out.error = asio::error::eof;
    co_return out;
}

asio::awaitable<boost::system::error_code> connection::write(std::string const& bytes) {
    boost::system::error_code error;
    std::size_t size = 0;
    if (in_tls_)
        std::tie(error, size) = co_await asio::async_write(*tls_, asio::buffer(bytes), as_tuple_of);
    else
        std::tie(error, size) = co_await asio::async_write(socket_, asio::buffer(bytes), as_tuple_of);
    co_return error;
}

std::string connection::with_warning(std::string_view text) const {
    std::string out(text);
    return warning_.empty() ? out : out + "; warning: " + warning_;
}

void connection::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

} // namespace balance::probe
