// SPDX-License-Identifier: Apache-2.0
#include <cluster/node.hpp>

#include <catch2/catch.hpp>

#include <string>

using namespace cluster;
using namespace std::chrono_literals;

namespace {

address at(char const* text) { return boost::asio::ip::make_address(text); }

node_settings good() {
    node_settings s;
    s.self = node_id::primary;
    s.name = "lb1";
    s.links = {{"data", "", at("192.0.2.1"), at("192.0.2.2"), 6694}};
    s.key = key::generate();
    return s;
}

/// What `start` says; it must refuse before it opens anything.
std::string fault(node_settings s) {
    node n{std::move(s)};
    auto const started = n.start();
    REQUIRE_FALSE(started.has_value());
    CHECK(started.error().code == balance::errc::invalid_configuration);
    return started.error().detail;
}

} // namespace

TEST_CASE("each fault of a node's settings is named, all at once") {
    auto s = good();
    s.timing.keepalive = 0ms;
    CHECK(fault(s) == "keepalive must be 1 ms to 10 s");
    s.timing.keepalive = 250ms;
    CHECK(fault(s) == "warntime must be longer than keepalive; deadtime must be longer than twice keepalive");
    s = good();
    s.timing.warntime = 600ms;
    s.timing.initdead = 499ms;
    CHECK(fault(s) == "deadtime must not be shorter than warntime; initdead must not be shorter than deadtime");
    s = good();
    s.key.reset();
    CHECK(fault(s) == "links need the pair's key");
    s = good();
    s.self = node_id::none;
    CHECK(fault(s) == "a node with links must be the primary or the secondary");
    s = good();
    s.name = std::string(64, 'x');
    CHECK(fault(s) == "a node's name has 1 to 63 bytes");
    s = good();
    s.address_lifetime = 0s;
    CHECK(fault(s) == "address_lifetime must be 1 to 60 s");
    s = good();
    s.floating = {{at("127.0.0.1"), ""}};
    CHECK(fault(s) == "127.0.0.1 can't float");
}

TEST_CASE("each fault of a link is named with the link") {
    auto s = good();
    s.links.push_back(s.links[0]);
    CHECK(fault(s) == "link data: each link needs a name of its own");
    s = good();
    s.links[0].peer = at("2001:db8::2");
    CHECK(fault(s) == "link data: local and peer must be of one address family");
    s = good();
    s.links[0].peer = s.links[0].local;
    CHECK(fault(s) == "link data: local and peer are the same address");
    s = good();
    s.links[0].local = at("0.0.0.0");
    CHECK(fault(s) == "link data: local and peer must be given");
    s = good();
    s.links[0].port = 0;
    CHECK(fault(s) == "link data: port 0 is not possible");
    s = good();
    for (int i = 0; i < 8; ++i) {
        s.links.push_back(s.links[0]);
        s.links.back().name = std::to_string(i);
    }
    CHECK(fault(s) == "at most 8 links are possible");
}

TEST_CASE("a node that isn't running answers every call") {
    auto s = good();
    s.epoch = {7, node_id::secondary};
    s.maintenance = true;
    for (bool const faulty : {false, true}) {
        INFO((faulty ? "faulty" : "good") << " settings");
        if (faulty) {
            s.key.reset();
        }
        node n{s};
        CHECK(n.status().name == "lb1");
        CHECK(n.status().epoch == epoch{7, node_id::secondary});
        CHECK(n.status().maintenance);
        std::string refused;
        auto const keep = [&](result<> r) { refused += r.has_value() ? "granted" : r.error().detail + "\n"; };
        n.take_over(keep);
        n.hand_over(keep);
        n.set_maintenance(false, keep);
        CHECK(refused == "the node is not running: start it first\nthe node is not running: start it first\n"
                         "the node is not running: start it first\n");
        n.set_local_health({true, true});
        n.set_config({1, 1}, {});
        n.set_floating({});
        n.leave();
    }
}

TEST_CASE("goodbyes are sealed for each link when the node is made") {
    auto s = good();
    s.links.push_back({"cross", "eth1", at("2001:db8::1"), at("2001:db8::2"), 7000});
    node const n{s};
    auto const goodbyes = n.sealed_goodbyes();
    REQUIRE(goodbyes.size() == 2);
    CHECK(goodbyes[0].interface == "eth1"); // links in the order of their names
    CHECK(goodbyes[0].local == endpoint{at("2001:db8::1"), 7000});
    CHECK(goodbyes[0].peer == endpoint{at("2001:db8::2"), 7000});
    CHECK(goodbyes[0].bytes.size() == 48);
    CHECK(goodbyes[1].peer == endpoint{at("192.0.2.2"), 6694});
    CHECK(goodbyes[0].bytes != goodbyes[1].bytes);
    CHECK(node{s}.sealed_goodbyes()[0].bytes != goodbyes[0].bytes); // another session
}
