// SPDX-License-Identifier: Apache-2.0
// The doctor on the real kernel: a node and real servers, each a network namespace.
#include "../cluster/namespace.hpp"
#include "doctor/filter.hpp"
#include "doctor/machine.hpp"
#include "doctor/routes.hpp"
#include "doctor/wire.hpp"

#include <balance/doctor.hpp>

#include <catch2/catch.hpp>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>

using namespace lab;
using namespace balance::doctor;
using clock_type = std::chrono::steady_clock;

namespace {

auto const ip4 = [](char const* text) { return boost::asio::ip::make_address_v4(text); };

/// A node with a bridge "net" (10.9.0.1/24) and two servers on it, whose interface is "eth0".
struct street {
    street() {
        node.sh("ip link add net type bridge && ip link set net up && ip addr add 10.9.0.1/24 dev net");
        for (auto const& [server, port, address] :
             {std::tuple{&one, "to1", "10.9.0.21/24"}, std::tuple{&two, "to2", "10.9.0.22/24"}}) {
            join(node, port, *server, "eth0");
            node.sh(std::string("ip link set ") + port + " master net");
            server->sh(std::string("ip addr add ") + address + " dev eth0");
        }
    }

    [[nodiscard]] station bridge() const {
        return node.get([] {
            auto const all = stations();
            return *std::find_if(all.begin(), all.end(), [](station const& s) { return s.name == "net"; });
        });
    }
    [[nodiscard]] arp_answers ask(std::vector<char const*> const& addresses) const {
        auto const from = bridge();
        return node.get([&] {
            arp_questions questions;
            for (auto const* a : addresses) {
                questions[{from.index, ip4(a)}] = {from.mac, false};
            }
            return wire::open({})->ask(questions);
        });
    }
    /// To server one at 10.9.0.21, as if it came from `source`.
    [[nodiscard]] tcp_question to_one(char const* source, char const* target, std::uint16_t port) const {
        auto const from = bridge();
        return {from.index, from.mac, mac_of(one), ip4(source), ip4(target), port};
    }
    static mac_address mac_of(network_namespace const& server) {
        return server.get([] {
            auto const all = stations();
            return std::find_if(all.begin(), all.end(), [](station const& s) { return s.name == "eth0"; })->mac;
        });
    }

    network_namespace node;
    network_namespace one;
    network_namespace two;
};

/// A TCP listener on all addresses.
class listener {
public:
    listener(network_namespace const& where, std::uint16_t port) {
        where.inside([&] {
            fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            sockaddr_in any{};
            any.sin_family = AF_INET;
            any.sin_port = htons(port);
            REQUIRE(::bind(fd_, reinterpret_cast<sockaddr const*>(&any), sizeof any) == 0);
            REQUIRE(::listen(fd_, 8) == 0);
        });
    }
    listener(listener const&) = delete;
    listener& operator=(listener const&) = delete;
    ~listener() { ::close(fd_); }

private:
    int fd_ = -1;
};

std::string half_open(network_namespace const& where) { return where.output("ss -Htn state syn-recv"); }

/// Its answers to strangers get lost.
void lose_answers(network_namespace const& server) {
    server.sh("ip link add nowhere type veth peer name beyond && ip link set beyond up && ip link set nowhere up arp "
              "off && ip route add default dev nowhere");
}

bool within(std::chrono::milliseconds limit, std::function<bool()> const& condition) {
    auto const end = clock_type::now() + limit;
    while (!condition()) {
        if (clock_type::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
}

} // namespace

TEST_CASE("ARP finds who has an address, everybody who has it, and teaches nobody") {
    street const s;
    s.two.sh("ip addr add 10.9.0.21/24 dev eth0");
    auto const said = s.ask({"10.9.0.21", "10.9.0.22", "10.9.0.99"});
    auto const index = s.bridge().index;
    CHECK(said.at({index, ip4("10.9.0.21")}) == std::set{street::mac_of(s.one), street::mac_of(s.two)});
    CHECK(said.at({index, ip4("10.9.0.22")}) == std::set{street::mac_of(s.two)});
    CHECK(said.at({index, ip4("10.9.0.99")}) == std::set<mac_address>{});
    CHECK(s.one.output("ip neigh").empty());
}

TEST_CASE("a question is repeated until it is answered") {
    street const s;
    s.one.sh("ip link set eth0 down");
    auto asking = std::async(std::launch::async, [&] { return s.ask({"10.9.0.21"}); });
    std::this_thread::sleep_for(std::chrono::milliseconds(150)); // after the first, before the third
    s.one.sh("ip link set eth0 up");
    auto const said = asking.get();
    CHECK(said.begin()->second->size() == 1);
}

TEST_CASE("an interface that is down was not asked") {
    street const s;
    auto const from = s.bridge();
    s.node.sh("ip link set net down");
    auto const said = s.node.get([&] {
        return wire::open({})->ask(arp_questions{{{from.index, ip4("10.9.0.21")}, {from.mac, true}}});
    });
    CHECK_FALSE(said.begin()->second);
}

TEST_CASE("a program that listens, a port without one, and an address that the server does not have") {
    street const s;
    listener const program(s.one, 80);
    auto const open = s.to_one("10.9.0.1", "10.9.0.21", 80);
    auto const closed = s.to_one("10.9.0.1", "10.9.0.21", 81);
    auto const absent = s.to_one("10.9.0.1", "10.9.0.99", 80);
    auto const said = s.node.get([&] { return wire::open({})->ask(tcp_questions{open, closed, absent}); });
    CHECK(said == tcp_answers{{open, reply::accepted}, {closed, reply::refused}, {absent, reply::silent}});
    CHECK(within(std::chrono::seconds(5), [&] { return half_open(s.one).empty(); }));
}

TEST_CASE("a server whose answers go elsewhere is left without a half-open connection") {
    street const s;
    lose_answers(s.one);
    listener const program(s.one, 80);
    auto const question = s.to_one("192.0.2.1", "10.9.0.21", 80);
    auto asking = std::async(std::launch::async,
                             [&] { return s.node.get([&] { return wire::open({})->ask(tcp_questions{question}); }); });
    CHECK(within(std::chrono::seconds(5), [&] { return !half_open(s.one).empty(); }));
    CHECK(asking.get() == tcp_answers{{question, reply::silent}});
    CHECK(within(std::chrono::seconds(2),
                 [&] { return half_open(s.one).empty(); })); // by itself it would stay for a minute
}

TEST_CASE("a stop ends the waiting, resets what may be open, and makes silence no answer") {
    street const s;
    lose_answers(s.one);
    listener const program(s.one, 80);
    auto const question = s.to_one("192.0.2.1", "10.9.0.21", 80);
    std::stop_source stop;
    auto asking = std::async(std::launch::async, [&] {
        return s.node.get([&] { return wire::open(stop.get_token())->ask(tcp_questions{question}); });
    });
    CHECK(within(std::chrono::seconds(5), [&] { return !half_open(s.one).empty(); }));
    stop.request_stop();
    CHECK(asking.get() == tcp_answers{{question, reply::unknown}});
    CHECK(within(std::chrono::seconds(2), [&] { return half_open(s.one).empty(); }));

}

TEST_CASE("a stop makes silence no answer to ARP either") {
    street const s;
    auto const from = s.bridge();
    arp_questions const questions{{{from.index, ip4("10.9.0.99")}, {from.mac, true}}};
    for (auto const after : {std::chrono::milliseconds(0), std::chrono::milliseconds(100)}) {
        std::stop_source stop;
        auto asking = std::async(std::launch::async, [&] {
            return s.node.get([&] { return wire::open(stop.get_token())->ask(questions); });
        });
        std::this_thread::sleep_for(after);
        stop.request_stop();
        CHECK(asking.get() == arp_answers{{questions.begin()->first, std::nullopt}});
    }
}

TEST_CASE("only frames for this machine pass the filter") {
    street const s;
    s.node.sh("ip link set net promisc on");
    auto const port = std::uint16_t{61'234};
    auto const answer = tcp_packet({ip4("10.9.0.21"), 80, ip4("10.9.0.1"), port}, 1, tcp_flag::reset);
    auto const index = s.bridge().index;
    int const hearing = s.node.get([&] {
        int const fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
        auto code = tcp_replies(port);
        sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
        REQUIRE(::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
        sockaddr_ll place{};
        place.sll_family = AF_PACKET;
        place.sll_protocol = htons(ETH_P_ALL); // worse than what the doctor uses: sent frames come too
        place.sll_ifindex = static_cast<int>(index);
        REQUIRE(::bind(fd, reinterpret_cast<sockaddr const*>(&place), sizeof place) == 0);
        return fd;
    });
    auto const send = [&](network_namespace const& from, char const* interface, mac_address const& to) {
        from.inside([&] {
            int const fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
            auto const all = stations();
            auto const out =
                std::find_if(all.begin(), all.end(), [&](station const& i) { return i.name == interface; });
            sockaddr_ll where{};
            where.sll_family = AF_PACKET;
            where.sll_protocol = htons(ETH_P_IP);
            where.sll_ifindex = static_cast<int>(out->index);
            auto const frame = in_frame(out->mac, to, answer);
            REQUIRE(::sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr const*>(&where),
                             sizeof where) > 0);
            ::close(fd);
        });
    };
    auto const heard = [&](int wait_ms) {
        pollfd waiting{hearing, POLLIN, 0};
        std::array<char, 256> frame{};
        return ::poll(&waiting, 1, wait_ms) > 0 && ::recv(hearing, frame.data(), frame.size(), 0) > 0;
    };
    send(s.node, "net", street::mac_of(s.two));               // what this machine sends
    send(s.one, "eth0", mac_address{0x02, 0, 0, 0, 0, 0x77}); // what is for others
    send(s.one, "eth0", s.bridge().mac);
    CHECK(heard(5000));
    CHECK_FALSE(heard(0));
    ::close(hearing);
}

TEST_CASE("the kernel's routes, and what is none") {
    street const s;
    s.node.sh("ip route add blackhole 10.66.0.0/24 && ip route add prohibit 10.66.1.0/24 && ip route add unreachable "
              "10.66.2.0/24");
    s.node.sh("ip link add quiet type veth peer name far && ip link set far up && ip link set quiet up arp off && ip "
              "addr add 10.8.0.1/24 dev quiet");
    s.node.sh("ip route add 10.7.0.0/24 via 10.9.0.22");
    s.node.inside([] {
        auto const known = stations();
        auto const to = [&](char const* a) { return way_to(ip4(a), known); };
        for (auto const* nowhere : {"192.0.2.1", "10.66.0.1", "10.66.1.1", "10.66.2.1"}) {
            CHECK(to(nowhere).is == way::kind::none);
        }
        CHECK(to("10.9.0.1").is == way::kind::own);
        CHECK(to("10.9.0.255").is == way::kind::unknown); // everybody
        auto const near = to("10.9.0.21");
        CHECK(near.is == way::kind::neighbour);
        CHECK(near.source == ip4("10.9.0.1"));
        CHECK(near.through.name == "net");
        CHECK(near.through.has_arp);
        CHECK_FALSE(to("10.8.0.2").through.has_arp);
        auto const far = to("10.7.0.1");
        CHECK(far.is == way::kind::router);
        CHECK(far.gateway == ip4("10.9.0.22"));
        CHECK(way_to(ip4("10.9.0.21"), {}).is == way::kind::unknown);
    });
}

TEST_CASE("packet filters that drop by way of other chains, as this machine's nft lists them") {
    network_namespace const node;
    node.sh(R"(nft -f - <<'END'
table ip site {
    set friends {
        type ipv4_addr
        elements = { 192.0.2.1, 192.0.2.2 }
    }
    chain away {
        counter log prefix "accept }" drop comment "go away"
    }
    chain asked {
        ip saddr @friends accept
        tcp dport { 22, 80 } accept
        goto away
    }
    chain in {
        type filter hook input priority 0; policy accept
        ct state established accept
        counter jump asked
    }
    chain pass {
        type filter hook forward priority 0; policy accept
        iifname vmap { "eth0" : accept, "eth1" : jump away }
    }
}
table inet open {
    chain strict {
        fib daddr type local return
        drop
    }
    chain in {
        type filter hook input priority 5; policy accept
        meta mark set 5
        jump strict
        jump {
            accept
        }
        drop
    }
}
table inet asleep {
    flags dormant
    chain in {
        type filter hook input priority 0; policy drop
    }
}
END)");
    auto const found = node.get([] { return look_at_machine({}, false, {}); });
    CHECK(found.no_filters.empty());
    CHECK(found.filters == std::vector<filter_chain>{
                               {"ip", "site in", "input", "away"},
                               {"ip", "site pass", "forward", "", {R"(iifname vmap { "eth0" : accept, "eth1" : jump away } (chain pass))"}}});
}

TEST_CASE("an examination that is stopped ends at once and finds nothing") {
    street const s;
    balance::virtual_service web;
    web.name = "Web";
    web.address = boost::asio::ip::make_address("10.9.0.100");
    web.ports = {{80, 80}};
    web.servers = {{"one", boost::asio::ip::make_address("10.9.0.21"), 0, 100, 0, 0}};
    std::stop_source stop;
    balance::examination how;
    how.stop = stop.get_token();
    stop.request_stop();
    CHECK(s.node.get([&] { return balance::examine_layer4({{web}, {}}, {}, how); }).empty());
}

TEST_CASE("an examination of one service asks its server") {
    street const s;
    balance::virtual_service web;
    web.name = "Web";
    web.address = boost::asio::ip::make_address("10.9.0.100");
    web.ports = {{80, 80}};
    web.servers = {{"one", boost::asio::ip::make_address("10.9.0.21"), 0, 100, 0, 0},
                   {"none", boost::asio::ip::make_address("10.9.0.99"), 0, 100, 0, 0}};
    s.one.sh("ip addr add 10.9.0.100/32 dev lo"); // and it answers ARP for it
    balance::examination how;
    how.service = "Web";
    std::vector<std::string> said;
    for (auto const& f : s.node.get([&] { return balance::examine_layer4({{web}, {}}, {}, how); })) {
        CHECK((f.service == "Web" || f.is != balance::finding::grade::fine));
        if (f.service == "Web") {
            said.push_back(f.server + " " + f.text.substr(0, f.text.find(" (")));
        }
    }
    CHECK(said ==
          std::vector<std::string>{"one 10.9.0.21 answers ARP for 10.9.0.100",
                                   "one 10.9.0.21 has the address 10.9.0.100, and no program listens on 10.9.0.100:80",
                                   "none 10.9.0.99 does not answer ARP on net"});
}
