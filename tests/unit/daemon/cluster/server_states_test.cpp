// SPDX-License-Identifier: Apache-2.0
#include "cluster/server_states.hpp"
#include "config/first_state.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using balance::admin_state;
using balance::health;
using cluster::node_id;

namespace {

balance::virtual_service service_with(std::string name, std::vector<std::string> servers) {
    balance::virtual_service s;
    s.name = std::move(name);
    for (auto& server : servers) {
        s.servers.push_back({.name = std::move(server), .address = {}});
    }
    return s;
}

} // namespace

TEST_CASE("a new server is unknown, and an unchanged one keeps its health over a new configuration") {
    dyad::server_states states;
    states.set_services({service_with("a", {"one"})}, 0);
    CHECK(states.find({"a", "one"})->state.health == health::unknown);

    CHECK(states.set_health({"a", "one"}, health::up, "200 OK", 3, 10));
    states.set_services({service_with("a", {"one", "two"})}, 20);
    CHECK(states.find({"a", "one"})->state.health == health::up);
    CHECK(states.find({"a", "one"})->changed_at_ms == 10);
    CHECK(states.find({"a", "two"})->state.health == health::unknown);
}

TEST_CASE("where nobody looks, a new server is what its check says, at once") {
    auto on = service_with("a", {"one"});
    on.check.type = balance::health_check::kind::on;
    auto off = service_with("b", {"one"});
    off.check.type = balance::health_check::kind::off;
    dyad::server_states states;
    states.set_services({on, off}, 0);
    CHECK(states.find({"a", "one"})->state.health == health::up);
    CHECK(states.find({"b", "one"})->state.health == health::down);
    CHECK_FALSE(states.set_health({"a", "one"}, health::up, "always up", 0, 5));
    CHECK(states.unusual().empty());

    on.check.type = balance::health_check::kind::connect; // keeps what is known
    states.set_services({on, off}, 10);
    CHECK(states.find({"a", "one"})->state.health == health::up);
    CHECK(states.unusual().size() == 1);
    on.check.type = balance::health_check::kind::off;
    states.set_services({on, off}, 20);
    CHECK(states.find({"a", "one"})->state.health == health::down);
    CHECK(states.find({"a", "one"})->changed_at_ms == 20);
    CHECK(states.unusual().empty());
}

TEST_CASE("the checker makes of what it is told what the cluster process knows") {
    std::vector services{service_with("a", {"one", "two"}), service_with("b", {"one", "two"}), service_with("c", {"one", "two"})};
    services[0].check.type = balance::health_check::kind::on;
    services[1].check.type = balance::health_check::kind::off;
    dyad::server_states states;
    states.set_services(services, 0);
    balance::server_key const halted{"a", "two"};
    states.set_admin({&halted, 1}, admin_state::halt, node_id::primary);
    CHECK(states.set_health({"c", "two"}, health::up, "200 OK", 1, 5));
    CHECK(states.unusual().size() == 2);

    auto heard = dyad::config::with_usual(states.unusual(), services);
    heard.push_back({{"c", "one"}, health::unknown}); // goes without saying
    std::ranges::sort(heard, {}, &balance::server_state::key);
    CHECK(heard == states.list());
}

TEST_CASE("states can be had of some services alone") {
    auto seven = service_with("b", {"one", "two"});
    seven.mode = balance::mode::tcp;
    std::vector<balance::virtual_service> const all{service_with("a", {"one"}), seven, service_with("c", {"one"})};
    dyad::server_states states;
    states.set_services(all, 0);
    auto const some = states.list(all, [](balance::virtual_service const& s) { return s.mode == balance::mode::tcp; });
    REQUIRE(some.size() == 2);
    CHECK(some[0].key == balance::server_key{"b", "one"});
    CHECK(some[1].key == balance::server_key{"b", "two"});
    CHECK(states.list(all, [](balance::virtual_service const&) { return true; }).size() == 4);
    CHECK(states.list(all, [](balance::virtual_service const&) { return false; }).empty());
}

TEST_CASE("only a change of health is reported") {
    dyad::server_states states;
    states.set_services({service_with("a", {"one"})}, 0);
    CHECK(states.set_health({"a", "one"}, health::down, "connection refused", 1, 5));
    CHECK_FALSE(states.set_health({"a", "one"}, health::down, "no answer", 2, 6));
    CHECK(states.find({"a", "one"})->reason == "no answer");
    CHECK_FALSE(states.set_health({"a", "gone"}, health::down, "late", 2, 6));
}

TEST_CASE("an operator's word outlives the server it speaks of") {
    dyad::server_states states;
    states.set_services({service_with("a", {"one"})}, 0);
    balance::server_key const key{"a", "one"};
    states.set_admin({&key, 1}, admin_state::drain, node_id::primary);
    states.set_services({}, 1);
    CHECK(states.find(key) == nullptr);
    states.set_services({service_with("a", {"one"})}, 2);
    CHECK(states.find(key)->state.admin == admin_state::drain);
}

TEST_CASE("words travel as a document, and the newest wins") {
    dyad::server_states here;
    dyad::server_states there;
    here.set_services({service_with("a", {"one", "two"})}, 0);
    there.set_services({service_with("a", {"one", "two"})}, 0);
    balance::server_key const one{"a", "one"};
    here.set_admin({&one, 1}, admin_state::halt, node_id::primary);

    CHECK(there.merge(here.document()));
    CHECK(there.find(one)->state.admin == admin_state::halt);
    CHECK_FALSE(there.merge(here.document()));

    there.set_admin({&one, 1}, admin_state::online, node_id::secondary);
    CHECK(here.merge(there.document()));
    CHECK(here.find(one)->state.admin == admin_state::online);
}

TEST_CASE("with equal stamps the greater node wins on both sides") {
    dyad::server_states a;
    dyad::server_states b;
    a.set_services({service_with("s", {"one"})}, 0);
    b.set_services({service_with("s", {"one"})}, 0);
    balance::server_key const one{"s", "one"};
    a.set_admin({&one, 1}, admin_state::drain, node_id::primary);
    b.set_admin({&one, 1}, admin_state::halt, node_id::secondary);
    auto const from_a = a.document();
    auto const from_b = b.document();
    CHECK(a.merge(from_b));
    CHECK_FALSE(b.merge(from_a));
    CHECK(a.find(one)->state.admin == admin_state::halt);
    CHECK(b.find(one)->state.admin == admin_state::halt);
}

TEST_CASE("a drained server's connections are cut when its time is over, on both nodes") {
    using namespace std::chrono_literals;
    dyad::server_states here;
    dyad::server_states there;
    for (auto* node : {&here, &there})
        node->set_services({service_with("a", {"one", "two"})}, 0);
    balance::server_key const one{"a", "one"};
    balance::server_key const two{"a", "two"};
    here.set_admin({&one, 1}, admin_state::drain, node_id::primary, 500ms);
    here.set_admin({&two, 1}, admin_state::drain, node_id::primary);
    CHECK(there.merge(here.document()));
    CHECK(here.cut_those_due(1000).empty()); // its time begins
    CHECK(there.cut_those_due(1200).empty());
    CHECK(here.cut_those_due(1499).empty());
    CHECK_FALSE(here.find(one)->state.cut);
    CHECK(here.cut_those_due(1500) == std::vector{one});
    CHECK(here.find(one)->state.cut);
    CHECK(here.find(one)->state.admin == admin_state::drain);
    CHECK_FALSE(here.find(two)->state.cut);
    CHECK(here.cut_those_due(9000).empty());
    CHECK_FALSE(there.find(one)->state.cut); // each node counts for itself
    CHECK(there.cut_those_due(1700) == std::vector{one});
    CHECK(there.find(one)->state.cut);
    CHECK_FALSE(there.merge(here.document())); // nobody said anything meanwhile
    here.set_admin({&one, 1}, admin_state::online, node_id::primary);
    CHECK_FALSE(here.find(one)->state.cut);
    here.set_admin({&one, 1}, admin_state::halt, node_id::primary, 500ms); // only drain has a time
    CHECK(here.cut_those_due(10'000).empty());
    CHECK(here.cut_those_due(20'000).empty());
}

TEST_CASE("the time to drain runs on when another word comes, and anew after a restart") {
    using namespace std::chrono_literals;
    dyad::server_states here;
    dyad::server_states there;
    for (auto* node : {&here, &there})
        node->set_services({service_with("a", {"one", "two"})}, 0);
    balance::server_key const one{"a", "one"};
    balance::server_key const two{"a", "two"};
    here.set_admin({&one, 1}, admin_state::drain, node_id::primary, 500ms);
    CHECK(here.cut_those_due(1000).empty());
    CHECK(there.merge(here.document()));
    there.set_admin({&two, 1}, admin_state::halt, node_id::secondary);
    CHECK(here.merge(there.document()));
    CHECK(here.cut_those_due(1500) == std::vector{one});
    CHECK(there.cut_those_due(50'000).empty());
    CHECK(there.cut_those_due(50'500) == std::vector{one});
}

TEST_CASE("a drain that is ordered again begins its time again, on both nodes") {
    using namespace std::chrono_literals;
    dyad::server_states here;
    dyad::server_states there;
    for (auto* node : {&here, &there})
        node->set_services({service_with("a", {"one"})}, 0);
    balance::server_key const one{"a", "one"};
    here.set_admin({&one, 1}, admin_state::drain, node_id::primary, 500ms);
    CHECK(there.merge(here.document()));
    CHECK(there.cut_those_due(1000).empty());
    here.set_admin({&one, 1}, admin_state::drain, node_id::primary, 500ms);
    CHECK(there.merge(here.document()));
    CHECK(there.cut_those_due(1400).empty());
    CHECK(there.cut_those_due(1600).empty());
    CHECK(there.cut_those_due(1900) == std::vector{one});
    here.set_admin({&one, 1}, admin_state::drain, node_id::primary, 500ms); // also after the cut
    CHECK(there.merge(here.document()));
    CHECK_FALSE(there.find(one)->state.cut);
    CHECK(there.cut_those_due(2000).empty());
}

TEST_CASE("a document that is not understood changes nothing") {
    dyad::server_states states;
    states.set_services({service_with("a", {"one"})}, 0);
    for (auto const* bytes :
         {"", "{}", "[1]", R"([{"service":"a"}])", R"([{"service":"a","server":"one","admin":"asleep"}])",
          R"([{"service":"a","server":"one","admin":"drain","cut_after_ms":-1,"since":1}])",
          R"([{"service":"a","server":"one","admin":"drain","cut_after_ms":5}])"}) {
        CHECK_FALSE(states.merge({"servers", 9, node_id::primary, bytes}));
        CHECK(states.find({"a", "one"})->state.admin == admin_state::online);
    }
}

TEST_CASE("what an agent allows is kept beside the health, and only a change of it is reported") {
    dyad::server_states states;
    states.set_services({service_with("a", {"one"})}, 0);
    CHECK(states.find({"a", "one"})->state.share == 100);
    CHECK(states.set_health({"a", "one"}, health::up, "200 OK", 1, 5));
    CHECK(states.set_agent({"a", "one"}, {40, "agent says 40%"}));
    CHECK_FALSE(states.set_agent({"a", "one"}, {40, "agent says 40% # busy"}));
    CHECK(states.find({"a", "one"})->agent == "agent says 40% # busy");
    CHECK(states.list().at(0).share == 40);
    CHECK(states.list().at(0).usable({}));
    CHECK(states.set_agent({"a", "one"}, {0, "drain"}));
    CHECK_FALSE(states.list().at(0).usable({}));
    CHECK_FALSE(states.set_agent({"a", "two"}, {0, "drain"}));
    CHECK(states.set_agent({"a", "one"}, {0, "drain maxconn:30", 30}));
    CHECK(states.list().at(0).most_connections == 30);
    CHECK_FALSE(states.set_agent({"a", "one"}, {0, "drain maxconn:30", 30}));
    states.set_services({service_with("a", {"one"}), service_with("b", {})}, 20);
    CHECK(states.find({"a", "one"})->state.share == 0);
}
