// SPDX-License-Identifier: Apache-2.0
// A relay that another one replaces.
#include "proxied_service.hpp"
#include "recording_server.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>

#include <atomic>

using namespace balance;
using namespace test;

namespace {

/// Two relays that share a listening socket, each in front of a server of its own; the first one accepts.
struct relay_pair {
    int shared;
    proxied_service old;
    proxied_service next;

    explicit relay_pair(balance::mode m, std::uint16_t first, std::uint16_t second) {
        boost::asio::io_context io;
        shared = tcp::acceptor(io, tcp::endpoint(boost::asio::ip::make_address(own_address()), old.port)).release();
        next.port = old.port;
        next.service().ports = old.service().ports;
        old.add_server("old", first);
        next.add_server("next", second);
        for (auto* p : {&old, &next}) {
            p->service().mode = m;
        }
        begin(old);
    }
    ~relay_pair() { ::close(shared); }

    void begin(proxied_service& p) {
        p.subject.use_listeners({{{boost::asio::ip::make_address(own_address()), p.port}, ::fcntl(shared, F_DUPFD_CLOEXEC, 0)}});
        p.apply();
        wait_for(p);
    }
    static void wait_for(proxied_service& p) {
        std::atomic<bool> done{false};
        p.subject.when_in_force([&] { done = true; });
        REQUIRE(eventually([&] { return done.load(); }));
    }
    void replace() {
        begin(next);
        old.subject.drain();
        wait_for(old);
        next.subject.look_for_clients();
    }
};

std::string const one_request = "GET / HTTP/1.1\r\nHost: web\r\n\r\n";

std::string next_answer(tcp_client& client) {
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

} // namespace

TEST_CASE("a relay that drains accepts nobody, and its connections go on", "[proxy]") {
    threaded_server one(greet_and_echo("old"));
    threaded_server two(greet_and_echo("next"));
    relay_pair pair(balance::mode::tcp, one.port(), two.port());
    tcp_client before(pair.old.port);
    REQUIRE(before.receive_line() == "old");
    pair.replace();
    for (int i = 0; i < 20; ++i)
        CHECK(pair.next.who_serves() == "next");
    CHECK(before.send("ping\n"));
    CHECK(before.receive_line() == "ping");
    CHECK(pair.old.subject.connections() == 1);

    SECTION("until their server is out of service") {
        pair.old.state("old").admin = admin_state::halt;
        pair.old.apply();
        CHECK(before.receive(1).empty());
        CHECK(before.error() == ECONNRESET);
    }
    SECTION("until they end") {
        before.close();
    }
    CHECK(eventually([&] { return pair.old.subject.connections() == 0; }));
    pair.old.apply(); // opens nothing again
    CHECK(pair.next.who_serves() == "next");
}

TEST_CASE("clients of a relay that drains are served once more, and hear that their connection ends", "[http]") {
    recording_server one("old");
    recording_server two("next");
    relay_pair pair(balance::mode::http, one.port(), two.port());
    tcp_client client(pair.old.port);
    client.send(one_request);
    REQUIRE(next_answer(client) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
    pair.replace();
    SECTION("one request") {
        client.send(one_request);
        CHECK(next_answer(client) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nold");
    }
    SECTION("all that had come") {
        client.send(one_request + one_request + one_request);
        for (int i = 0; i < 2; ++i)
            CHECK(next_answer(client) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
        CHECK(next_answer(client) == "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nold");
    }
    CHECK(client.receive(1).empty());
    CHECK(client.error() == 0);
    client.close();
    CHECK(eventually([&] { return pair.old.subject.connections() == 0; }));
    tcp_client another(pair.next.port);
    another.send(one_request);
    CHECK(next_answer(another) == "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
}

TEST_CASE("entries that come before their service are its own", "[proxy]") {
    threaded_server one(greet_and_echo("one"));
    threaded_server two(greet_and_echo("two"));
    proxied_service p;
    p.service().persistence.mode = balance::persistence::kind::source_ip;
    p.service().persistence.timeout = std::chrono::minutes(1);
    p.add_server("one", one.port());
    p.add_server("two", two.port());
    for (auto const* from : {"127.0.0.1", "127.0.0.2"}) {
        auto const client = boost::asio::ip::make_address(from);
        p.subject.merge(std::vector<persistence_entry>{{"web", client, "two", 5, std::chrono::minutes(1)},
                                                       {"other", client, "one", 5, std::chrono::minutes(1)}});
    }
    p.apply();
    for (auto const* from : {"127.0.0.1", "127.0.0.2"})
        CHECK(p.who_serves(from) == "two");
}
