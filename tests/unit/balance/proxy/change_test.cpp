// SPDX-License-Identifier: Apache-2.0
#include "proxied_service.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <set>
#include <thread>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;

namespace {

/// Two servers and a client connected to each.
struct connected_pair {
    threaded_server one{greet_and_echo("one")};
    threaded_server two{greet_and_echo("two")};
    proxied_service p;
    std::vector<tcp_client> clients;

    connected_pair() {
        p.add_server("one", one.port());
        p.add_server("two", two.port());
        p.apply();
        for (auto const* name : {"one", "two"}) {
            clients.emplace_back(p.port);
            if (clients.back().receive_line() != name)
                throw std::runtime_error("round robin is out of order");
        }
    }
    /// Does the client of that server still get its echo?
    bool alive(std::size_t which) { return clients[which].send("ping\n") && clients[which].receive_line() == "ping"; }
};

} // namespace

TEST_CASE("connections to a server that went down or was halted are cut, a drained one's go on", "[proxy]") {
    connected_pair c;
    SECTION("down") { c.p.state("one").health = health::down; }
    SECTION("halted") { c.p.state("one").admin = admin_state::halt; }
    SECTION("removed") { c.p.service().servers.erase(c.p.service().servers.begin()); }
    SECTION("moved to another port") { c.p.service().servers[0].port = 1; }
    c.p.apply();
    CHECK(c.clients[0].receive(1).empty());
    CHECK(c.clients[0].error() == ECONNRESET);
    CHECK(c.alive(1));
}

TEST_CASE("a drained or unknown server keeps its connections and gets no new ones", "[proxy]") {
    connected_pair c;
    SECTION("drained") { c.p.state("one").admin = admin_state::drain; }
    SECTION("unknown") { c.p.state("one").health = health::unknown; }
    SECTION("not mentioned") { c.p.states.erase(c.p.states.begin()); }
    c.p.apply();
    for (int i = 0; i < 4; ++i)
        CHECK(c.p.who_serves() == "two");
    CHECK(c.alive(0));
    CHECK(c.alive(1));
}

TEST_CASE("an unknown server gets new connections where its check says so", "[proxy]") {
    connected_pair c;
    c.p.service().check.initially_up = true;
    bool serves = true;
    SECTION("unknown") { c.p.state("one").health = health::unknown; }
    SECTION("not mentioned") { c.p.states.erase(c.p.states.begin()); }
    SECTION("down") {
        c.p.state("one").health = health::down;
        serves = false;
    }
    c.p.apply();
    std::set<std::string> serving;
    for (int i = 0; i < 4; ++i)
        serving.insert(c.p.who_serves());
    CHECK(serving.contains("one") == serves);
    CHECK(serving.contains("two"));
}

TEST_CASE("a server that goes down and comes back at once has lost its old connections only", "[proxy]") {
    connected_pair c;
    c.p.state("one").health = health::down;
    c.p.apply();
    c.p.state("one").health = health::up;
    c.p.apply();
    CHECK(c.clients[0].receive(1).empty());
    CHECK(c.clients[0].error() == ECONNRESET);
    std::set<std::string> serving;
    for (int i = 0; i < 2; ++i) {
        tcp_client again(c.p.port);
        serving.insert(again.receive_line());
        CHECK(again.send("x\n"));
        CHECK(again.receive_line() == "x");
    }
    CHECK(serving == std::set<std::string>{"one", "two"});
    CHECK(c.alive(1));
}

TEST_CASE("what does not change goes on through a hundred applies", "[proxy]") {
    connected_pair c;
    std::atomic<bool> done{false};
    std::atomic<int> failures{0};
    std::atomic<int> echoes{0};
    std::thread traffic([&] {
        while (!done) {
            failures += !c.alive(0);
            ++echoes;
        }
    });
    for (int i = 0; i < 100; ++i) {
        c.p.service().servers[1].weight = static_cast<std::uint16_t>(i);
        c.p.service().servers[0].max_connections = static_cast<std::uint32_t>(1000 + i);
        virtual_service other = c.p.service();
        other.name = "other";
        other.ports = {{free_port(), 0}};
        other.ports[0].last = other.ports[0].first;
        if (i % 2 == 0)
            c.p.desired.services.push_back(other);
        c.p.apply();
        c.p.desired.services.resize(1);
    }
    CHECK(eventually([&] { return echoes > 100; }));
    done = true;
    traffic.join();
    CHECK(failures == 0);
    CHECK(c.alive(1));
    CHECK(c.p.status().counters.connections == 2);
}

TEST_CASE("a removed service closes its port and cuts its connections", "[proxy]") {
    connected_pair c;
    auto const without = [&] {
        auto copy = c.p.desired;
        copy.services.clear();
        return copy;
    }();
    c.p.subject.apply(without, c.p.states);
    CHECK(c.clients[0].receive(1).empty());
    CHECK(c.clients[0].error() == ECONNRESET);
    CHECK(eventually([&] { return tcp_client(c.p.port).error() == ECONNREFUSED; }));
    CHECK(c.p.subject.status().empty());
    c.p.apply();
    CHECK_FALSE(c.p.who_serves().empty());
}

TEST_CASE("another port of a service leaves its connections alone", "[proxy]") {
    connected_pair c;
    auto const old = c.p.port;
    c.p.port = free_port();
    c.p.service().ports = {{c.p.port, c.p.port}};
    c.p.apply();
    CHECK_FALSE(c.p.who_serves().empty());
    CHECK(eventually([&] { return tcp_client(old).error() == ECONNREFUSED; }));
    CHECK(c.alive(0));
    CHECK(c.alive(1));
}

TEST_CASE("an endpoint can pass from one service to another", "[proxy]") {
    connected_pair c;
    virtual_service heir = c.p.service();
    heir.name = "heir";
    heir.servers.erase(heir.servers.begin());
    c.p.desired.services = {heir};
    c.p.states.push_back({{"heir", "two"}, health::up, admin_state::online});
    c.p.apply();
    CHECK(eventually([&] { return c.p.who_serves() == "two"; }));
    for (int i = 0; i < 4; ++i)
        CHECK(c.p.who_serves() == "two");
}

TEST_CASE("draining the proxy closes its ports and lets its connections end", "[proxy]") {
    connected_pair c;
    c.p.subject.drain();
    CHECK(eventually([&] { return tcp_client(c.p.port).error() == ECONNREFUSED; }));
    c.p.apply(); // does not open them again
    CHECK(tcp_client(c.p.port).error() == ECONNREFUSED);
    CHECK(c.alive(0));
    CHECK(c.alive(1));
}

TEST_CASE("stopping the proxy resets its connections", "[proxy]") {
    connected_pair c;
    c.p.subject.stop();
    CHECK(c.clients[0].receive(1).empty());
    CHECK(c.clients[0].error() == ECONNRESET);
    CHECK(tcp_client(c.p.port).error() == ECONNREFUSED);
    c.p.apply(); // has no effect any more
    c.p.subject.stop();
    CHECK(tcp_client(c.p.port).error() == ECONNREFUSED);
}

TEST_CASE("changes from several threads during traffic", "[proxy]") {
    threaded_server one(greet_and_echo("one"));
    threaded_server two(greet_and_echo("two"));
    proxied_service p({.threads = 3});
    p.service().persistence.mode = persistence::kind::source_ip;
    p.add_server("one", one.port());
    p.add_server("two", two.port());
    std::atomic<int> news{0};
    p.subject.on_persistence([&](auto entries) { news += static_cast<int>(entries.size()); });
    p.apply();
    std::atomic<bool> done{false};
    std::atomic<int> served{0};
    std::atomic<int> wrong{0}; // Catch's assertions are for one thread
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            auto const from = "127.0.1." + std::to_string(t + 1);
            while (!done)
                served += !p.who_serves(from.c_str()).empty();
        });
    threads.emplace_back([&] {
        auto states = p.states;
        for (int i = 0; !done; ++i) {
            states[static_cast<std::size_t>(i) % 2].health = i % 4 < 2 ? health::down : health::up;
            p.subject.apply(p.desired, states);
            p.subject.merge(p.subject.persistence_snapshot());
        }
    });
    threads.emplace_back([&] {
        while (!done)
            wrong += p.subject.status().size() != 1;
    });
    CHECK(eventually([&] { return served > 200; }, 30s));
    done = true;
    for (auto& t : threads)
        t.join();
    CHECK(news > 0);
    CHECK(wrong == 0);
}
