// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace test {

using boost::asio::ip::tcp;
inline constexpr auto no_throw = boost::asio::as_tuple(boost::asio::use_awaitable);

/// A server on a port of 127.0.0.1, a free one if none is named, that does to every connection what the test says. Runs on the test's own
/// context.
class scripted_server {
public:
    using behaviour = std::function<boost::asio::awaitable<void>(tcp::socket&)>;

    scripted_server(boost::asio::io_context& io, behaviour b,
                    boost::asio::ip::address const& on = boost::asio::ip::address_v4::loopback(), std::uint16_t port = 0)
        : acceptor_(io, tcp::endpoint(on, port)), behaviour_(std::make_shared<behaviour const>(std::move(b))) {
        accept();
    }

    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    [[nodiscard]] std::size_t connections() const { return connections_.size(); }
    void answer(behaviour b) { behaviour_ = std::make_shared<behaviour const>(std::move(b)); }
    void close() {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
    }

private:
    void accept() {
        // Waited for first: accept(2) wants a descriptor before it looks whether somebody is there.
        acceptor_.async_wait(tcp::acceptor::wait_read, [this](boost::system::error_code ec) {
            if (ec == boost::asio::error::operation_aborted)
                return;
            if (tcp::socket socket = acceptor_.accept(ec); !ec) {
                connections_.push_back({std::move(socket), behaviour_});
                auto& mine = connections_.back();
                boost::asio::co_spawn(acceptor_.get_executor(), (*mine.role)(mine.socket), boost::asio::detached);
            }
            accept();
        });
    }

    struct connection {
        tcp::socket socket;
        std::shared_ptr<behaviour const> role; ///< a coroutine lambda must outlive its coroutine
    };

    tcp::acceptor acceptor_;
    std::shared_ptr<behaviour const> behaviour_;
    std::list<connection> connections_;
};

/// Never says anything.
inline boost::asio::awaitable<void> stay_silent(tcp::socket&) { co_return; }

/// Closes at once.
inline boost::asio::awaitable<void> hang_up(tcp::socket& s) {
    s.close();
    co_return;
}

/// Reads the request (kept in `*request` if given), writes `text`, closes.
inline scripted_server::behaviour reply(std::string text, std::string* request = nullptr) {
    return [text = std::move(text), request](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string read;
        auto into = boost::asio::dynamic_buffer(read);
        co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
        if (request != nullptr)
            *request = read;
        co_await boost::asio::async_write(s, boost::asio::buffer(text), no_throw);
        s.close();
    };
}

/// Reads the request, then writes `first` and `again` for ever, a piece every `pause`, until the other side closes.
inline scripted_server::behaviour keep_writing(std::string first, std::string again, std::chrono::milliseconds pause) {
    return [first = std::move(first), again = std::move(again), pause](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string read;
        auto into = boost::asio::dynamic_buffer(read);
        co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
        auto [ec, size] = co_await boost::asio::async_write(s, boost::asio::buffer(first), no_throw);
        boost::asio::steady_timer timer(s.get_executor());
        while (!ec) {
            std::tie(ec, size) = co_await boost::asio::async_write(s, boost::asio::buffer(again), no_throw);
            if (pause.count() == 0)
                continue;
            timer.expires_after(pause);
            co_await timer.async_wait(no_throw);
        }
    };
}

/// The text of an HTTP answer with a body of that length.
inline std::string http_answer(std::string const& body, std::string const& status = "200 OK") {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// A scripted server with a thread of its own, for tests of what has threads itself.
class threaded_server {
public:
    explicit threaded_server(scripted_server::behaviour b)
        : server_(io_, std::move(b)), thread_([this] { io_.run(); }) {}
    ~threaded_server() {
        io_.stop();
        thread_.join();
    }
    threaded_server(threaded_server const&) = delete;
    threaded_server& operator=(threaded_server const&) = delete;

    [[nodiscard]] std::uint16_t port() const { return server_.port(); }

private:
    boost::asio::io_context io_{1};
    scripted_server server_;
    std::thread thread_;
};

/// Says its name and a line feed, then sends back what it gets until the other side has sent all.
inline scripted_server::behaviour greet_and_echo(std::string name) {
    return [greeting = std::move(name) + "\n"](tcp::socket& s) -> boost::asio::awaitable<void> {
        auto [ec, size] = co_await boost::asio::async_write(s, boost::asio::buffer(greeting), no_throw);
        std::vector<char> echoed(65536);
        while (!ec) {
            std::tie(ec, size) = co_await s.async_read_some(boost::asio::buffer(echoed), no_throw);
            if (!ec)
                std::tie(ec, size) =
                    co_await boost::asio::async_write(s, boost::asio::buffer(echoed.data(), size), no_throw);
        }
        s.close(ec);
    };
}

} // namespace test
