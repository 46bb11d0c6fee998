// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer_health.hpp"

#include <catch2/catch.hpp>

using balance::health;
using dyad::health_message;
using dyad::health_news;
using dyad::parse_health_message;
using dyad::peer_health;
using dyad::server_states;

namespace {

balance::server_key key(std::size_t n) { return {"web", "s" + std::to_string(n)}; }

/// One service with so many servers, on 192.0.2.1 port 8000 and up.
server_states states_of(std::size_t count) {
    balance::virtual_service s;
    s.name = "web";
    for (std::size_t n = 0; n < count; ++n) {
        s.servers.push_back({.name = key(n).server,
                             .address = boost::asio::ip::make_address("192.0.2.1"),
                             .port = static_cast<std::uint16_t>(8000 + n)});
    }
    server_states out;
    out.set_services({s}, 0);
    return out;
}

/// All messages of one node reach the other.
void tell(peer_health& peer, health_news& news, server_states const& servers, bool active = true) {
    for (auto const& m : news.take(servers, active)) {
        auto const read = parse_health_message(to_text(m));
        REQUIRE(read);
        CHECK(*read == m);
        peer.take(*read);
    }
}

health_message message_about(std::size_t n, health h, bool active = true) {
    return {false, active, {{key(n), {boost::asio::ip::make_address("192.0.2.1"), static_cast<std::uint16_t>(8000 + n)}, h, "why"}}};
}

} // namespace

TEST_CASE("a node that comes is told all that is known, and then what changes") {
    auto here = states_of(3);
    auto there = states_of(3);
    here.set_health(key(0), health::up, "200 OK", 1, 0);
    here.set_health(key(1), health::down, "connection refused", 1, 0);
    health_news news;
    peer_health peer;
    CHECK(news.empty());
    CHECK(peer.text_of(*there.find(key(0))).empty());
    news.note_all();
    CHECK_FALSE(news.empty());
    tell(peer, news, here);
    CHECK(news.empty());
    CHECK(peer.text_of(*there.find(key(0))) == "up");
    CHECK(peer.of(*there.find(key(1))) == health::down);
    CHECK(peer.reason_of(*there.find(key(1))) == "connection refused");
    CHECK(peer.text_of(*there.find(key(2))) == "unknown");

    here.set_health(key(1), health::up, "200 OK", 1, 0);
    news.note(key(1));
    news.note({"web", "gone"});
    auto const told = news.take(here, true);
    REQUIRE(told.size() == 1);
    CHECK(told[0].words.size() == 1);
    CHECK_FALSE(told[0].first);
    peer.take(told[0]);
    CHECK(peer.of(*there.find(key(1))) == health::up);

    peer.forget();
    CHECK(peer.text_of(*there.find(key(1))).empty());
    CHECK(peer.of(*there.find(key(1))) == health::unknown);
}

TEST_CASE("thousands of servers go in parts, of which the first clears what was said before") {
    auto here = states_of(25'000);
    for (std::size_t n = 0; n < 25'000; ++n) {
        here.set_health(key(n), n % 2 == 0 ? health::up : health::down, "x", 1, 0);
    }
    health_news news;
    news.note_all();
    auto const parts = news.take(here, false);
    REQUIRE(parts.size() == 3);
    CHECK(parts[0].first);
    CHECK_FALSE(parts[1].first);
    CHECK(parts[2].words.size() == 5'000);
    peer_health peer;
    peer.take(message_about(3, health::up));
    for (auto const& m : parts) {
        peer.take(m);
    }
    CHECK(peer.of(*here.find(key(3))) == health::down);
    CHECK(peer.of(*here.find(key(24'998))) == health::up);
}

TEST_CASE("a node with nothing to tell still says whether it is active") {
    auto const here = states_of(1);
    health_news news;
    news.note_all();
    auto const told = news.take(here, true);
    REQUIRE(told.size() == 1);
    CHECK(told[0] == health_message{true, true, {}});
    CHECK(news.empty());
    news.note_state();
    CHECK_FALSE(news.empty());
    CHECK(news.take(here, false) == std::vector{health_message{false, false, {}}});
    CHECK(news.empty());
}

TEST_CASE("what the active node found seeds what is unknown here, but no halted server") {
    auto here = states_of(4);
    here.set_health(key(1), health::up, "own", 1, 0);
    auto const halted = key(2);
    here.set_admin({&halted, 1}, balance::admin_state::halt, cluster::node_id::primary);
    peer_health peer;
    for (std::size_t n = 0; n < 3; ++n) {
        peer.take(message_about(n, health::down));
    }
    auto const seeds = peer.seeds(here);
    REQUIRE(seeds.size() == 1);
    CHECK(seeds[0].key == key(0));
    CHECK(seeds[0].health == health::down);
    CHECK_FALSE(seeds[0].last.success);
    CHECK(seeds[0].last.reason == "found by the other node: why");

    peer.take(message_about(0, health::down, false)); // it gave the addresses away
    CHECK(peer.seeds(here).empty());
}

TEST_CASE("a word about the same name at another address says nothing") {
    auto here = states_of(1);
    auto m = message_about(0, health::up);
    m.words[0].target.port = 9999;
    peer_health peer;
    peer.take(m);
    CHECK(peer.seeds(here).empty());
    CHECK(peer.text_of(*here.find(key(0))) == "unknown");
}

TEST_CASE("what the active node finds otherwise is looked into, and told to operators") {
    auto here = states_of(6);
    for (std::size_t n = 0; n < 5; ++n) {
        here.set_health(key(n), health::up, "own", 1, 0);
    }
    peer_health peer;
    CHECK(disagreement(here, peer).empty());
    for (std::size_t n = 1; n < 6; ++n) {
        auto const m = message_about(n, health::down);
        peer.take(m);
        CHECK(peer.otherwise(m, here) == (n < 5 ? std::vector{key(n)} : std::vector<balance::server_key>{}));
    }
    auto const same = message_about(0, health::up);
    peer.take(same);
    CHECK(peer.otherwise(same, here).empty());
    CHECK(disagreement(here, peer) ==
          "the nodes find servers in different health: web/s1 is up here and down there, web/s2 is up here and down there, web/s3 is up here "
          "and down there and 1 more; 'dyad test SERVICE/SERVER' on both shows why");
    auto const passive = message_about(1, health::down, false);
    peer.take(passive);
    CHECK(peer.otherwise(passive, here).empty()); // this node's own checks decide
}

TEST_CASE("words that are too many are dropped, known ones are still renewed") {
    auto const here = states_of(3);
    peer_health peer(2);
    for (std::size_t n = 0; n < 3; ++n) {
        peer.take(message_about(n, health::up));
    }
    peer.take(message_about(0, health::down));
    CHECK(peer.of(*here.find(key(0))) == health::down);
    CHECK(peer.of(*here.find(key(1))) == health::up);
    CHECK(peer.of(*here.find(key(2))) == health::unknown);
}

TEST_CASE("what is no message about health is refused as a whole") {
    std::string const word = R"({"service":"web","server":"s0","address":"192.0.2.1","port":80,"health":"up","reason":""})";
    auto const with = [](std::string const& words) { return R"({"first":true,"active":true,"servers":[)" + words + "]}"; };
    CHECK(parse_health_message(with(word)));
    CHECK(parse_health_message(with("")));
    for (auto const& [from, to] : {std::pair{R"("up")", R"("well")"}, {"80", "65536"}, {"80", "-1"}, {"192.0.2.1", "192.0.2.256"},
                                   {R"("web")", "7"}, {R"(,"reason":"")", ""}}) {
        auto bad = word;
        bad.replace(bad.find(from), std::string(from).size(), to);
        CAPTURE(bad);
        CHECK_FALSE(parse_health_message(with(word + "," + bad)));
    }
    CHECK_FALSE(parse_health_message(with(R"({"service":")" + std::string(65, 'x') + word.substr(15))));
    CHECK_FALSE(parse_health_message(""));
    CHECK_FALSE(parse_health_message("[]"));
    CHECK_FALSE(parse_health_message(R"({"first":true,"servers":[]})"));
    CHECK_FALSE(parse_health_message(R"({"first":true,"active":true,"servers":{}})"));
    std::string many = word;
    for (std::size_t n = 0; n < dyad::words_in_a_message; ++n) {
        many += "," + word;
    }
    CHECK_FALSE(parse_health_message(with(many)));
}
