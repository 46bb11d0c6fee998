// SPDX-License-Identifier: Apache-2.0
#include "firewall/ruleset.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

using namespace balance;
using boost::asio::ip::make_address;
using ipvs::mark_rule;

namespace {

std::string golden(std::string const& name) {
    std::ifstream file(std::string(DYAD_SOURCE_DIR) + "/tests/golden/firewall/" + name);
    REQUIRE(file);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

std::string only_rule(mark_rule r) {
    auto const text = firewall::ruleset({{std::move(r)}, {}, {}, {}, {}, {}, {}});
    auto const start = text.find("\t\tip");
    return text.substr(start + 2, text.find('\n', start) - start - 2);
}

} // namespace

TEST_CASE("the table is what nft prints of it") {
    ipvs::packet_rules const rules{
        {{"pacs", make_address("192.0.2.1"), protocol::tcp, {{80, 80}, {443, 443}, {4100, 4110}}, 0x0d1a0000},
         {"all but one", make_address("192.0.2.2"), protocol::tcp, {{1, 19999}, {20001, 65535}}, 999999},
         {"every port", make_address("192.0.2.3"), protocol::udp, {{1, 65535}}, 0x0d1a0002},
         {"both", make_address("2001:db8::1"), protocol::tcp_udp, {{53, 53}}, 0x0d1a0003},
         {"both ranges", make_address("2001:db8::2"), protocol::tcp_udp, {{53, 53}, {5000, 5010}}, 0x0d1a0004},
         {"diameter", make_address("192.0.2.4"), protocol::sctp, {{3868, 3868}}, 0x0d1a0005}},
        {{"all but one", 999999, {}, protocol::tcp, 0, make_address("198.51.100.100")},
         {"by address", 0, make_address("192.0.2.5"), protocol::tcp, 80, make_address("192.0.2.5")},
         {"by address 6", 0, make_address("2001:db8::5"), protocol::udp, 53, make_address("2001:db8::5")}},
        {"eth1", {make_address("10.0.0.1"), make_address("10.0.0.2"), make_address("fd00::1")}},
        {{"page", make_address("192.0.2.6"), {{80, 80}, {443, 443}}, 9081}, {"page 6", make_address("2001:db8::6"), {{80, 80}}, 9081}},
        {{"pacs", make_address("192.0.2.1"), {{80, 80}, {443, 443}}}, {"by address 6", make_address("2001:db8::5"), {{53, 53}}}},
        {{"pacs", make_address("10.0.0.1"), {{11104, 11104}}},
         {"by address", make_address("10.0.0.2"), {{80, 80}}, make_address("192.0.2.5")}},
        "dyad-sync",
        {{"seen", make_address("10.0.0.3"), {{80, 80}, {8080, 8090}}}, {"seen 6", make_address("fd00::3"), {{443, 443}}}}};
    CHECK(firewall::ruleset(rules) == golden("rules.nft"));
}

TEST_CASE("chains that would be empty are left out") {
    ipvs::packet_rules rules;
    rules.masquerade = {"eth1", {make_address("10.0.0.1")}};
    CHECK(firewall::ruleset(rules) ==
          "table inet dyad {\n\tchain postrouting {\n\t\ttype nat hook postrouting priority 100; policy accept;\n"
          "\t\toifname \"eth1\" ip saddr 10.0.0.1 masquerade\n\t}\n}\n");
}

TEST_CASE("neighbouring ports are one range, as nft would make of them") {
    CHECK(only_rule({"a", make_address("192.0.2.1"), protocol::tcp, {{80, 80}, {81, 90}, {91, 91}}, 7}) ==
          "ip daddr 192.0.2.1 tcp dport 80-91 meta mark set 0x00000007 comment \"a\"");
}

TEST_CASE("a name with anything that could end a string is left out") {
    for (auto const* name : {"a\"; flush ruleset; #", "a\\", "a\nb", "", "caf\xc3\xa9"}) {
        CHECK(only_rule({name, make_address("192.0.2.1"), protocol::tcp, {{80, 80}}, 7}) ==
              "ip daddr 192.0.2.1 tcp dport 80 meta mark set 0x00000007");
    }
    CHECK(only_rule({std::string(128, 'x'), make_address("192.0.2.1"), protocol::tcp, {{80, 80}}, 7}).find("comment") ==
          std::string::npos);
}
