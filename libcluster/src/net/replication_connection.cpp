// SPDX-License-Identifier: Apache-2.0
#include "net/replication_connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <sstream>
#include <utility>

namespace cluster::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t read_size = 64 * 1024;
constexpr std::size_t record_size = 16 * 1024;   // largest TLS record
constexpr std::size_t write_size = 256 * 1024;   // encrypted ahead of the socket

error lost(std::string text) { return balance::make_error(balance::errc::io_error, std::move(text)); }

std::string describe(asio::ip::tcp::socket const& socket) {
    error_code code;
    auto const remote = socket.remote_endpoint(code);
    std::ostringstream text;
    if (!code)
        text << remote;
    return text.str();
}

} // namespace

replication_connection::replication_connection(asio::ip::tcp::socket socket, tls_context& context, tls_engine::role role,
                                               limits l)
    : socket_(std::move(socket)), timer_(socket_.get_executor()), engine_(context, role), limits_(l),
      peer_address_(describe(socket_)), received_(read_size) {}

void replication_connection::start(handlers h) {
    handlers_ = std::make_shared<handlers const>(std::move(h));
    auto const self = shared_from_this();
    asio::co_spawn(socket_.get_executor(), [self] { return self->read(); }, asio::detached);
    asio::co_spawn(socket_.get_executor(), [self] { return self->watch(); }, asio::detached);
    pump();
}

asio::awaitable<void> replication_connection::read() {
    auto const self = shared_from_this();
    while (!closed_) {
        auto const space = asio::buffer(received_);
        auto const [code, n] = co_await socket_.async_read_some(space, asio::as_tuple(asio::use_awaitable));
        if (closed_)
            co_return;
        if (code) {
            close(lost(code == asio::error::eof ? "the peer closed the connection" : code.message()));
            co_return;
        }
        last_heard_ = clock::now();
        if (!digest({received_.data(), n}))
            co_return;
    }
}

bool replication_connection::digest(std::string_view sealed) {
    if (finishing_)
        return true; // what the peer still says does not matter; it is read so that our last words are not reset
    if (auto r = engine_.feed(sealed); !r) {
        close(r.error()); // with OpenSSL's alert, which tells the peer why
        return false;
    }
    if (engine_.established() && !announced_) {
        announced_ = true;
        auto const h = handlers_;
        h->established();
        if (closed_)
            return false;
    }
    auto const ended = engine_.read(plain_);
    frames_.feed(plain_);
    plain_.clear();
    if (!take_messages())
        return !closed_;
    if (!ended)
        close(ended.error());
    else if (*ended)
        close(lost("the peer closed the connection"));
    else
        pump(); // the handshake and key updates have answers
    return !closed_;
}

bool replication_connection::take_messages() {
    while (!closed_ && !finishing_) {
        auto const content = frames_.next();
        if (content && content->empty())
            return true;
        auto message = content ? wire::replication::decode(*content) : content.error();
        if (!message) {
            close(message.error());
            return false;
        }
        auto const h = handlers_;
        if (!std::holds_alternative<wire::replication::alive>(*message))
            h->message(std::move(*message));
    }
    return false;
}

void replication_connection::send(wire::replication::message const& m) {
    if (closed_ || finishing_)
        return;
    queue_.push_back(wire::replication::encode(m));
    waiting_ += queue_.back().size();
    pump();
}

void replication_connection::greeted() {
    greeted_ = true;
    frames_.limit(limits_.max_message);
}

void replication_connection::encrypt_some() {
    while (engine_.established() && !queue_.empty() && outgoing_.size() < write_size) {
        auto const& frame = queue_.front();
        auto const piece = std::string_view(frame).substr(sent_of_front_, record_size);
        if (!engine_.write(piece))
            return;
        sent_of_front_ += piece.size();
        waiting_ -= piece.size();
        if (sent_of_front_ == frame.size()) {
            queue_.pop_front();
            sent_of_front_ = 0;
        }
        engine_.take_output(outgoing_);
    }
}

/// One write at a time; it takes along whatever has come together.
void replication_connection::pump() {
    if (writing_ || closed_)
        return;
    engine_.take_output(outgoing_);
    encrypt_some();
    if (outgoing_.empty()) {
        if (finishing_)
            close(*finishing_);
        return;
    }
    writing_ = true;
    last_sent_ = clock::now();
    asio::async_write(socket_, asio::buffer(outgoing_), [self = shared_from_this()](error_code code, std::size_t) {
        self->writing_ = false;
        self->outgoing_.clear();
        if (self->closed_)
            return;
        if (code)
            return self->close(lost(code.message()));
        self->pump();
    });
}

/// Speaks when there was nothing else to say, and ends the connection to a peer that does not.
asio::awaitable<void> replication_connection::watch() {
    auto const self = shared_from_this();
    while (!closed_) {
        timer_.expires_after(std::max(limits_.alive / 2, milliseconds{1}));
        co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
        if (closed_)
            co_return;
        auto const now = clock::now();
        if (auto const late = now - timer_.expiry(); late > limits_.alive / 2) {
            last_heard_ += late; // we did not run: that was not the peer's silence
            started_ += late;
        }
        auto const silence = std::chrono::duration_cast<milliseconds>(now - last_heard_);
        auto const limit = std::to_string(limits_.dead.count()) + " ms";
        if (finishing_ && now - started_ > limits_.dead)
            close(*finishing_);
        else if (!greeted_ && now - started_ > limits_.dead)
            close(lost("no greeting within " + limit));
        else if (silence > limits_.dead && !has_unread())
            close(lost("nothing was heard for " + limit));
        else if (greeted_ && queue_.empty() && now - last_sent_ >= limits_.alive / 2)
            send(wire::replication::alive{});
    }
}

bool replication_connection::has_unread() const {
    error_code code;
    return socket_.available(code) > 0 && !code;
}

void replication_connection::finish(error why) {
    if (closed_ || finishing_)
        return;
    started_ = clock::now(); // from now on, `dead` is left for the last words
    finishing_ = std::move(why);
    pump();
}

void replication_connection::close(error why) {
    if (closed_)
        return;
    auto const h = std::exchange(handlers_, nullptr);
    shut();
    if (h)
        h->closed(why);
}

void replication_connection::shut() {
    closed_ = true;
    engine_.finish();
    error_code ignored;
    if (!writing_) { // a last word if it goes without waiting
        outgoing_.clear();
        engine_.take_output(outgoing_);
        socket_.non_blocking(true, ignored);
        socket_.write_some(asio::buffer(outgoing_), ignored);
    }
    socket_.close(ignored);
    timer_.cancel();
}

} // namespace cluster::net
