// SPDX-License-Identifier: Apache-2.0
// Who a client is, told by the relay before us and to the servers behind us.
#include "proxied_service.hpp"
#include "recording_server.hpp"
#include "support/event_wait.hpp"
#include "support/tls_server.hpp"

#include <balance/text.hpp>

#include <boost/asio/ssl/stream.hpp>
#include <catch2/catch.hpp>

using namespace test;
using namespace std::string_literals;

namespace {

using version = balance::proxy_protocol::version;
using boost::asio::awaitable;

std::string const told = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

struct told_service : proxied_service {
    explicit told_service(balance::mode m) : proxied_service({.threads = 1}) {
        service().mode = m;
        service().proxy_protocol.from = {balance::parse_subnet("127.0.0.1").value()};
    }
};

/// Keeps the first bytes of each connection, as many as are awaited, and answers with a word.
struct first_bytes {
    explicit first_bytes(std::size_t awaited)
        : server([this, awaited](tcp::socket& s) -> awaitable<void> {
              std::string bytes(awaited, '\0');
              auto const [ec, size] = co_await boost::asio::async_read(s, boost::asio::buffer(bytes), no_throw);
              bytes.resize(size);
              {
                  std::lock_guard const lock(mutex);
                  seen = bytes;
              }
              co_await boost::asio::async_write(s, boost::asio::buffer("done\n"s), no_throw);
              s.close();
          }) {}
    std::string text() {
        std::lock_guard const lock(mutex);
        return seen;
    }
    std::mutex mutex;
    std::string seen;
    threaded_server server; // goes first: it uses the others
};

} // namespace

TEST_CASE("a trusted relay's header is taken for the client's address", "[proxy_protocol]") {
    told_service p(balance::mode::http);
    recording_server one("one");
    p.add_server("one", one.port());
    p.apply();
    for (auto const& [header, address] : {std::pair(told, "192.0.2.1"s), std::pair("PROXY UNKNOWN\r\n"s, "127.0.0.1"s)}) {
        tcp_client client(p.port);
        client.send(header + "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        CHECK(client.receive_all().ends_with("one"));
        CHECK(one.asked().back().head.find("\r\nX-Forwarded-For: " + address + "\r\n") != std::string::npos);
    }
    tcp_client other(p.port, "127.0.0.9"); // nobody's relay: a header is a bad request
    other.send(told + "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(other.receive_all().starts_with("HTTP/1.1 400 "));
    CHECK(one.asked().size() == 2);
}

TEST_CASE("a header that comes byte by byte is one", "[proxy_protocol]") {
    told_service p(balance::mode::tcp);
    threaded_server one(greet_and_echo("one"));
    p.add_server("one", one.port());
    p.apply();
    tcp_client client(p.port);
    int const one_by_one = 1;
    ::setsockopt(client.descriptor(), IPPROTO_TCP, TCP_NODELAY, &one_by_one, sizeof one_by_one);
    for (char const c : told)
        client.send({&c, 1});
    CHECK(client.receive_line() == "one");
    client.send("PROXY bytes of the client's own");
    CHECK(client.receive(31) == "PROXY bytes of the client's own");
}

TEST_CASE("persistence goes by the address that was told", "[proxy_protocol]") {
    told_service p(balance::mode::tcp);
    p.service().persistence.mode = balance::persistence::kind::source_ip;
    threaded_server one(greet_and_echo("one"));
    threaded_server two(greet_and_echo("two"));
    p.add_server("one", one.port());
    p.add_server("two", two.port());
    p.apply();
    auto const served = [&](std::string const& header) {
        tcp_client client(p.port);
        client.send(header);
        return client.receive_line();
    };
    auto const first = served(told);
    CHECK(served("PROXY TCP4 192.0.2.2 198.51.100.2 1 443\r\n") != first);
    CHECK(served(told) == first);
    CHECK(p.subject.persistence_snapshot().size() == 2);
}

TEST_CASE("no header, a bad one and a late one are closed and counted", "[proxy_protocol]") {
    told_service p(balance::mode::tcp);
    threaded_server one(greet_and_echo("one"));
    p.add_server("one", one.port());
    p.service().timeouts.head = std::chrono::milliseconds(50);
    p.apply();
    for (auto const& bytes : {"GET / HTTP/1.1\r\n\r\n"s, "PROXY TCP4 192.0.2.1\r\n"s, "PROXY TCP4 192.0"s, ""s}) {
        tcp_client client(p.port);
        client.send(bytes);
        CHECK(client.receive_all().empty());
    }
    CHECK(p.status().exchanges.refused == 4);
    tcp_client gone(p.port);
    gone.reset();
    tcp_client good(p.port);
    good.send(told);
    CHECK(good.receive_line() == "one");
}

TEST_CASE("a header comes before TLS", "[proxy_protocol]") {
    namespace ssl = boost::asio::ssl;
    told_service p(balance::mode::http);
    recording_server one("one");
    p.add_server("one", one.port());
    certificate const own{"web.example.org"};
    auto const secure = free_port();
    p.service().tls = balance::tls_termination{{{secure, secure}}, {"web"}};
    p.desired.certificates = {{"web", own.pem() + own.key_pem()}};
    p.apply();
    boost::asio::io_context io;
    ssl::context context(ssl::context::tls_client);
    ssl::stream<tcp::socket> stream(io, context);
    stream.lowest_layer().connect({boost::asio::ip::make_address(own_address()), secure});
    boost::asio::write(stream.next_layer(), boost::asio::buffer(told));
    stream.handshake(ssl::stream_base::client);
    boost::asio::write(stream, boost::asio::buffer("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"s));
    std::string answer;
    boost::system::error_code ec;
    boost::asio::read(stream, boost::asio::dynamic_buffer(answer), ec);
    CHECK(answer.ends_with("one"));
    CHECK(one.asked().back().head.find("\r\nX-Forwarded-For: 192.0.2.1\r\n") != std::string::npos);
}

TEST_CASE("servers are told of the client in front of all else", "[proxy_protocol]") {
    told_service p(balance::mode::tcp);
    std::string const v2 = "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"s;
    struct { version v; bool tls; std::string awaited; } const cases[] = {
        {version::v1, false, told + "hello"}, {version::v2, false, v2 + "hello"}, {version::v1, true, told + "\x16\x03"},
        {version::v2, true, v2 + "\x16\x03"}};
    for (auto const& c : cases) {
        first_bytes one(c.awaited.size());
        p.service().servers.clear();
        p.states.clear();
        p.add_server("one", one.server.port());
        p.service().proxy_protocol.send = c.v;
        p.service().re_encrypt = c.tls;
        p.apply();
        tcp_client client(p.port);
        client.send(told + "hello");
        client.receive_all();
        CHECK(one.text() == c.awaited);
    }
    first_bytes one(200);
    p.service().servers.clear();
    p.states.clear();
    p.add_server("one", one.server.port());
    p.service().proxy_protocol = {{}, version::v1};
    p.service().re_encrypt = false;
    p.apply();
    tcp_client client(p.port);
    client.end_sending();
    client.receive_all();
    CHECK(one.text().starts_with("PROXY TCP4 127.0.0.1 " + own_address() + " "));
    CHECK(one.text().ends_with(" " + std::to_string(p.port) + "\r\n"));
}

TEST_CASE("a server's connection that named a client is used by no other", "[proxy_protocol]") {
    told_service p(balance::mode::http);
    std::atomic<int> open{0};
    auto const serve = [&open](tcp::socket& s) -> awaitable<void> {
        ++open;
        std::string read;
        auto into = boost::asio::dynamic_buffer(read);
        auto [ec, line] = co_await boost::asio::async_read_until(s, into, "\r\n", no_throw);
        auto const header = read.substr(0, line - 2);
        read.erase(0, line);
        while (!ec) {
            std::size_t head = 0;
            std::tie(ec, head) = co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
            read.erase(0, head);
            auto const answer = http_answer(header);
            std::size_t sent = 0;
            if (!ec)
                std::tie(ec, sent) = co_await boost::asio::async_write(s, boost::asio::buffer(answer), no_throw);
        }
        --open;
    };
    threaded_server one(serve);
    p.add_server("one", one.port());
    p.service().proxy_protocol.send = version::v1;
    p.apply();
    std::string const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (auto const* from : {"192.0.2.1 198.51.100.2 1 80", "192.0.2.2 198.51.100.2 2 80"}) {
        auto const header = "PROXY TCP4 "s + from;
        tcp_client client(p.port);
        client.send(header + "\r\n");
        for (int i = 0; i < 2; ++i) {
            client.send(request);
            CHECK(client.receive(http_answer(header).size()) == http_answer(header));
        }
    }
    // Nobody else may have it, so it does not outlive a client that leaves.
    auto const before = open.load();
    tcp_client client(p.port);
    client.send("PROXY TCP4 192.0.2.3 198.51.100.2 3 80\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(client.receive_all().ends_with("PROXY TCP4 192.0.2.3 198.51.100.2 3 80"));
    CHECK(eventually([&] { return open == before; }));
}
