// SPDX-License-Identifier: Apache-2.0
#include "guardian/last_will.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace dyad;

namespace {

struct witness {
    last_will will{[this](auto const& addresses) -> balance::result<> {
                       seen.push_back("off " + addresses.at(0).address.to_string());
                       if (broken) {
                           return balance::make_error(balance::errc::io_error, "netlink is broken");
                       }
                       return {};
                   },
                   [this](auto const& datagrams) -> balance::result<> {
                       seen.push_back("goodbye " + std::to_string(datagrams.size()));
                       return {};
                   }};
    std::vector<std::string> seen;
    bool broken = false;
};

cluster::floating_address const vip{boost::asio::ip::make_address("192.0.2.1"), "eth0"};

} // namespace

TEST_CASE("addresses go first, then the goodbye is said, once") {
    witness w;
    w.will.set_addresses({vip});
    w.will.set_goodbyes({{}, {}});
    w.will.execute();
    w.will.execute();
    CHECK(w.seen == std::vector<std::string>{"off 192.0.2.1", "goodbye 2", "off 192.0.2.1"});
}

TEST_CASE("no goodbye while an address may still be there") {
    witness w;
    w.broken = true;
    w.will.set_addresses({vip});
    w.will.set_goodbyes({{}});
    w.will.execute();
    CHECK(w.seen == std::vector<std::string>{"off 192.0.2.1"});
}

TEST_CASE("a dying process loses its addresses before its goodbye is due") {
    witness w;
    w.will.set_addresses({vip});
    w.will.set_goodbyes({{}});
    CHECK(w.will.take_addresses_off());
    CHECK(w.seen == std::vector<std::string>{"off 192.0.2.1"});
}

TEST_CASE("who had no address says goodbye all the same") {
    witness w;
    w.will.set_goodbyes({{}});
    w.will.execute();
    CHECK(w.seen == std::vector<std::string>{"goodbye 1"});
}
