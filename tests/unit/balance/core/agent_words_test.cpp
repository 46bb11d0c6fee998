// SPDX-License-Identifier: Apache-2.0
#include "core/agent_words.hpp"

#include <balance/share.hpp>

#include <catch2/catch.hpp>

using namespace balance;
using namespace balance::core;

namespace {

/// The share after an agent has said these lines, one after the other; 999 when one was not understood.
std::uint16_t share_after(std::initializer_list<char const*> lines) {
    agent_state s;
    for (auto const* line : lines) {
        auto const words = parse_agent(line);
        if (!words)
            return 999;
        s.take(*words);
    }
    return s.share();
}

} // namespace

TEST_CASE("agent: each of its words") {
    using operation = agent_words::operation;
    using administration = agent_words::administration;
    CHECK(parse_agent("75%\n") == agent_words{75, {}, {}, {}});
    CHECK(parse_agent("0%") == agent_words{0, {}, {}, {}});
    CHECK(parse_agent("256%") == agent_words{256, {}, {}, {}});
    CHECK(parse_agent("up") == agent_words{{}, operation::up, {}, {}});
    for (auto const* word : {"down", "fail", "failed", "stopped"})
        CHECK(parse_agent(word) == agent_words{{}, operation::down, {}, {}});
    CHECK(parse_agent("ready") == agent_words{{}, {}, administration::ready, {}});
    CHECK(parse_agent("drain") == agent_words{{}, {}, administration::drain, {}});
    CHECK(parse_agent("maint") == agent_words{{}, {}, administration::maint, {}});
    CHECK(parse_agent("maxconn:30") == agent_words{{}, {}, {}, 30});
    CHECK(parse_agent(" up,ready\t50% ,, maxconn:0 # all is well 7%\r\ndown\n") ==
          agent_words{50, operation::up, administration::ready, 0});
}

TEST_CASE("agent: what is not understood says nothing") {
    for (auto const* line : {"", "\n", "   ", "#up", "hello", "up hello", "75", "%", "-5%", "7.5%", "99999%", "UP", "maxconn:",
                             "maxconn:x", "maxconn:99999999999", "50%%", "\xff", "HTTP/1.1 200 OK"}) {
        CAPTURE(line);
        CHECK_FALSE(parse_agent(line));
    }
    CHECK_FALSE(parse_agent(std::string(5000, ' ') + "up"));
}

TEST_CASE("agent: what it leaves out stays as it was") {
    CHECK(share_after({}) == 100);
    CHECK(share_after({"75%"}) == 75);
    CHECK(share_after({"150%"}) == 100);
    CHECK(share_after({"75%", "up"}) == 75);
    CHECK(share_after({"75%", "drain"}) == 0);
    CHECK(share_after({"75%", "drain", "50%"}) == 0);
    CHECK(share_after({"75%", "drain", "up"}) == 0);
    CHECK(share_after({"75%", "maint", "50%", "ready"}) == 50);
    CHECK(share_after({"stopped"}) == 0);
    CHECK(share_after({"fail", "ready"}) == 0);
    CHECK(share_after({"fail", "up"}) == 100);
    CHECK(share_after({"down drain", "up"}) == 0);
    CHECK(share_after({"down drain", "up ready 30%"}) == 30);
}

TEST_CASE("agent: shares of weights") {
    CHECK(shared_weight(100, 100) == 100);
    CHECK(shared_weight(100, 50) == 50);
    CHECK(shared_weight(65535, 99) == 64879);
    CHECK(shared_weight(1, 1) == 1);
    CHECK(shared_weight(0, 50) == 0);
    CHECK(shared_weight(7, 0) == 0);
    CHECK(shared_weight(100, 250) == 100);
    configuration c;
    c.services.resize(2);
    c.services[0].name = "a";
    c.services[0].servers = {{.name = "x", .address = {}, .weight = 100}, {.name = "y", .address = {}, .weight = 100}};
    c.services[1].name = "b";
    c.services[1].servers = {{.name = "x", .address = {}, .weight = 9}};
    std::vector<server_state> const states{{{"a", "y"}, health::up, admin_state::online, 30},
                                           {{"b", "x"}, health::up, admin_state::online, 100}};
    auto const lowered = with_shares(c, states);
    CHECK(lowered.services[0].servers[0].weight == 100);
    CHECK(lowered.services[0].servers[1].weight == 30);
    CHECK(lowered.services[1].servers[0].weight == 9);
    CHECK(with_shares(c, {}) == c);
}

TEST_CASE("agent: maxima of connections") {
    CHECK(agreed_maximum(0, 0) == 0);
    CHECK(agreed_maximum(0, 30) == 30);
    CHECK(agreed_maximum(200, 30) == 30);
    CHECK(agreed_maximum(20, 30) == 20);
    CHECK(agreed_maximum(20, 0) == 20);
    configuration c;
    c.services.resize(1);
    c.services[0].name = "a";
    c.services[0].servers = {{.name = "x", .address = {}, .max_connections = 50}, {.name = "y", .address = {}}};
    std::vector<server_state> const states{{{"a", "x"}, health::up, admin_state::online, 100, false, 30},
                                           {{"a", "y"}, health::up, admin_state::online, 50, false, 20}};
    auto const lowered = with_shares(c, states);
    CHECK(lowered.services[0].servers[0].max_connections == 30);
    CHECK(lowered.services[0].servers[0].weight == c.services[0].servers[0].weight);
    CHECK(lowered.services[0].servers[1].max_connections == 20);
    CHECK(lowered.services[0].servers[1].weight == 50);
    core::agent_state state;
    state.take(*core::parse_agent("maxconn:30"));
    state.take(*core::parse_agent("75%"));
    CHECK(state.most_connections() == 30);
    state.take(*core::parse_agent("maxconn:0"));
    CHECK(state.most_connections() == 0);
}
