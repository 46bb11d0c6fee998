// SPDX-License-Identifier: Apache-2.0
#include "proxy/page_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace dyad {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto no_throw = asio::as_tuple(asio::deferred);
constexpr std::size_t most_connections = 1000;
constexpr std::size_t longest_request = 8192; ///< its line and headers
constexpr std::chrono::seconds patience{5}; ///< for a whole exchange
constexpr std::chrono::milliseconds resting_time{50}; ///< when there is no descriptor left

/// Every request gets the same answer, so none needs to be understood.
std::string const& answer_to(std::string_view request) {
    static std::string const head = balance::unavailable_answer(true);
    static std::string const whole = balance::unavailable_answer(false);
    return request.starts_with("HEAD ") ? head : whole;
}

bool is_http(std::string_view request) {
    auto const line = request.substr(0, request.find("\r\n"));
    return line.find(" HTTP/1.") != line.npos;
}

asio::awaitable<void> exchange(tcp::socket& socket) {
    std::string request;
    auto const buffer = asio::dynamic_buffer(request, longest_request);
    auto [ec, size] = co_await asio::async_read_until(socket, buffer, "\r\n\r\n", no_throw);
    if (ec || !is_http(request)) {
        co_return; // closing says enough
    }
    std::tie(ec, size) = co_await asio::async_write(socket, asio::buffer(answer_to(request)), no_throw);
    // What the client still sends is read and dropped: closing on unread bytes would reset the answer away.
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
    request.resize(longest_request);
    while (!ec) {
        std::tie(ec, size) = co_await socket.async_read_some(asio::buffer(request), no_throw);
    }
}

asio::awaitable<void> answer(std::shared_ptr<tcp::socket> socket, std::shared_ptr<void>) {
    asio::steady_timer limit(socket->get_executor(), patience);
    limit.async_wait([socket](boost::system::error_code ec) {
        if (!ec) {
            socket->close(ec);
        }
    });
    co_await exchange(*socket);
}

asio::awaitable<void> accept(std::shared_ptr<tcp::acceptor> from, std::shared_ptr<std::size_t> connections) {
    asio::steady_timer rest(from->get_executor());
    while (from->is_open()) {
        auto [ec, socket] = co_await from->async_accept(no_throw);
        if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) {
            co_return;
        }
        if (ec) {
            rest.expires_after(resting_time);
            co_await rest.async_wait(no_throw);
        } else if (*connections < most_connections) {
            ++*connections;
            std::shared_ptr<void> const place(nullptr, [connections](void*) { --*connections; });
            asio::co_spawn(from->get_executor(), answer(std::make_shared<tcp::socket>(std::move(socket)), place), asio::detached);
        }
    }
}

} // namespace

page_server::page_server(asio::io_context& io) : io_(io), connections_(std::make_shared<std::size_t>(0)) {}

page_server::~page_server() { serve({}, {}); }

void page_server::serve(std::vector<balance::listener> const& fresh, std::set<balance::endpoint> const& wanted) {
    auto const close = [](std::shared_ptr<acceptor> const& a) {
        boost::system::error_code ignored;
        ::close(a->release(ignored)); // others have duplicates of it: by itself it would not leave the event queue
    };
    std::erase_if(acceptors_, [&](auto const& entry) {
        bool const gone = !wanted.contains(entry.first);
        if (gone) {
            close(entry.second);
        }
        return gone;
    });
    for (auto const& l : fresh) {
        auto const protocol = l.local.address.is_v6() ? tcp::v6() : tcp::v4();
        auto const made = std::make_shared<acceptor>(io_);
        boost::system::error_code ec;
        if (made->assign(protocol, l.descriptor, ec); ec) {
            ::close(l.descriptor);
            continue;
        }
        if (auto const old = std::exchange(acceptors_[l.local], made)) {
            close(old);
        }
        asio::co_spawn(io_, accept(made, connections_), asio::detached);
    }
}

} // namespace dyad
