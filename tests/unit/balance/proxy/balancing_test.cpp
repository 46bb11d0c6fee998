// SPDX-License-Identifier: Apache-2.0
#include "proxied_service.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;

namespace {

/// Three servers that say their names.
struct three_servers {
    threaded_server one{greet_and_echo("one")};
    threaded_server two{greet_and_echo("two")};
    threaded_server three{greet_and_echo("three")};
    proxied_service p;

    explicit three_servers(proxy::settings s = {.threads = 2}, std::vector<std::uint16_t> const& weights = {1, 1, 1})
        : p(s) {
        p.add_server("one", one.port(), weights[0]);
        p.add_server("two", two.port(), weights[1]);
        p.add_server("three", three.port(), weights[2]);
    }
};

} // namespace

TEST_CASE("weighted round robin is exact over all threads", "[proxy]") {
    three_servers t({.threads = 3}, {5, 2, 1});
    t.p.apply();
    std::map<std::string, int> got;
    for (int i = 0; i < 80; ++i)
        ++got[t.p.who_serves()];
    CHECK(got == std::map<std::string, int>{{"one", 50}, {"two", 20}, {"three", 10}});
    auto const status = t.p.status();
    CHECK(status.servers[0].counters.connections == 50);
    CHECK(status.servers[1].counters.connections == 20);
    CHECK(status.counters.connections == 80);
}

TEST_CASE("a weight of 0 gets no new client", "[proxy]") {
    three_servers t({.threads = 1}, {1, 0, 1});
    t.p.apply();
    for (int i = 0; i < 6; ++i)
        CHECK(t.p.who_serves() != "two");
}

TEST_CASE("first fills one server up to its limit before the next", "[proxy]") {
    three_servers t;
    t.p.service().balance = "first";
    t.p.service().servers[0].max_connections = 2;
    t.p.apply();
    std::vector<tcp_client> clients;
    std::string order;
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back(t.p.port);
        order += clients.back().receive_line() + " ";
    }
    CHECK(order == "one one two two ");
    clients.erase(clients.begin());
    CHECK(eventually([&] { return t.p.status().servers[0].active_connections == 1; }));
    CHECK(t.p.who_serves() == "one");
}

TEST_CASE("least connections evens out", "[proxy]") {
    three_servers t;
    t.p.service().balance = "wlc";
    t.p.apply();
    std::vector<tcp_client> clients;
    for (int i = 0; i < 9; ++i) {
        clients.emplace_back(t.p.port);
        clients.back().receive_line();
    }
    for (auto const& s : t.p.status().servers)
        CHECK(s.active_connections == 3);
}

TEST_CASE("a client comes back to its server", "[proxy]") {
    three_servers t;
    t.p.service().persistence.mode = persistence::kind::source_ip;
    t.p.apply();
    auto const first = t.p.who_serves("127.0.0.5");
    for (int i = 0; i < 5; ++i)
        CHECK(t.p.who_serves("127.0.0.5") == first);
    std::map<std::string, int> others;
    for (int i = 10; i < 16; ++i)
        ++others[t.p.who_serves(("127.0.0." + std::to_string(i)).c_str())];
    CHECK(others.size() == 3);

    SECTION("until it is down") {
        t.p.state(first).health = health::down;
        t.p.apply();
        auto const next = t.p.who_serves("127.0.0.5");
        CHECK(next != first);
        t.p.state(first).health = health::up;
        t.p.apply();
        CHECK(t.p.who_serves("127.0.0.5") == next);
    }
    SECTION("until it is drained") {
        t.p.state(first).admin = admin_state::drain;
        t.p.apply();
        CHECK(t.p.who_serves("127.0.0.5") != first);
    }
    SECTION("even if it is drained, where that is configured; nobody else does, and not when it is down") {
        t.p.service().persistence.drained_stay = true;
        if (GENERATE(false, true)) // by its agent
            t.p.state(first).share = 0;
        else
            t.p.state(first).admin = admin_state::drain;
        t.p.apply();
        CHECK(t.p.who_serves("127.0.0.5") == first);
        for (int i = 20; i < 26; ++i)
            CHECK(t.p.who_serves(("127.0.0." + std::to_string(i)).c_str()) != first);
        t.p.state(first).cut = true;
        t.p.apply();
        auto const after_cut = t.p.who_serves("127.0.0.5");
        CHECK(after_cut != first);
        t.p.state(after_cut).health = health::down;
        t.p.state(after_cut).admin = admin_state::drain;
        t.p.apply();
        CHECK(t.p.who_serves("127.0.0.5") != after_cut);
    }
    SECTION("even if its weight becomes 0") {
        for (auto& s : t.p.service().servers)
            if (s.name == first)
                s.weight = 0;
        t.p.apply();
        CHECK(t.p.who_serves("127.0.0.5") == first);
    }
}

TEST_CASE("granularity sends neighbours to one server", "[proxy]") {
    three_servers t;
    t.p.service().persistence = {.mode = persistence::kind::source_ip, .granularity = std::uint8_t{24}};
    t.p.apply();
    auto const first = t.p.who_serves("127.0.7.1");
    for (int i = 2; i < 8; ++i)
        CHECK(t.p.who_serves(("127.0.7." + std::to_string(i)).c_str()) == first);
}

TEST_CASE("tables move from proxy to proxy", "[proxy]") {
    three_servers t;
    t.p.service().persistence.mode = persistence::kind::source_ip;
    std::mutex mutex;
    std::vector<persistence_entry> heard;
    t.p.subject.on_persistence([&](std::span<persistence_entry const> news) {
        std::lock_guard const lock(mutex);
        heard.insert(heard.end(), news.begin(), news.end());
    });
    t.p.apply();
    std::map<std::string, std::string> served;
    for (int i = 10; i < 20; ++i) {
        auto const client = "127.0.0." + std::to_string(i);
        served[client] = t.p.who_serves(client.c_str());
        CHECK(t.p.who_serves(client.c_str()) == served[client]);
    }
    {
        std::lock_guard const lock(mutex);
        REQUIRE(heard.size() == 10); // the second connection of a client is no news
        CHECK(heard[0].service == "web");
        CHECK(heard[0].client == boost::asio::ip::make_address("127.0.0.10"));
        CHECK(heard[0].server == served["127.0.0.10"]);
        CHECK(heard[9].sequence == heard[0].sequence + 9);
    }
    auto const snapshot = t.p.subject.persistence_snapshot();
    CHECK(snapshot.size() == 10);

    proxied_service peer;
    peer.desired = t.p.desired;
    peer.service().ports = {{peer.port, peer.port}};
    peer.states = t.p.states;
    SECTION("merged before the configuration is known") {
        peer.subject.merge(snapshot);
        peer.apply();
    }
    SECTION("merged into a running proxy") {
        peer.apply();
        peer.subject.merge(snapshot);
    }
    for (auto const& [client, server] : served)
        CHECK(peer.who_serves(client.c_str()) == server);
}

TEST_CASE("a server that refuses is passed over for another", "[proxy]") {
    three_servers t({.threads = 1});
    // Nobody listens on port 1 of the loopback address.
    for (auto& s : t.p.service().servers)
        if (s.name != "three")
            s.port = 1;
    t.p.apply();
    for (int i = 0; i < 5; ++i)
        CHECK(t.p.who_serves() == "three");
    auto const status = t.p.status();
    CHECK(status.servers[0].counters.connections == 0);
    CHECK(status.servers[0].active_connections == 0);
    CHECK(status.counters.connections == 5);
}

TEST_CASE("a server that does not answer the connect is passed over after the timeout", "[proxy]") {
    // A full listen queue that nobody accepts from drops further SYNs.
    boost::asio::io_context io;
    tcp::acceptor deaf(io);
    deaf.open(tcp::v4());
    deaf.bind({boost::asio::ip::address_v4::loopback(), 0});
    deaf.listen(0);
    auto const port = deaf.local_endpoint().port();
    tcp_client filling(port, "127.0.0.1", "127.0.0.1");

    threaded_server good(greet_and_echo("good"));
    proxied_service p({.threads = 1});
    p.service().timeouts.connect = 100ms;
    p.service().balance = "first";
    p.add_server("deaf", port);
    p.add_server("good", good.port());
    p.apply();
    CHECK(p.who_serves() == "good");
}

TEST_CASE("last successful: all stay with a server until it fails, and come not back when it is well again", "[proxy]") {
    three_servers t;
    t.p.service().balance = "first";
    t.p.service().persistence.mode = persistence::kind::last_successful;
    t.p.apply();
    CHECK(t.p.who_serves() == "one");
    t.p.state("one").health = health::down;
    t.p.apply();
    CHECK(t.p.who_serves("127.0.0.2") == "two");
    t.p.state("one").health = health::up;
    t.p.apply();
    CHECK(t.p.who_serves("127.0.0.3") == "two");
    // The peer was told, and does as we do.
    auto const entries = t.p.subject.persistence_snapshot();
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].server == "two");
    three_servers other;
    other.p.service().balance = "first";
    other.p.service().persistence.mode = persistence::kind::last_successful;
    other.p.subject.merge(entries);
    other.p.apply();
    CHECK(other.p.who_serves() == "two");
    t.p.state("two").admin = admin_state::drain;
    t.p.apply();
    CHECK(t.p.who_serves() == "one");
}

TEST_CASE("no usable server: the client is reset, or gets the fallback", "[proxy]") {
    three_servers t;
    for (auto& s : t.p.states)
        s.health = health::down;
    t.p.states[1].health = health::unknown;
    t.p.apply();
    {
        tcp_client client(t.p.port);
        CHECK(client.receive(1).empty());
        CHECK(client.error() == ECONNRESET);
    }
    threaded_server sorry(greet_and_echo("sorry"));
    auto const kind = GENERATE(fallback::kind::server, fallback::kind::local);
    t.p.service().fallback = {kind, {boost::asio::ip::address_v4::loopback(), sorry.port()}};
    t.p.apply();
    CHECK(t.p.who_serves() == "sorry");
    CHECK(t.p.status().counters.connections == 2);

    t.p.states[0].health = health::up;
    t.p.apply();
    CHECK(t.p.who_serves() == "one");
}

TEST_CASE("all servers refuse: the fallback answers", "[proxy]") {
    threaded_server sorry(greet_and_echo("sorry"));
    proxied_service p;
    p.add_server("one", 1);
    p.add_server("two", 1);
    p.service().fallback = {fallback::kind::server, {boost::asio::ip::address_v4::loopback(), sorry.port()}};
    p.apply();
    CHECK(p.who_serves() == "sorry");
    p.service().fallback = {};
    p.apply();
    tcp_client client(p.port);
    CHECK(client.receive(1).empty());
    CHECK(client.error() == ECONNRESET);
}

TEST_CASE("a recovered server gets its share little by little", "[proxy]") {
    three_servers t({.threads = 1}, {100, 100, 0});
    t.p.service().slow_start = 10min;
    t.p.apply();
    t.p.state("one").health = health::down;
    t.p.apply();
    t.p.state("one").health = health::up;
    t.p.apply();
    int ones = 0;
    for (int i = 0; i < 50; ++i)
        ones += t.p.who_serves() == "one";
    CHECK(ones <= 1); // 1 of 101 for now
    t.p.service().slow_start = 0ms;
    t.p.apply();
    ones = 0;
    for (int i = 0; i < 50; ++i)
        ones += t.p.who_serves() == "one";
    CHECK(ones >= 24);
}
