// SPDX-License-Identifier: Apache-2.0
#include "firewall/sysctl.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

using namespace balance;
using namespace balance::firewall;
using boost::asio::ip::make_address;

namespace {

ipvs::desired_table with_server(ipvs::forwarding method, char const* where) {
    ipvs::desired_table out;
    out.services = {{"web", {}, {{"A", {{make_address(where), 80}, method, 100, 0, 0}, {}}}}};
    return out;
}

std::vector<std::string> names(std::vector<sysctl> const& list) {
    std::vector<std::string> out;
    for (auto const& s : list) {
        out.push_back(s.name + "=" + s.value);
    }
    return out;
}

std::vector<std::string> const always{"net.ipv4.vs.expire_nodest_conn=1", "net.ipv4.vs.expire_quiescent_template=1",
                                      "net.ipv4.vs.sloppy_tcp=1", "net.ipv4.vs.backup_only=0"};

std::vector<std::string> always_and(std::vector<std::string> const& more) {
    auto out = always;
    out.insert(out.end(), more.begin(), more.end());
    return out;
}

std::vector<interface_network> const networks{{"eth0", make_address("192.0.2.10"), 24},
                                              {"eth1.7", make_address("198.51.100.10"), 24}};

} // namespace

TEST_CASE("settings are those that the modes in use need") {
    using ipvs::forwarding;
    CHECK(needed_sysctls({}, networks).empty());
    CHECK(names(needed_sysctls(with_server(forwarding::direct, "198.51.100.1"), networks)) == always);
    CHECK(names(needed_sysctls(with_server(forwarding::masquerade, "203.0.113.1"), networks)) ==
          always_and({"net.ipv4.vs.nat_icmp_send=1", "net.ipv4.ip_forward=1"}));
    CHECK(names(needed_sysctls(with_server(forwarding::masquerade, "198.51.100.1"), networks)) ==
          always_and({"net.ipv4.vs.nat_icmp_send=1", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0",
                      "net.ipv4.conf.eth1/7.send_redirects=0"}));
    CHECK(names(needed_sysctls(with_server(forwarding::masquerade, "2001:db8::1"), networks)) ==
          always_and({"net.ipv4.vs.nat_icmp_send=1", "net.ipv6.conf.all.forwarding=1"}));
}

TEST_CASE("clients leave servers of weight 0, or stay") {
    auto table = with_server(ipvs::forwarding::direct, "198.51.100.1");
    table.clients_stay = true;
    auto const list = names(needed_sysctls(table, networks));
    CHECK(std::find(list.begin(), list.end(), "net.ipv4.vs.expire_quiescent_template=0") != list.end());
}

TEST_CASE("unknown connections get no server while they are held") {
    auto const list = names(needed_sysctls(with_server(ipvs::forwarding::direct, "198.51.100.1"), networks, true));
    CHECK(std::find(list.begin(), list.end(), "net.ipv4.vs.sloppy_tcp=0") != list.end());
}

TEST_CASE("translating a source needs connection tracking of what is balanced") {
    auto table = with_server(ipvs::forwarding::masquerade, "203.0.113.1");
    table.rules.sources = {{"db", 7, {}, protocol::tcp, 0, make_address("192.0.2.1")}};
    CHECK(names(needed_sysctls(table, networks)) ==
          always_and({"net.ipv4.vs.conntrack=1", "net.ipv4.vs.nat_icmp_send=1", "net.ipv4.ip_forward=1"}));
}

TEST_CASE("only what differs is written, and what the kernel lacks is passed over") {
    test::temporary_directory const root;
    std::filesystem::create_directories(root.path() / "net/ipv4/conf/eth1.7");
    std::ofstream(root.path() / "net/ipv4/ip_forward") << "0\n";
    std::ofstream(root.path() / "net/ipv4/conf/eth1.7/send_redirects") << "1\n";
    std::vector<sysctl> const wanted{{"net.ipv4.ip_forward", "1", {}},
                                     {"net.ipv4.conf.eth1/7.send_redirects", "0", {}},
                                     {"net.ipv4.vs.sloppy_tcp", "1", {}}};
    sysctl_writer w(root.path());
    CHECK(w.apply(wanted).done == std::vector<std::string>{"sysctl net.ipv4.ip_forward 0 -> 1",
                                                           "sysctl net.ipv4.conf.eth1/7.send_redirects 1 -> 0"});
    auto const again = w.apply(wanted);
    CHECK(again.done.empty());
    CHECK(again.failed.empty());
    CHECK_FALSE(std::filesystem::exists(root.path() / "net/ipv4/vs/sloppy_tcp"));
}

TEST_CASE("what was set is given back, unless somebody else has set it since") {
    test::temporary_directory const root;
    std::filesystem::create_directories(root.path() / "net/ipv4/vs");
    auto const forward = root.path() / "net/ipv4/ip_forward";
    auto const sloppy = root.path() / "net/ipv4/vs/sloppy_tcp";
    auto const conntrack = root.path() / "net/ipv4/vs/conntrack";
    for (auto const& file : {forward, sloppy, conntrack}) {
        std::ofstream(file) << "0\n";
    }
    auto const value_of = [](std::filesystem::path const& file) {
        std::string out;
        std::getline(std::ifstream(file), out);
        return out;
    };
    sysctl_writer w(root.path());
    w.apply(
        {{"net.ipv4.ip_forward", "1", {}}, {"net.ipv4.vs.sloppy_tcp", "2", {}}, {"net.ipv4.vs.conntrack", "1", {}}});
    w.apply({{"net.ipv4.vs.sloppy_tcp", "1", {}}});
    std::ofstream(conntrack) << "7\n";
    w.reset();
    CHECK(value_of(forward) == "0");
    CHECK(value_of(sloppy) == "0"); // as before the first time
    CHECK(value_of(conntrack) == "7");
    std::ofstream(forward) << "1\n";
    w.reset(); // knows of nothing any more
    CHECK(value_of(forward) == "1");
}

TEST_CASE("a setting that cannot be written is said once, and what it stops every time") {
    test::temporary_directory const root;
    std::filesystem::create_directories(root.path() / "net/ipv4");
    std::filesystem::create_symlink("/proc/version", root.path() / "net/ipv4/ip_forward"); // readable, never writable
    sysctl_writer w(root.path());
    std::vector<sysctl> const wanted{{"net.ipv4.ip_forward", "1", "for replies", "replies are not forwarded"}};
    auto const first = w.apply(wanted);
    REQUIRE(first.failed.size() == 1);
    CHECK(first.failed[0].find("sysctl -w net.ipv4.ip_forward=1") != std::string::npos);
    CHECK(first.unserved.starts_with("replies are not forwarded: "));
    auto const second = w.apply(wanted);
    CHECK(second.failed.empty());
    CHECK(second.unserved == first.unserved);
}
