// SPDX-License-Identifier: Apache-2.0
#include "firewall/chain_rules.hpp"
#include "firewall/table_switch.hpp"

#include <catch2/catch.hpp>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cstring>
#include <fstream>
#include <sstream>

using namespace balance;
using boost::asio::ip::make_address;
using firewall::chain_rules;
using firewall::chain_table;
using side = daisy_chain::side;

namespace {

daisy_chain::settings both_families() {
    return {{{make_address("192.0.2.1"), 80},
             {make_address("192.0.2.1"), 81},
             {make_address("192.0.2.1"), 443},
             {make_address("192.0.2.2"), 104},
             {make_address("2001:db8::1"), 80}},
            make_address("198.51.100.2"),
            make_address("2001:db8:1::2"),
            std::chrono::seconds(45)};
}

constexpr int new_table = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE;
constexpr int flush = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELSETELEM;

/// Calls `use(header, message)` for each message; all have the sequence number 7.
template <class Use>
void each(std::vector<std::byte> const& bytes, Use use) {
    for (std::size_t at = 0; at < bytes.size();) {
        nlmsghdr head{};
        REQUIRE(at + sizeof head <= bytes.size());
        std::memcpy(&head, bytes.data() + at, sizeof head);
        REQUIRE(head.nlmsg_len >= sizeof head + sizeof(nfgenmsg));
        REQUIRE(at + head.nlmsg_len <= bytes.size());
        CHECK(head.nlmsg_seq == 7);
        use(head, bytes.data() + at);
        at += NLMSG_ALIGN(head.nlmsg_len);
    }
}

std::vector<int> kinds(std::vector<std::byte> const& bytes) {
    std::vector<int> out;
    each(bytes, [&out](nlmsghdr const& head, auto const*) { out.push_back(head.nlmsg_type); });
    return out;
}

/// What is said of each table in a switch: its name, and whether it is to sleep.
std::vector<std::pair<std::string, bool>> said(std::vector<std::byte> const& bytes) {
    std::vector<std::pair<std::string, bool>> out;
    each(bytes, [&out](nlmsghdr const& head, std::byte const* message) {
        if (head.nlmsg_type != new_table) {
            return;
        }
        nfgenmsg family{};
        std::memcpy(&family, message + sizeof head, sizeof family);
        auto const* const name = reinterpret_cast<char const*>(message + sizeof head + sizeof family + sizeof(nlattr));
        out.emplace_back((family.nfgen_family == 2 ? "ip " : "ip6 ") + std::string(name),
                         message[head.nlmsg_len - 1] == std::byte{NFT_TABLE_F_DORMANT});
    });
    return out;
}

} // namespace

TEST_CASE("daisy chain: the tables are what nft prints of them") {
    std::ifstream file(std::string(DYAD_SOURCE_DIR) + "/tests/golden/firewall/chain.nft");
    REQUIRE(file);
    std::ostringstream golden;
    golden << file.rdbuf();
    auto const text = chain_rules(both_families(), side::taken);
    auto const first = text.find(" {\n");
    CHECK(text.substr(text.rfind("\n", first) + 1) == golden.str());
}

TEST_CASE("daisy chain: all four tables are made anew, whether they are needed or not") {
    auto s = both_families();
    s.v4.reset();
    s.v6.reset();
    auto const text = chain_rules(s, side::none);
    CHECK(text == "table ip dyad_taken\ndelete table ip dyad_taken\ntable ip6 dyad_taken\ndelete table ip6 dyad_taken\n"
                  "table ip dyad_given\ndelete table ip dyad_given\ntable ip6 dyad_given\ndelete table ip6 dyad_given\n");
}

TEST_CASE("daisy chain: a family needs services and a way to the other node") {
    auto s = both_families();
    CHECK(firewall::tables_of(s).size() == 4);
    s.v6.reset();
    CHECK(firewall::tables_of(s) == std::vector<chain_table>{{side::taken, false}, {side::given, false}});
    s.endpoints = {{make_address("2001:db8::1"), 80}};
    CHECK(firewall::tables_of(s).empty());
    CHECK(firewall::tables_of({}).empty());
}

TEST_CASE("daisy chain: only the tables of one side are awake") {
    auto const s = both_families();
    auto const asleep = [&s](side awake) {
        auto const text = chain_rules(s, awake);
        std::size_t count = 0;
        for (auto at = text.find("dormant"); at != std::string::npos; at = text.find("dormant", at + 1)) {
            ++count;
        }
        return count;
    };
    CHECK(asleep(side::none) == 4);
    CHECK(asleep(side::taken) == 2);
    CHECK(asleep(side::given) == 2);
}

TEST_CASE("daisy chain: a switch names each table once, in one transaction") {
    auto const tables = firewall::tables_of(both_families());
    using list = std::vector<std::pair<std::string, bool>>;
    CHECK(said(firewall::encode_switch(tables, side::given, 7)) == list{{"ip dyad_taken", true},
                                                                       {"ip6 dyad_taken", true},
                                                                       {"ip dyad_given", false},
                                                                       {"ip6 dyad_given", false}});
    CHECK(said(firewall::encode_switch(tables, side::none, 7)).size() == 4);
    CHECK(said(firewall::encode_switch({}, side::taken, 7)).empty());
    CHECK(kinds(firewall::encode_switch(tables, side::given, 7)) ==
          std::vector<int>{NFNL_MSG_BATCH_BEGIN, new_table, new_table, new_table, new_table, NFNL_MSG_BATCH_END});
    CHECK(firewall::acknowledged(tables, side::given) == 4);
}

TEST_CASE("daisy chain: a node that takes again forgets what began when it had the addresses before") {
    auto const tables = firewall::tables_of(both_families());
    CHECK(kinds(firewall::encode_switch(tables, side::taken, 7)) ==
          std::vector<int>{NFNL_MSG_BATCH_BEGIN, flush, new_table, flush, new_table, new_table, new_table, NFNL_MSG_BATCH_END});
    CHECK(firewall::acknowledged(tables, side::taken) == 6);
}
