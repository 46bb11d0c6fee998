// SPDX-License-Identifier: Apache-2.0
#include "cluster/notifications.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace dyad;
using cluster::node_id;
using cluster::node_state;

namespace {

notifications notifications_of(std::string const& on_state, std::string const& on_address) {
    config::node_config self;
    self.name = "lb1";
    self.notify.on_state = on_state;
    self.notify.on_address = on_address;
    return notifications(self);
}

notifications::standing standing_of(node_state s, std::uint64_t epoch) {
    return {.state = s, .epoch = {epoch, node_id::primary}, .term = 2};
}

std::vector<cluster::floating_address> const two_addresses{{boost::asio::ip::make_address("192.0.2.10"), "eth0"},
                                                     {boost::asio::ip::make_address("2001:db8::10"), "eth1"}};

std::string environment_of(balance::change_hooks::call const& c, std::string const& name) {
    auto const it = std::find_if(c.environment.begin(), c.environment.end(), [&](auto const& e) { return e.first == name; });
    return it == c.environment.end() ? "(absent)" : it->second;
}

} // namespace

TEST_CASE("a change of state is told with what was before, the epoch, the reason and the addresses", "[notify]") {
    auto n = notifications_of("/x/state.sh", "");
    auto const call = n.stands(standing_of(node_state::active, 7), "the peer is silent", two_addresses);
    REQUIRE(call);
    CHECK(call->command == "/x/state.sh");
    CHECK(call->arguments == std::vector<std::string>{"active", "unknown", "7"});
    CHECK(environment_of(*call, "DYAD_NODE") == "lb1");
    CHECK(environment_of(*call, "DYAD_STATE") == "active");
    CHECK(environment_of(*call, "DYAD_STATE_BEFORE") == "unknown");
    CHECK(environment_of(*call, "DYAD_EPOCH") == "7");
    CHECK(environment_of(*call, "DYAD_TERM") == "2");
    CHECK(environment_of(*call, "DYAD_REASON") == "the peer is silent");
    CHECK(environment_of(*call, "DYAD_ADDRESSES") == "192.0.2.10 2001:db8::10");
}

TEST_CASE("what passes while addresses are on their way is not told, nor what was told already", "[notify]") {
    auto n = notifications_of("/x", "");
    std::vector<std::string> told;
    for (auto const s : {node_state::listening, node_state::passive, node_state::acquiring, node_state::releasing,
                         node_state::passive, node_state::acquiring, node_state::active, node_state::releasing,
                         node_state::passive, node_state::stopped}) {
        if (auto const call = n.stands(standing_of(s, 1), "", {})) {
            told.push_back(call->arguments[1] + ">" + call->arguments[0]);
        }
    }
    CHECK(told == std::vector<std::string>{"unknown>listening", "listening>passive", "passive>active", "active>passive",
                                           "passive>stopped"});
}

TEST_CASE("the reason is that of the move, not that it is over", "[notify]") {
    auto n = notifications_of("/x", "");
    CHECK_FALSE(n.stands(standing_of(node_state::acquiring, 2), "the peer is silent", {}));
    CHECK(environment_of(*n.stands(standing_of(node_state::active, 2), "the addresses are on", {}), "DYAD_REASON") == "the peer is silent");
    CHECK_FALSE(n.stands(standing_of(node_state::releasing, 2), "an operator asked", {}));
    CHECK(environment_of(*n.stands(standing_of(node_state::passive, 2), "the addresses are off", {}), "DYAD_REASON") == "an operator asked");
    CHECK(environment_of(*n.stands(standing_of(node_state::stopped, 2), "this node was stopped", {}), "DYAD_REASON") == "this node was stopped");
}

TEST_CASE("a passive node that must not or cannot serve is told apart", "[notify]") {
    auto n = notifications_of("/x", "");
    auto now = standing_of(node_state::passive, 3);
    CHECK(n.stands(now, "", {})->arguments[0] == "passive");
    now.fault = "no carrier";
    auto const fault = n.stands(now, "something else", {});
    REQUIRE(fault);
    CHECK(fault->arguments[0] == "fault");
    CHECK(environment_of(*fault, "DYAD_REASON") == "no carrier");
    now.maintenance = true; // is meant, so it counts more
    CHECK(n.stands(now, "", {})->arguments[0] == "maintenance");
    CHECK_FALSE(n.stands(now, "", {}));
    now = standing_of(node_state::passive, 3);
    CHECK(n.stands(now, "again", {})->arguments == std::vector<std::string>{"passive", "maintenance", "3"});
}

TEST_CASE("addresses that came are told once, in one call", "[notify]") {
    auto n = notifications_of("", "/x/address.sh");
    auto const both = n.holds(two_addresses, {4, node_id::primary});
    REQUIRE(both);
    CHECK(both->command == "/x/address.sh");
    CHECK(both->arguments == std::vector<std::string>{"192.0.2.10", "2001:db8::10"});
    CHECK(environment_of(*both, "DYAD_INTERFACES") == "eth0 eth1");
    CHECK(environment_of(*both, "DYAD_EPOCH") == "4");
    CHECK_FALSE(n.holds(two_addresses, {4, node_id::primary}));
    CHECK_FALSE(n.holds({two_addresses[1]}, {4, node_id::primary}));
    CHECK(n.holds(two_addresses, {4, node_id::primary})->arguments == std::vector<std::string>{"192.0.2.10"});
    CHECK_FALSE(n.holds({}, {4, node_id::primary}));
    CHECK(n.holds(two_addresses, {6, node_id::primary})->arguments.size() == 2);
}

TEST_CASE("nothing is called that was not asked for", "[notify]") {
    auto n = notifications_of("", "");
    CHECK_FALSE(n.stands(standing_of(node_state::active, 7), "", two_addresses));
    CHECK_FALSE(n.holds(two_addresses, {7, node_id::primary}));
}
