// SPDX-License-Identifier: Apache-2.0
// Every service of conf/*.toml, field by field, against the facts in tests/data/services.json.
#include "support/slurp.hpp"

#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include <config/config.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace json = boost::json;
using namespace dyad::config;
using namespace std::chrono_literals;

namespace {

outcome<cluster_config> load(std::string const& deployment) {
    return parse_cluster(test::slurp("conf/" + deployment + ".toml"), deployment + ".toml", {});
}

std::string text(json::value const& v) { return std::string(v.as_string()); }

template <class T>
T number(json::value const& v, T absent) {
    return v.is_null() ? absent : json::value_to<T>(v);
}

std::vector<balance::port_range> ports(json::value const& list) {
    std::vector<balance::port_range> out;
    for (auto const& p : list.as_array()) {
        out.push_back({json::value_to<std::uint16_t>(p), json::value_to<std::uint16_t>(p)});
    }
    return out;
}

balance::health_check check_of(json::object const& fact) {
    balance::health_check out;
    out.type = balance::parse_check(text(fact.at("type"))).value();
    out.port = number<std::uint16_t>(fact.at("port"), 0);
    if (auto const* e = fact.if_contains("expect")) {
        out.method = text(fact.at("method"));
        out.request = text(fact.at("request"));
        if (auto const* equals = e->as_object().if_contains("equals")) {
            out.expect.equals = text(*equals);
        } else {
            out.expect.contains = text(e->as_object().at("contains"));
        }
    }
    // What the facts leave open is our default, and the same in all four files.
    out.interval = 4s;
    out.timeout = 5s;
    if (auto const* ms = fact.if_contains("interval_ms")) {
        out.interval = std::chrono::milliseconds(json::value_to<int>(*ms));
        out.rise = json::value_to<std::uint16_t>(fact.at("rise"));
        out.fall = json::value_to<std::uint16_t>(fact.at("fall"));
    }
    return out;
}

balance::fallback fallback_of(json::object const& fact, balance::mode mode) {
    // Appliances answer with their own page unless that is switched off; direct routing cannot reach its port.
    bool const off = fact.at("fallback_disabled").as_bool() || mode == balance::mode::dr;
    return {off ? balance::fallback::kind::disabled : balance::fallback::kind::local, {}};
}

balance::virtual_service service_of(json::object const& fact) {
    balance::virtual_service out;
    out.name = text(fact.at("name"));
    out.mode = balance::parse_mode(text(fact.at("mode"))).value();
    out.address = balance::parse_address(text(fact.at("address"))).value();
    out.ports = ports(fact.at("ports"));
    out.except_ports = ports(fact.at("except_ports"));
    out.protocol = balance::parse_protocol(text(fact.at("protocol"))).value();
    out.firewall_mark = json::value_to<std::uint32_t>(fact.at("firewall_mark"));
    if (!fact.at("snat_source").is_null()) {
        out.snat_source = balance::parse_address(text(fact.at("snat_source"))).value();
    }
    out.balance = text(fact.at("balance"));
    auto const& p = fact.at("persistence").as_object();
    out.persistence.mode = balance::parse_persistence(text(p.at("mode"))).value();
    out.persistence.timeout = std::chrono::seconds(number(p.at("timeout_seconds"), 300));
    if (!p.at("granularity").is_null()) {
        out.persistence.granularity = json::value_to<std::uint8_t>(p.at("granularity"));
    }
    out.check = check_of(fact.at("check").as_object());
    if (auto const& tls = fact.at("tls"); !tls.is_null()) {
        auto const port = json::value_to<std::uint16_t>(tls.at("port"));
        out.tls = balance::tls_termination{{{port, port}}, {text(tls.at("certificate"))}};
    }
    out.re_encrypt = fact.at("re_encrypt").as_bool();
    out.fallback = fallback_of(fact, out.mode);
    if (auto const* ms = fact.if_contains("slow_start_ms")) {
        out.slow_start = std::chrono::milliseconds(json::value_to<int>(*ms));
    }
    for (auto const& s : fact.at("servers").as_array()) {
        out.servers.push_back({text(s.at("name")), balance::parse_address(text(s.at("address"))).value(),
                               number<std::uint16_t>(s.at("port"), 0), json::value_to<std::uint16_t>(s.at("weight")),
                               json::value_to<std::uint32_t>(s.at("min_connections")),
                               json::value_to<std::uint32_t>(s.at("max_connections"))});
    }
    return out;
}

/// Field by field, so that a failure names the field.
void compare(balance::virtual_service const& got, balance::virtual_service const& want) {
    CAPTURE(want.name);
    CHECK(got.name == want.name);
    CHECK(to_string(got.mode) == to_string(want.mode));
    CHECK(got.address == want.address);
    CHECK(got.network == want.network);
    CHECK(got.ports == want.ports);
    CHECK(got.except_ports == want.except_ports);
    CHECK(got.protocol == want.protocol);
    CHECK(got.firewall_mark == want.firewall_mark);
    CHECK(got.snat_source == want.snat_source);
    CHECK(got.balance == want.balance);
    CHECK(got.persistence == want.persistence);
    CHECK(got.check.type == want.check.type);
    CHECK(got.check.port == want.check.port);
    CHECK(got.check.request == want.check.request);
    CHECK(got.check.method == want.check.method);
    CHECK(got.check.expect == want.check.expect);
    CHECK(got.check.interval == want.check.interval);
    CHECK(got.check.timeout == want.check.timeout);
    CHECK(got.check.rise == want.check.rise);
    CHECK(got.check.fall == want.check.fall);
    CHECK(got.check == want.check);
    CHECK(got.tls == want.tls);
    CHECK(got.re_encrypt == want.re_encrypt);
    CHECK(got.fallback == want.fallback);
    CHECK(got.transparent == want.transparent);
    CHECK(got.slow_start == want.slow_start);
    CHECK(got.servers == want.servers);
    CHECK(got == want);
}

std::size_t compare_deployment(std::string const& name) {
    auto const facts = json::parse(test::slurp("tests/data/services.json")).as_object().at(name).as_array();
    auto const got = load(name);
    REQUIRE(got.value);
    auto const& services = got.value->services.services;
    REQUIRE(services.size() == facts.size());
    for (std::size_t i = 0; i < facts.size(); ++i) {
        compare(services[i], service_of(facts[i].as_object()));
    }
    return services.size();
}

std::vector<std::string> diagnostics(std::string const& deployment) {
    auto const loaded = load(deployment);
    std::vector<std::string> out;
    for (auto const& d : loaded.diagnostics) {
        out.push_back(to_string(d));
    }
    return out;
}

} // namespace

TEST_CASE("conf: centricity-sp1 holds the facts") { CHECK(compare_deployment("centricity-sp1") == 19); }
TEST_CASE("conf: centricity-sp2 holds the facts") { CHECK(compare_deployment("centricity-sp2") == 19); }
TEST_CASE("conf: mckesson-dr holds the facts") { CHECK(compare_deployment("mckesson-dr") == 5); }
TEST_CASE("conf: mckesson-nat holds the facts") { CHECK(compare_deployment("mckesson-nat") == 5); }

TEST_CASE("conf: the data names no deployment without a file") {
    std::set<std::string> names;
    auto const facts = json::parse(test::slurp("tests/data/services.json"));
    for (auto const& [name, list] : facts.as_object()) {
        names.insert(std::string(name));
    }
    CHECK(names == std::set<std::string>{"centricity-sp1", "centricity-sp2", "mckesson-dr", "mckesson-nat"});
}

TEST_CASE("conf: floating addresses beside the services") {
    using boost::asio::ip::make_address;
    auto const snat = std::vector<floating_ip>{{make_address("10.177.200.100"), ""}};
    CHECK(load("centricity-sp1").value->floating == snat);
    CHECK(load("centricity-sp2").value->floating == snat);
    CHECK(load("mckesson-dr").value->floating.empty());
    CHECK(load("mckesson-nat").value->floating == std::vector<floating_ip>{{make_address("10.10.0.1"), ""}});
}

TEST_CASE("conf: no file has a fault, and the warnings are these") {
    using lines = std::vector<std::string>;
    CHECK(diagnostics("centricity-sp1") == lines{});
    CHECK(diagnostics("mckesson-dr") == lines{});
    CHECK(diagnostics("mckesson-nat") == lines{});
    CHECK(diagnostics("cluster") == lines{});
    auto const sp2 = load("centricity-sp2").diagnostics;
    REQUIRE(sp2.size() == 2); // Dakota and WFM_Play_Group
    CHECK(sp2[0].warning);
    CHECK(sp2[0].message == "mode tcp with tls and re_encrypt: whatever arrives on port 8443 is wrapped in TLS towards "
                            "the server, so a client that "
                            "speaks TLS itself on port 8443 ends up with TLS inside TLS and cannot connect; such "
                            "clients must use port 443, where TLS "
                            "is terminated and made anew");
    CHECK(sp2[1].warning);
    CHECK(sp2[1].message.find("port 9443") != std::string::npos);

    auto const node = parse_node(test::slurp("conf/node.toml"), "node.toml", {true, std::nullopt});
    CHECK(node.diagnostics.empty());
    REQUIRE(node.value);
    CHECK(node.value->links.size() == 2);
}

TEST_CASE("conf: services whose features are not built say so, the others do not") {
    auto const unserved = [](std::string const& deployment) {
        auto const loaded = load(deployment);
        std::vector<std::string> out;
        for (auto const& s : loaded.value->services.services) {
            if (!balance::not_served(s).empty()) {
                out.push_back(s.name);
            }
        }
        return out;
    };
    for (auto const* name : {"centricity-sp1", "centricity-sp2", "mckesson-dr", "mckesson-nat"})
        CHECK(unserved(name).empty());
}
