// SPDX-License-Identifier: Apache-2.0
#include "capture.hpp"
#include "net/socket_address.hpp"
#include "pair.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <numeric>
#include <random>

using namespace lab;
using cluster::node_id;
using cluster::node_state;

namespace {

using bytes = std::vector<std::uint8_t>;

/// Sends from the peer's address, as an attacker on the same network could.
class attacker {
public:
    explicit attacker(network_namespace const& where) {
        where.inside([this] {
            fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            cluster::net::socket_address const local{cluster::endpoint{at("10.9.0.2"), 0}};
            REQUIRE(::bind(fd_, &local.any, local.size()) == 0);
        });
    }
    ~attacker() { ::close(fd_); }
    void send(bytes const& b) const { ::sendto(fd_, b.data(), b.size(), 0, &to_.any, to_.size()); }

private:
    int fd_ = -1;
    cluster::net::socket_address to_{cluster::endpoint{at("10.9.0.1"), 6694}};
};

bytes make_bad(std::vector<bytes> const& recorded, std::mt19937& random) {
    auto b = recorded[random() % recorded.size()];
    switch (random() % 4) {
    case 0: // random
        b.resize(random() % 700);
        std::generate(b.begin(), b.end(), [&] { return static_cast<std::uint8_t>(random()); });
        return b;
    case 1: // truncated
        b.resize(random() % b.size());
        return b;
    case 2: // forged
        b[random() % b.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
        return b;
    default: // replayed, or reflected: both nodes' frames were recorded
        return b;
    }
}

} // namespace

TEST_CASE("100,000 random, truncated, forged, replayed and reflected datagrams change nothing but counters") {
    machines net;
    capture const wire{net.b, "data"};
    player one{net.a, net.settings(node_id::primary)};
    player two{net.b, net.settings(node_id::secondary)};
    REQUIRE(eventually([&] { return one.status().peer_alive && two.status().peer_alive; }));
    REQUIRE(eventually([&] { return one.state() == node_state::active || two.state() == node_state::active; }));
    REQUIRE(eventually([&] { return wire.heartbeats().size() > 100; }));
    auto const recorded = wire.heartbeats();
    auto const before = one.status();
    auto const story = one.story();

    std::mt19937 random{6694};
    attacker const evil{net.b};
    constexpr std::size_t count = 100'000;
    for (std::size_t i = 0; i < count; ++i) {
        evil.send(make_bad(recorded, random));
        if (i % 1000 == 0) {
            auto const now = one.status();
            REQUIRE(now.state == before.state);
            REQUIRE(now.peer_alive);
        }
    }
    REQUIRE(eventually([&] {
        auto const seen = one.status().links.at(0).rejected;
        return eventually([&] { return one.status().links.at(0).rejected > seen; }, 300ms) == false;
    }));
    auto const after = one.status();
    WARN("rejected " << after.links.at(0).rejected << " of " << count << ", the rest was lost in the kernel's buffer");
    CHECK(after.links.at(0).rejected > count / 2);
    CHECK(after.state == before.state);
    CHECK(after.epoch == before.epoch);
    CHECK(after.peer == before.peer);
    CHECK(after.peer_name == "lb2");
    CHECK(after.links.at(0).received > before.links.at(0).received);
    CHECK(two.status().peer_alive);
    CHECK(one.story().find("state:", story.size()) == std::string::npos);
}
