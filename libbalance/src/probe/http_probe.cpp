// SPDX-License-Identifier: Apache-2.0
#include "probe/http_probe.hpp"

#include "probe/connect_probe.hpp"
#include "probe/reason.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <utility>

namespace balance::probe {
namespace asio = boost::asio;
namespace {

using asio::ip::tcp;
constexpr auto token = asio::as_tuple(asio::use_awaitable);

bool is_address(std::string const& host) {
    boost::system::error_code ec;
    asio::ip::make_address(host, ec);
    return !ec;
}

/// The name in SNI and in the certificate.
std::string server_name(order const& o) {
    if (o.check.host.empty())
        return o.target.address.to_string();
    auto const colon = o.check.host.rfind(':');
    return is_address(o.check.host) ? o.check.host : o.check.host.substr(0, colon);
}

/// What the operator wrote as it is, else the server's address as a browser would write it.
std::string host_field(order const& o) {
    if (!o.check.host.empty())
        return o.check.host;
    std::string const text = o.target.address.to_string();
    std::uint16_t const usual = o.check.type == health_check::kind::https ? 443 : 80;
    return (o.target.address.is_v6() ? "[" + text + "]" : text) +
           (o.target.port == usual ? "" : ":" + std::to_string(o.target.port));
}

std::string request_text(order const& o) {
    std::string path = o.check.request;
    if (!path.starts_with('/'))
        path.insert(path.begin(), '/');
    std::string text = (o.check.method.empty() ? std::string("GET") : o.check.method) + " " + path + " HTTP/1.1\r\n";
    text += "Host: " + host_field(o) + "\r\n";
    text += "User-Agent: dyad\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    return text;
}

/// OpenSSL's "wrong version number (SSL routines)" without where it was noticed.
std::string tls_words(boost::system::error_code const& ec) {
    if (ec == asio::error::eof || ec == asio::ssl::error::stream_truncated)
        return "the server closed the connection";
    std::string const text = words_for(ec);
    return text.substr(0, text.find(" (SSL routines"));
}

} // namespace

http_probe::http_probe(asio::any_io_executor const& executor, std::shared_ptr<order const> o,
                       std::shared_ptr<verdict const> judge, tls_contexts* tls, std::size_t max_body)
    : socket_(executor), order_(std::move(o)), verdict_(std::move(judge)),
      answer_(core::http_response::limits{.head = 16384, .body = max_body}, order_->check.method == "HEAD"),
      request_(request_text(*order_)) {
    if (tls != nullptr)
        tls_.emplace(socket_, tls->get(order_->check.verify));
}

void http_probe::start(done report) {
    report_ = std::move(report);
    log().step("connection");
    auto conversation = [self = shared_from_this()]() -> asio::awaitable<void> {
        auto result = co_await self->converse();
        boost::system::error_code ignored;
        self->socket_.close(ignored);
        if (auto const report_now = std::exchange(self->report_, nullptr))
            report_now(std::move(result));
    };
    asio::co_spawn(socket_.get_executor(), std::move(conversation), asio::detached);
}

void http_probe::abort() {
    report_ = nullptr;
    boost::system::error_code ignored;
    socket_.close(ignored);
}

asio::awaitable<check_result> http_probe::converse() {
    tcp::endpoint const target(order_->target.address, order_->target.port);
    auto const [ec] = co_await socket_.async_connect(target, token);
    if (ec)
        co_return failure(words_for(ec));
    if (is_self_connected(socket_))
        co_return failure(words_for(asio::error::connection_refused));
    if (!tls_) {
        auto plain = co_await exchange(socket_);
        co_return plain;
    }
    if (auto refused = co_await handshake())
        co_return *refused;
    auto secured = co_await exchange(*tls_);
    co_return secured;
}

asio::awaitable<std::optional<check_result>> http_probe::handshake() {
    log().step("TLS handshake");
    std::string const host = server_name(*order_);
    if (!is_address(host))
        SSL_ctrl(tls_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(host.c_str())); // RFC 6066 §3: names only
    if (order_->check.verify) {
        X509_VERIFY_PARAM* const rules = SSL_get0_param(tls_->native_handle());
        is_address(host) ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str())
                         : X509_VERIFY_PARAM_set1_host(rules, host.c_str(), host.size());
    }
    auto const [ec] = co_await tls_->async_handshake(asio::ssl::stream_base::client, token);
    if (!ec)
        co_return std::nullopt;
    if (long const why = SSL_get_verify_result(tls_->native_handle()); order_->check.verify && why != X509_V_OK)
        co_return failure(std::string("the certificate is not accepted: ") + X509_verify_cert_error_string(why));
    co_return failure("TLS handshake failed: " + tls_words(ec));
}

template <class Stream>
asio::awaitable<check_result> http_probe::exchange(Stream& stream) {
    log().step("answer");
    log().sent(request_);
    auto const [unsent, sent] = co_await asio::async_write(stream, asio::buffer(request_), token);
    if (unsent)
        co_return failure("sending the request: " + words_for(unsent));
    for (;;) {
        auto const [ec, size] = co_await stream.async_read_some(asio::buffer(buffer_), token);
        std::string_view const bytes(buffer_.data(), size);
        if (!bytes.empty() && std::exchange(silent_, false))
            log().step("complete answer");
        log().received(bytes);
        answer_.feed(bytes);
        if (ec == asio::error::eof || ec == asio::ssl::error::stream_truncated)
            answer_.finish(); // servers that close without close_notify are common, and lengths are checked anyway
        if (auto result = verdict_->judge(answer_))
            co_return *result;
        if (ec)
            co_return failure("reading the answer: " + words_for(ec));
    }
}

} // namespace balance::probe
