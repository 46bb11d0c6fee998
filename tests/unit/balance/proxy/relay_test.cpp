// SPDX-License-Identifier: Apache-2.0
#include "proxied_service.hpp"

#include <boost/asio/read.hpp>
#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <random>
#include <thread>

using namespace test;

namespace {

std::string random_bytes(std::size_t size, unsigned seed) {
    std::minstd_rand engine(seed);
    std::string bytes(size, '\0');
    for (char& c : bytes)
        c = static_cast<char>(engine());
    return bytes;
}

} // namespace

TEST_CASE("bytes arrive as they were sent, both ways", "[proxy]") {
    threaded_server server(greet_and_echo("one"));
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    for (std::size_t const size : {1u, 2u, 1000u, 16383u, 16384u, 16385u, 100'000u, 3'000'000u}) {
        auto const sent = random_bytes(size, static_cast<unsigned>(size));
        tcp_client client(p.port);
        REQUIRE(client.error() == 0);
        std::thread writer([&] {
            client.send(sent);
            client.end_sending();
        });
        CHECK(client.receive_line() == "one");
        auto const got = client.receive_all();
        writer.join();
        CHECK(client.error() == 0);
        CHECK(got.size() == sent.size());
        CHECK(got == sent);
    }
}

TEST_CASE("a half-close is passed on and the other direction goes on", "[proxy]") {
    // The server answers only when it has seen the end of the request.
    threaded_server server([](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string request;
        auto into = boost::asio::dynamic_buffer(request);
        auto [ec, size] = co_await boost::asio::async_read(s, into, no_throw);
        std::string const answer = ec == boost::asio::error::eof ? "you sent " + request : "no end seen";
        co_await boost::asio::async_write(s, boost::asio::buffer(answer), no_throw);
        s.close();
    });
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    client.send("a question");
    client.end_sending();
    CHECK(client.receive_all() == "you sent a question");
    CHECK(client.error() == 0);
    CHECK(eventually([&] { return p.status().servers[0].active_connections == 0; }));
}

TEST_CASE("a half-close of the server leaves the client its say", "[proxy]") {
    std::promise<std::string> heard;
    threaded_server server([&](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string const goodbye = "goodbye";
        co_await boost::asio::async_write(s, boost::asio::buffer(goodbye), no_throw);
        s.shutdown(tcp::socket::shutdown_send);
        std::string rest;
        auto into = boost::asio::dynamic_buffer(rest);
        co_await boost::asio::async_read(s, into, no_throw);
        heard.set_value(rest);
        s.close();
    });
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    CHECK(client.receive_all() == "goodbye");
    client.send("last words");
    client.end_sending();
    CHECK(heard.get_future().get() == "last words");
}

TEST_CASE("a reset of the client reaches the server", "[proxy]") {
    std::promise<boost::system::error_code> ended;
    threaded_server server([&](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string const greeting = "hello\n";
        co_await boost::asio::async_write(s, boost::asio::buffer(greeting), no_throw);
        char byte = 0;
        auto [ec, size] = co_await s.async_read_some(boost::asio::buffer(&byte, 1), no_throw);
        ended.set_value(ec);
    });
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    CHECK(client.receive_line() == "hello");
    client.reset();
    CHECK(ended.get_future().get() == boost::asio::error::connection_reset);
    CHECK(eventually([&] { return p.status().servers[0].active_connections == 0; }));
}

TEST_CASE("a reset of the client after its half-close reaches the server", "[proxy]") {
    std::promise<boost::system::error_code> ended;
    threaded_server server([&](tcp::socket& s) -> boost::asio::awaitable<void> {
        char byte = 0;
        auto [ec, size] = co_await s.async_read_some(boost::asio::buffer(&byte, 1), no_throw);
        std::string const seen = ec == boost::asio::error::eof ? "end\n" : "?\n";
        co_await boost::asio::async_write(s, boost::asio::buffer(seen), no_throw);
        std::tie(ec) = co_await s.async_wait(tcp::socket::wait_error, no_throw);
        ended.set_value(ec);
    });
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    client.end_sending();
    CHECK(client.receive_line() == "end");
    client.reset();
    auto future = ended.get_future();
    CHECK(future.wait_for(std::chrono::seconds(10)) == std::future_status::ready);
    CHECK(eventually([&] { return p.status().servers[0].active_connections == 0; }));
}

TEST_CASE("a server that dies in the middle of its answer resets the client after what it said", "[proxy]") {
    threaded_server server([](tcp::socket& s) -> boost::asio::awaitable<void> {
        char byte = 0;
        co_await s.async_read_some(boost::asio::buffer(&byte, 1), no_throw);
        std::string const half(100'000, 'x');
        co_await boost::asio::async_write(s, boost::asio::buffer(half), no_throw);
        co_await s.async_read_some(boost::asio::buffer(&byte, 1), no_throw);
        s.set_option(boost::asio::socket_base::linger(true, 0));
        s.close();
    });
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    client.send("?");
    CHECK(client.receive(100'000).size() == 100'000);
    CHECK(client.error() == 0);
    client.send("!");
    CHECK(client.receive(1).empty());
    CHECK(client.error() == ECONNRESET);
}

TEST_CASE("what a server said before it stopped listening still arrives", "[proxy]") {
    // It answers without reading the rest, closes, and so resets: the client must see the answer first.
    threaded_server server([](tcp::socket& s) -> boost::asio::awaitable<void> {
        char byte = 0;
        co_await s.async_read_some(boost::asio::buffer(&byte, 1), no_throw);
        std::string const refusal = "too large\n";
        co_await boost::asio::async_write(s, boost::asio::buffer(refusal), no_throw);
        s.close();
    });
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    client.send(std::string(10, 'x'));
    CHECK(client.receive_line() == "too large");
}

TEST_CASE("a slow reader holds up the server, not the proxy's memory", "[proxy]") {
    std::atomic<std::size_t> written{0};
    threaded_server server([&](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string const piece(65536, 'x');
        for (;;) {
            auto const [ec, size] = co_await boost::asio::async_write(s, boost::asio::buffer(piece), no_throw);
            if (ec)
                break;
            written += size;
        }
    });
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    CHECK(client.receive(1) == "x");
    // Once the sockets' buffers are full the server stands still, and the client still gets every byte in order.
    std::size_t before = 0;
    CHECK(eventually([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return std::exchange(before, written.load()) == written.load() && before > 0;
    }));
    CHECK(written < 64u << 20);
    auto const more = client.receive(20'000'000);
    CHECK(more.size() == 20'000'000);
    CHECK(more.find_first_not_of('x') == std::string::npos);
}

TEST_CASE("five hundred connections at once", "[proxy]") {
    threaded_server server(greet_and_echo("one"));
    proxied_service p({.threads = 3});
    p.add_server("one", server.port());
    p.apply();
    std::vector<tcp_client> clients;
    for (int i = 0; i < 500; ++i)
        clients.emplace_back(p.port);
    for (std::size_t i = 0; i < clients.size(); ++i)
        REQUIRE(clients[i].send(std::to_string(i) + "\n"));
    for (std::size_t i = 0; i < clients.size(); ++i) {
        REQUIRE(clients[i].receive_line() == "one");
        REQUIRE(clients[i].receive_line() == std::to_string(i));
    }
    CHECK(p.status().servers[0].active_connections == 500);
    clients.clear();
    CHECK(eventually([&] { return p.status().servers[0].active_connections == 0; }));
    auto const c = p.status().counters;
    CHECK(c.connections == 500);
    CHECK(c.in_bytes == 10 * 2 + 90 * 3 + 400 * 4);
    CHECK(c.out_bytes == c.in_bytes + 500 * 4);
}

TEST_CASE("urgent data does not stop the bytes behind it", "[proxy]") {
    threaded_server server(greet_and_echo("one"));
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    CHECK(client.receive_line() == "one");
    for (int i = 0; i < 50; ++i) {
        client.send("before ");
        ::send(client.descriptor(), "!", 1, MSG_OOB | MSG_NOSIGNAL);
        client.send("after\n");
        REQUIRE(client.receive_line() == "before after"); // the urgent byte itself is out of band and stays here
    }
}
