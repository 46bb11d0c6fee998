// SPDX-License-Identifier: Apache-2.0
#include "proxied_service.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/resource.h>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;

namespace {

endpoint local(std::uint16_t port) { return {boost::asio::ip::make_address(own_address()), port}; }

/// A listening socket as the parent of a proxy process would hand it in.
int listening(std::uint16_t port) {
    boost::asio::io_context io;
    tcp::acceptor a(io, tcp::endpoint(boost::asio::ip::make_address(own_address()), port));
    return a.release();
}

std::uint64_t cpu_time() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return static_cast<std::uint64_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

} // namespace

TEST_CASE("all ports and ranges of a service are served, each with the client's port", "[proxy]") {
    threaded_server one(greet_and_echo("one"));
    proxied_service p;
    p.service().ports = {{one.port(), one.port()}, {40001, 40003}};
    p.add_server("one", 0); // on the port the client chose
    p.apply();
    CHECK(p.status().not_served.empty());
    tcp_client client(one.port());
    CHECK(client.receive_line() == "one");
    p.service().servers[0].port = one.port();
    p.apply();
    for (std::uint16_t const port : {std::uint16_t{40001}, std::uint16_t{40002}, std::uint16_t{40003}}) {
        tcp_client ranged(port);
        CHECK(ranged.receive_line() == "one");
    }
}

TEST_CASE("sockets handed in are used instead of own ones", "[proxy]") {
    threaded_server one(greet_and_echo("one"));
    proxied_service p;
    p.add_server("one", one.port());
    int const fd = listening(p.port);
    int const kept = ::fcntl(fd, F_DUPFD_CLOEXEC, 0); // as the parent keeps it
    p.subject.use_listeners({{local(p.port), fd}});
    p.apply();
    CHECK(p.status().not_served.empty());
    CHECK(p.who_serves() == "one");

    SECTION("and can be replaced while connections go on") {
        tcp_client client(p.port);
        CHECK(client.receive_line() == "one");
        p.subject.use_listeners({{local(p.port), ::fcntl(kept, F_DUPFD_CLOEXEC, 0)}});
        CHECK(p.who_serves() == "one");
        CHECK(client.send("x\n"));
        CHECK(client.receive_line() == "x");
    }
    SECTION("and are let go when nothing names them") {
        auto nothing = p.desired;
        nothing.services.clear();
        p.subject.apply(nothing, p.states);
        ::close(kept);
        CHECK(eventually([&] { return tcp_client(p.port).error() == ECONNREFUSED; }));
        return;
    }
    ::close(kept);
}

TEST_CASE("a taken port is said in status, and the others are served", "[proxy]") {
    threaded_server one(greet_and_echo("one"));
    proxied_service p;
    p.add_server("one", one.port());
    auto const taken = free_port();
    int const other = listening(taken);
    p.service().ports.push_back({taken, taken});
    p.apply();
    CHECK(p.status().not_served ==
          "cannot listen on " + own_address() + ":" + std::to_string(taken) +
              ": Address already in use; another program or service has this port: stop it or choose another");
    CHECK(p.who_serves() == "one");
    ::close(other);
    p.apply();
    CHECK(p.status().not_served.empty());
    tcp_client client(taken);
    CHECK(client.receive_line() == "one");
}

TEST_CASE("an address that is not here can be listened on", "[proxy]") {
    proxied_service p;
    p.service().address = boost::asio::ip::make_address(GENERATE("192.0.2.77", "2001:db8::77"));
    p.add_server("one", 9);
    p.apply();
    CHECK(p.status().not_served.empty());
}

TEST_CASE("services this build cannot serve are named and left alone", "[proxy]") {
    proxied_service p;
    p.add_server("one", 9);
    auto web = p.service();
    web.name = "kernel's way";
    web.balance = "sh";
    web.ports = {{free_port(), 0}};
    web.ports[0].last = web.ports[0].first;
    auto kernel = p.service();
    kernel.name = "kernel";
    kernel.mode = mode::nat;
    p.desired.services = {web, kernel, p.service()};
    p.apply();
    auto const status = p.subject.status();
    REQUIRE(status.size() == 2);
    CHECK(status[0].name == "kernel's way");
    CHECK_THAT(status[0].not_served, Catch::Contains("is no way to balance on layer 7"));
    CHECK(status[0].servers.at(0).name == "one");
    CHECK(status[1].name == "web");
    CHECK(status[1].not_served.empty());
    CHECK(tcp_client(web.ports[0].first).error() == ECONNREFUSED);
}

TEST_CASE("a service on all ports is refused before it takes every descriptor", "[proxy]") {
    proxied_service p;
    p.add_server("one", 9);
    p.service().ports = {{1, 65535}};
    p.apply();
    CHECK(p.status().not_served ==
          "it has 65535 ports and layer 7 needs a socket for each, of which it opens at most 4096; use a layer-4 mode");
    CHECK(tcp_client(p.port).error() == ECONNREFUSED);
    p.service().ports = {{p.port, p.port}, {p.port, p.port}};
    p.apply();
    CHECK(p.status().not_served.empty());
}

TEST_CASE("above the limit of connections new ones wait their turn", "[proxy]") {
    threaded_server one(greet_and_echo("one"));
    proxied_service p({.threads = 2, .max_connections = 3});
    p.add_server("one", one.port());
    p.apply();
    std::vector<tcp_client> clients;
    for (int i = 0; i < 5; ++i)
        clients.emplace_back(p.port);
    // Which of the five are served is for the kernel to say; two of them must wait until two others have gone.
    std::size_t greeted = 0;
    CHECK(eventually([&] { return p.status().servers[0].active_connections == 3; }));
    while (!clients.empty()) {
        auto const it = std::find_if(clients.begin(), clients.end(), [](tcp_client const& c) {
            char byte = 0;
            return ::recv(c.descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
        });
        CHECK(p.status().servers[0].active_connections <= 3);
        if (it == clients.end())
            continue;
        CHECK(it->receive_line() == "one");
        ++greeted;
        std::swap(*it, clients.back());
        clients.pop_back();
    }
    CHECK(greeted == 5);
}

TEST_CASE("idle connections end after the limit, busy ones do not", "[proxy]") {
    threaded_server one(greet_and_echo("one"));
    proxied_service p({.threads = 1});
    p.service().timeouts.idle = 300ms;
    p.add_server("one", one.port());
    p.apply();
    // A machine that stands still for the limit makes the busy one idle too: such an attempt does not count.
    bool survived = false;
    for (int attempt = 0; attempt < 20 && !survived; ++attempt) {
        auto const start = std::chrono::steady_clock::now();
        tcp_client busy(p.port);
        tcp_client idle(p.port);
        REQUIRE(busy.receive_line() == "one");
        REQUIRE(idle.receive_line() == "one");
        survived = true;
        char byte = 0;
        while (::recv(idle.descriptor(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
            survived = survived && busy.send("x\n") && busy.receive_line() == "x";
        CHECK(errno == ECONNRESET);
        CHECK(std::chrono::steady_clock::now() - start >= 290ms);
    }
    CHECK(survived);
}

TEST_CASE("no descriptors left: accepting rests instead of spinning, then goes on", "[proxy]") {
    threaded_server one(greet_and_echo("one"));
    proxied_service p({.threads = 1});
    p.add_server("one", one.port());
    p.apply();
    tcp_client served(p.port); // stays: what it gave back would be room for another
    CHECK(served.receive_line() == "one");
    std::vector<int> hoard;
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit small{.rlim_cur = 64, .rlim_max = before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &small);
    int const last = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    hoard.push_back(last);
    for (int fd = last; fd >= 0; fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC))
        hoard.push_back(fd);
    ::close(hoard.back());
    hoard.pop_back();
    tcp_client late(p.port); // takes the last one
    auto const cpu = cpu_time();
    char byte = 0;
    timeval const moment{.tv_sec = 0, .tv_usec = 300'000};
    ::setsockopt(late.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
    CHECK(::recv(late.descriptor(), &byte, 1, MSG_PEEK) < 0); // nobody is there to serve it
    CHECK(cpu_time() - cpu < 150'000);
    for (int const fd : hoard)
        ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &before);
    timeval const long_time{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(late.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof long_time);
    CHECK(late.receive_line() == "one");
}
