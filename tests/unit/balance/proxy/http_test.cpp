// SPDX-License-Identifier: Apache-2.0
// Mode http over real sockets.
#include "proxied_service.hpp"
#include "recording_server.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <set>
#include <thread>

using namespace test;

namespace {

struct http_service : proxied_service {
    explicit http_service(balance::proxy::settings s = {.threads = 2}) : proxied_service(s) {
        service().mode = balance::mode::http;
    }
    explicit http_service(recording_server& server) : http_service() {
        add_server("one", server.port());
        apply();
    }
};

/// What comes back for a request after which the connection ends.
std::string ask(std::uint16_t port, std::string const& request) {
    tcp_client client(port);
    client.send(request);
    return client.receive_all();
}

/// Reads one answer with a Content-Length.
std::string receive_answer(tcp_client& client) {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        auto const c = client.receive(1);
        if (c.empty())
            return head;
        head += c;
    }
    auto const at = head.find("Content-Length: ");
    return at == head.npos ? head : head + client.receive(std::stoul(head.substr(at + 16)));
}

std::string get(std::string const& path, std::string const& more = {}) {
    return "GET " + path + " HTTP/1.1\r\nHost: web\r\n" + more + "\r\n";
}

std::string const closing = "Connection: close\r\n";

} // namespace

TEST_CASE("a request and its answer", "[http]") {
    recording_server server("one");
    http_service p(server);
    CHECK(ask(p.port, get("/a?b", closing)) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\none");
    auto const asked = server.asked();
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].head == "GET /a?b HTTP/1.1\r\nHost: web\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n");
}

TEST_CASE("requests follow one another on one connection, and servers' connections are used again", "[http]") {
    recording_server server("one");
    http_service p(server);
    for (int round = 0; round < 3; ++round) {
        tcp_client client(p.port);
        for (int i = 0; i < 20; ++i) {
            client.send(get("/" + std::to_string(i)));
            REQUIRE(receive_answer(client) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
        }
    }
    CHECK(server.asked().size() == 60);
    CHECK(server.connections() <= 2); // one of each thread
}

TEST_CASE("requests that come all at once are answered in their order", "[http]") {
    recording_server server("one");
    http_service p(server);
    std::string all;
    for (int i = 0; i < 100; ++i)
        all += i % 3 == 0 ? "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: web\r\nContent-Length: 4\r\n\r\nbody" : get("/" + std::to_string(i));
    tcp_client client(p.port);
    client.send(all);
    for (int i = 0; i < 100; ++i)
        REQUIRE(receive_answer(client).ends_with("one"));
    auto const asked = server.asked();
    REQUIRE(asked.size() == 100);
    for (std::size_t i = 0; i < 100; ++i) {
        CHECK(asked[i].head.find(" /" + std::to_string(i) + " ") != std::string::npos);
        CHECK(asked[i].body == (i % 3 == 0 ? "body" : ""));
    }
}

TEST_CASE("a head that comes a byte at a time", "[http]") {
    recording_server server("one");
    http_service p(server);
    tcp_client client(p.port);
    for (char const c : get("/slow")) {
        client.send({&c, 1});
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    CHECK(receive_answer(client).ends_with("one"));
}

TEST_CASE("bodies of any size pass both ways", "[http]") {
    for (std::size_t const size : {1u, 16'000u, 16'384u, 20'000u, 65'024u, 65'536u, 70'000u, 3'000'000u}) {
        CAPTURE(size);
        recording_server server("one");
        http_service p(server);
        std::string const body(size, 'b');
        server.answer(http_answer(std::string(size, 'a')));
        tcp_client client(p.port);
        std::thread writer([&] {
            client.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + body);
        });
        auto const answer = receive_answer(client);
        writer.join();
        CHECK(answer == http_answer(std::string(size, 'a')));
        REQUIRE(server.asked().size() == 1);
        CHECK(server.asked()[0].body == body);
    }
}

TEST_CASE("chunks pass as they are", "[http]") {
    recording_server server("one");
    http_service p(server);
    std::string const chunks = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n";
    server.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nX-Sum: 1\r\n\r\n");
    tcp_client client(p.port);
    for (int i = 0; i < 2; ++i) {
        client.send("POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks);
        std::string const wanted = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nX-Sum: 1\r\n\r\n";
        CHECK(client.receive(wanted.size()) == wanted);
    }
    auto const asked = server.asked();
    REQUIRE(asked.size() == 2);
    CHECK(asked[1].body == chunks);
}

TEST_CASE("an answer without a length ends with the connection", "[http]") {
    recording_server server("one");
    http_service p(server);
    server.answer("HTTP/1.1 200 OK\r\n\r\nsome text", true);
    CHECK(ask(p.port, get("/")) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsome text");
}

TEST_CASE("HEAD, 304 and interim answers", "[http]") {
    recording_server server("one");
    http_service p(server);
    tcp_client client(p.port);
    server.answer("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    client.send("HEAD / HTTP/1.1\r\nHost: web\r\n\r\n");
    std::string const head = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
    CHECK(client.receive(head.size()) == head);
    server.answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: y\r\n\r\n");
    client.send(get("/"));
    std::string const two = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 304 Not Modified\r\nETag: y\r\n\r\n";
    CHECK(client.receive(two.size()) == two);
    server.answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    client.send("PUT / HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    std::string const last = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    CHECK(client.receive(last.size()) == last);
}

TEST_CASE("a client of HTTP/1.0", "[http]") {
    recording_server server("one");
    http_service p(server);
    CHECK(ask(p.port, "GET / HTTP/1.0\r\n\r\n") == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\none");
    CHECK(server.asked()[0].head == "GET / HTTP/1.0\r\nX-Forwarded-For: 127.0.0.1\r\nConnection: close\r\n\r\n");
    tcp_client client(p.port);
    for (int i = 0; i < 2; ++i) {
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK(receive_answer(client) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\none");
    }
}

TEST_CASE("what is malformed is refused, and no server sees it", "[http]") {
    recording_server server("one");
    http_service p(server);
    struct { std::string bytes; char const* status; } const cases[] = {
        {"GET / HTTP/1.1\nHost: a\n\n", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "400"},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "505"},
        {get("/", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
        {get("/", "Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n", "400"},
        {get("/", "Transfer-Encoding: chunked\r\n") + "0x5\r\nhello\r\n0\r\n\r\n", "400"},
        {get("/" + std::string(17'000, 'a')), "431"},
        {get("/", "X: " + std::string(17'000, 'a') + "\r\n"), "431"},
    };
    for (auto const& c : cases) {
        CAPTURE(c.bytes.substr(0, 100));
        auto const answer = ask(p.port, c.bytes);
        CHECK(answer.starts_with("HTTP/1.1 " + std::string(c.status) + " "));
        CHECK(answer.find("HTTP/1.1 ", 1) == answer.npos); // one answer
    }
    CHECK(server.asked().empty());
    CHECK(p.status().servers[0].active_connections == 0);
}

TEST_CASE("a body that goes wrong on its way ends the exchange", "[http]") {
    recording_server server("one");
    http_service p(server);
    tcp_client client(p.port);
    client.send(get("/", "Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    client.send("zz\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.receive_all().starts_with("HTTP/1.1 400 "));
    CHECK(server.asked().empty());
}

TEST_CASE("servers that answer garbage, half an answer or none", "[http]") {
    for (std::string const garbage : {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 abc\r\n\r\n",
                                      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 101 x\r\n\r\n", ""}) {
        CAPTURE(garbage);
        recording_server server("one");
        http_service p(server);
        server.answer(garbage, true);
        CHECK(ask(p.port, get("/")).starts_with("HTTP/1.1 502 "));
    }
    recording_server server("one");
    http_service p(server);
    server.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", true);
    tcp_client client(p.port);
    client.send(get("/"));
    CHECK(client.receive_all().ends_with("half"));
    CHECK(client.error() == ECONNRESET); // nobody takes it for the whole
}

TEST_CASE("an answer that says too much is cut, and its connection not used again", "[http]") {
    recording_server server("one");
    http_service p(server);
    server.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    tcp_client client(p.port);
    for (int i = 0; i < 3; ++i) {
        client.send(get("/"));
        CHECK(receive_answer(client) == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
    CHECK(server.connections() == 3);
}

TEST_CASE("an answer that nobody asked for is nobody's, and its connection not used again", "[http]") {
    std::atomic<int> connections{0};
    threaded_server server([&](tcp::socket& s) -> boost::asio::awaitable<void> {
        ++connections;
        std::string bytes;
        while (!std::get<0>(co_await boost::asio::async_read_until(s, boost::asio::dynamic_buffer(bytes), "\r\n\r\n", no_throw))) {
            bytes.clear();
            co_await boost::asio::async_write(s, boost::asio::buffer(http_answer("ok")), no_throw);
            boost::asio::steady_timer later(s.get_executor(), 20ms);
            co_await later.async_wait(no_throw);
            co_await boost::asio::async_write(s, boost::asio::buffer(http_answer("evil")), no_throw);
        }
    });
    proxied_service p;
    p.service().mode = mode::http;
    p.service().ports = {{server.port(), server.port()}};
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(server.port());
    for (int i = 1; i <= 3; ++i) {
        client.send(get("/"));
        CHECK(receive_answer(client).ends_with("ok"));
        CHECK(connections == i);
        std::this_thread::sleep_for(60ms);
    }
}

TEST_CASE("a kept connection that the server has closed costs nobody a request", "[http]") {
    recording_server server("one");
    http_service p(server);
    server.answer(http_answer("one"), true);
    tcp_client client(p.port);
    for (int i = 0; i < 50; ++i) {
        client.send(get("/"));
        REQUIRE(receive_answer(client).ends_with("one"));
    }
    CHECK(server.asked().size() == 50);
}

TEST_CASE("what may not be sent twice goes over no connection that another client used", "[http]") {
    recording_server server("one");
    http_service p(server);
    auto const post = "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 1\r\n\r\nx";
    tcp_client first(p.port);
    first.send(get("/"));
    receive_answer(first);
    tcp_client second(p.port);
    for (int i = 0; i < 2; ++i) {
        second.send(post);
        CHECK(receive_answer(second).ends_with("one"));
    }
    auto const asked = server.asked();
    REQUIRE(asked.size() == 3);
    CHECK(asked[1].connection != asked[0].connection);
    CHECK(asked[2].connection == asked[1].connection);
}

TEST_CASE("requests are spread one by one, and none goes to a server that is down", "[http]") {
    recording_server one("one");
    recording_server two("two");
    http_service p;
    p.add_server("one", one.port());
    p.add_server("two", two.port());
    p.apply();
    tcp_client client(p.port);
    for (int i = 0; i < 10; ++i) {
        client.send(get("/"));
        receive_answer(client);
    }
    CHECK(one.asked().size() == 5);
    CHECK(two.asked().size() == 5);
    p.state("one").health = balance::health::down;
    p.apply();
    for (int i = 0; i < 4; ++i) {
        client.send(get("/"));
        CHECK(receive_answer(client).ends_with("two"));
    }
    p.state("two").health = balance::health::down;
    p.apply();
    client.send(get("/"));
    CHECK(client.receive_all().starts_with("HTTP/1.1 503 "));
}

TEST_CASE("a server that cannot be connected is passed over", "[http]") {
    recording_server two("two");
    http_service p;
    p.add_server("one", free_port());
    p.add_server("two", two.port());
    p.apply();
    for (int i = 0; i < 4; ++i)
        CHECK(ask(p.port, get("/", closing)).ends_with("two"));
}

TEST_CASE("a cookie keeps a client with its server, and the server does not see it", "[http]") {
    recording_server one("one");
    recording_server two("two");
    http_service p;
    p.add_server("one", one.port());
    p.add_server("two", two.port());
    p.service().persistence = {balance::persistence::kind::http_cookie, std::chrono::seconds(300), {}, "LB"};
    p.apply();
    auto const first = ask(p.port, get("/", closing));
    auto const at = first.find("Set-Cookie: LB=");
    REQUIRE(at != first.npos);
    CHECK(first.find("; Path=/; HttpOnly; SameSite=Lax\r\n") != first.npos);
    auto const cookie = first.substr(at + 12, 3 + 16);
    auto const name = first.substr(first.size() - 3);
    for (int i = 0; i < 6; ++i) {
        auto const again = ask(p.port, get("/", closing + "Cookie: a=b; " + cookie + "\r\n"));
        CHECK(again.ends_with(name));
        CHECK(again.find("Set-Cookie") == again.npos);
    }
    CHECK((name == "one" ? one : two).asked().back().head.find("\r\nCookie: a=b\r\n") != std::string::npos);
    // Its server is drained: it gets another and keeps that.
    p.state(name).admin = balance::admin_state::drain;
    p.apply();
    auto const moved = ask(p.port, get("/", closing + "Cookie: " + cookie + "\r\n"));
    CHECK_FALSE(moved.ends_with(name));
    CHECK(moved.find("Set-Cookie: LB=") != moved.npos);
    CHECK(moved.find(cookie) == moved.npos);
}

TEST_CASE("the path chooses the server, whatever the query", "[http]") {
    recording_server one("one");
    recording_server two("two");
    http_service p;
    p.add_server("one", one.port());
    p.add_server("two", two.port());
    p.service().balance = "uri";
    p.apply();
    std::set<std::string> seen;
    for (int i = 0; i < 20; ++i) {
        auto const path = "/study/" + std::to_string(i);
        auto const who = ask(p.port, get(path, closing));
        CHECK(ask(p.port, get(path + "?page=2", closing)) == who);
        seen.insert(who);
    }
    CHECK(seen.size() == 2);
}

TEST_CASE("another protocol after 101", "[http]") {
    threaded_server server([](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string bytes;
        auto into = boost::asio::dynamic_buffer(bytes);
        auto const [ec, size] = co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
        bytes.erase(0, size);
        co_await boost::asio::async_write(
            s, boost::asio::buffer(std::string("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello")), no_throw);
        std::vector<char> piece(65536);
        co_await boost::asio::async_write(s, boost::asio::buffer(bytes), no_throw);
        while (true) {
            auto const [failed, n] = co_await s.async_read_some(boost::asio::buffer(piece), no_throw);
            if (failed)
                break;
            co_await boost::asio::async_write(s, boost::asio::buffer(piece.data(), n), no_throw);
        }
        s.close();
    });
    http_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    client.send(get("/", "Connection: Upgrade\r\nUpgrade: echo\r\n") + "early");
    std::string const wanted = "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhelloearly";
    CHECK(client.receive(wanted.size()) == wanted);
    std::string const much(1'000'000, 'x');
    std::thread writer([&] {
        client.send(much);
        client.end_sending();
    });
    CHECK(client.receive_all() == much);
    writer.join();
    CHECK(client.error() == 0);
}

TEST_CASE("a malformed request after HEAD is answered with a page", "[http]") {
    recording_server server("one");
    http_service p(server);
    tcp_client client(p.port);
    server.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    client.send("HEAD / HTTP/1.1\r\nHost: web\r\n\r\n");
    receive_answer(client);
    client.send("nonsense\r\n\r\n");
    CHECK(receive_answer(client).ends_with("</html>\n"));
}

TEST_CASE("a client that stops in the middle of a body", "[http]") {
    recording_server server("one");
    http_service p({.threads = 1});
    p.service().timeouts.body = balance::milliseconds{300};
    p.apply();
    p.add_server("one", server.port());
    p.apply();
    CHECK(ask(p.port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").starts_with("HTTP/1.1 408 "));
}

TEST_CASE("clients that are slow with a head, or say nothing", "[http]") {
    recording_server server("one");
    http_service p({.threads = 1});
    p.service().timeouts.head = p.service().timeouts.keep_alive = balance::milliseconds{300};
    p.apply();
    p.add_server("one", server.port());
    p.apply();
    CHECK(ask(p.port, "GET / HTTP/1.1\r\nHost: a\r\n").starts_with("HTTP/1.1 408 "));
    CHECK(ask(p.port, "").empty());
    tcp_client client(p.port);
    client.send(get("/"));
    receive_answer(client);
    CHECK(client.receive_all().empty());
    CHECK(client.error() == 0);
}

TEST_CASE("a server that does not answer in time", "[http]") {
    threaded_server server(stay_silent);
    http_service p({.threads = 1});
    p.service().timeouts.answer = balance::milliseconds{300};
    p.apply();
    p.add_server("one", server.port());
    p.apply();
    CHECK(ask(p.port, get("/")).starts_with("HTTP/1.1 504 "));
}

TEST_CASE("an answer before the whole request is passed on, and the client is not reset", "[http]") {
    threaded_server server([](tcp::socket& s) -> boost::asio::awaitable<void> {
        std::string bytes;
        auto into = boost::asio::dynamic_buffer(bytes);
        co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
        co_await boost::asio::async_write(s, boost::asio::buffer(http_answer("too much", "413 Payload Too Large")), no_throw);
        s.close();
    });
    http_service p;
    p.add_server("one", server.port());
    p.apply();
    tcp_client client(p.port);
    client.send("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 2000000\r\n\r\n" + std::string(500'000, 'x'));
    CHECK(receive_answer(client).ends_with("too much"));
}

TEST_CASE("a client that goes away leaves nothing behind", "[http]") {
    threaded_server server(stay_silent);
    http_service p;
    p.add_server("one", server.port());
    p.apply();
    {
        tcp_client client(p.port);
        client.send(get("/"));
        CHECK(eventually([&] { return p.status().servers[0].active_connections == 1; }));
        client.reset();
    }
    CHECK(eventually([&] { return p.status().servers[0].active_connections == 0; }));
}
