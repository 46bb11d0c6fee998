// SPDX-License-Identifier: Apache-2.0
// The packet rules behind a planned move, in the kernel.
#include "../cluster/namespace.hpp"

#include <balance/daisy_chain.hpp>

#include <catch2/catch.hpp>

#include <chrono>

using balance::daisy_chain;
using boost::asio::ip::make_address;
using lab::network_namespace;
using side = daisy_chain::side;
using namespace std::chrono_literals;

namespace {

daisy_chain::settings two_families() {
    return {{{make_address("192.0.2.1"), 80}, {make_address("2001:db8::1"), 80}},
            make_address("198.51.100.2"),
            make_address("2001:db8:1::2"),
            30s};
}

std::string tables(network_namespace const& n) { return n.output("nft list tables"); }

/// Of "ip dyad_taken" and the like: do its rules see packets?
bool is_awake(network_namespace const& n, std::string const& table) {
    return n.output("nft list table " + table).find("dormant") == std::string::npos;
}

void put_back(network_namespace const& n, daisy_chain& chain, std::string const& damage) {
    CAPTURE(damage);
    n.inside([&] { CHECK(chain.prepare(two_families()).value() == false); });
    n.sh(damage);
    n.inside([&] {
        CHECK(chain.prepare(two_families()).value());
        CHECK(chain.prepare(two_families()).value() == false);
    });
}

} // namespace

TEST_CASE("daisy chain: rules are loaded asleep, woken by side, and gone in the end") {
    network_namespace n;
    n.inside([&] {
        daisy_chain chain;
        REQUIRE(chain.prepare(two_families()).has_value());
        for (auto const* table : {"ip dyad_taken", "ip6 dyad_taken", "ip dyad_given", "ip6 dyad_given"})
            CHECK_FALSE(is_awake(n, table));
        CHECK(chain.wake(side::taken).has_value());
        CHECK((is_awake(n, "ip dyad_taken") && is_awake(n, "ip6 dyad_taken")));
        CHECK_FALSE(is_awake(n, "ip dyad_given"));
        CHECK(chain.wake(side::given).has_value());
        CHECK_FALSE(is_awake(n, "ip dyad_taken"));
        CHECK((is_awake(n, "ip dyad_given") && is_awake(n, "ip6 dyad_given")));
        CHECK(n.output("ip rule").find("fwmark 0xd1affff lookup 6694") != std::string::npos);
        CHECK(n.output("ip -6 rule").find("fwmark 0xd1affff lookup 6694") != std::string::npos);
        CHECK(n.output("ip route show table 6694").find("local default dev lo") != std::string::npos);
    });
    CHECK(tables(n).empty());
    CHECK(n.output("ip rule").find("6694") == std::string::npos);
    CHECK(n.output("ip -6 rule").find("6694") == std::string::npos);
    CHECK(n.output("ip route show table all").find("table 6694") == std::string::npos);
}

TEST_CASE("daisy chain: a rest that is due for an earlier move does not end a later one") {
    network_namespace n;
    n.inside([&] {
        daisy_chain chain;
        REQUIRE(chain.prepare(two_families()).has_value());
        CHECK(chain.wake(side::given).has_value());
        CHECK(chain.rest(1h).has_value());
        CHECK(is_awake(n, "ip dyad_given"));
        CHECK(chain.rest().has_value());
        CHECK_FALSE(is_awake(n, "ip dyad_given"));
    });
}

TEST_CASE("daisy chain: other settings are loaded in the state that was chosen") {
    network_namespace n;
    n.inside([&] {
        daisy_chain chain;
        CHECK(chain.wake(side::taken).has_value()); // nothing is loaded yet
        REQUIRE(chain.prepare(two_families()).value() == false);
        CHECK(is_awake(n, "ip dyad_taken"));
        auto other = two_families();
        other.v6.reset();
        other.grace = 7s;
        REQUIRE(chain.prepare(other).value() == false);
        CHECK(is_awake(n, "ip dyad_taken"));
        CHECK(n.output("nft list table ip dyad_taken").find("timeout 7s") != std::string::npos);
        CHECK(tables(n).find("ip6") == std::string::npos);
        REQUIRE(chain.prepare({}).has_value());
        CHECK(tables(n).empty());
        CHECK(n.output("ip rule").find("6694") == std::string::npos);
    });
}

TEST_CASE("daisy chain: a node that takes again has forgotten what began before") {
    network_namespace n;
    n.inside([&] {
        daisy_chain chain;
        REQUIRE(chain.prepare(two_families()).has_value());
        CHECK(chain.wake(side::taken).has_value());
        n.sh("nft add element ip dyad_taken begun '{ 192.0.2.9 . 1 . 192.0.2.1 . 80 }'");
        CHECK(chain.wake(side::given).has_value());
        CHECK(n.output("nft list set ip dyad_taken begun").find("192.0.2.9") != std::string::npos);
        CHECK(chain.wake(side::taken).has_value());
        CHECK(n.output("nft list set ip dyad_taken begun").find("192.0.2.9") == std::string::npos);
    });
}

TEST_CASE("daisy chain: what somebody removes is put back") {
    network_namespace n;
    n.inside([&] {
        daisy_chain chain;
        REQUIRE(chain.prepare(two_families()).has_value());
        CHECK(chain.wake(side::given).has_value());
        put_back(n, chain, "nft flush ruleset");
        CHECK(is_awake(n, "ip dyad_given"));
        put_back(n, chain, "nft delete chain ip6 dyad_given answering");
        put_back(n, chain, "ip rule del pref 6694");
        put_back(n, chain, "ip -6 route flush table 6694");
    });
}

TEST_CASE("daisy chain: what a process that was killed left behind goes at the next start, whatever its settings") {
    network_namespace n;
    n.sh("nft add table ip dyad_given && nft add table ip6 dyad_taken && nft add table inet dyad");
    n.sh("ip rule add fwmark 0xd1affff/0xffffffff lookup 6694 pref 6694 && ip route add local default dev lo table 6694");
    n.inside([&] {
        daisy_chain chain;
        CHECK(chain.prepare({}).value() == false);
    });
    CHECK(tables(n) == "table inet dyad\n");
    CHECK(n.output("ip rule").find("6694") == std::string::npos);
}

TEST_CASE("daisy chain: when the rules cannot be written the reason is said, and the next time tries again") {
    network_namespace n;
    n.inside([&] {
        daisy_chain chain;
        auto wrong = two_families();
        wrong.grace = std::chrono::seconds(-1);
        auto const refused = chain.prepare(wrong);
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().detail.find("nft") != std::string::npos);
        CHECK(chain.prepare(two_families()).has_value());
        CHECK(tables(n).find("ip dyad_given") != std::string::npos);
        CHECK_FALSE(chain.prepare(wrong).has_value()); // those that are there stay in reach
        CHECK(chain.wake(side::given).has_value());
        CHECK(is_awake(n, "ip dyad_given"));
        CHECK(chain.rest().has_value());
        CHECK_FALSE(is_awake(n, "ip dyad_given"));
    });
    CHECK(tables(n).empty());
}
