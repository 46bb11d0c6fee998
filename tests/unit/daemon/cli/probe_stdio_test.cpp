// SPDX-License-Identifier: Apache-2.0
#include "run_dyad.hpp"

#include <balance/text.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <catch2/catch.hpp>
#include <cli/document.hpp>
#include <cli/probe_stdio.hpp>

#include <algorithm>
#include <sstream>

using namespace dyad::cli;

namespace json = boost::json;

namespace {

test::outcome ordered(std::string const& orders) {
    std::ostringstream out;
    std::ostringstream err;
    std::istringstream in(orders);
    environment env{out, err};
    env.in = &in;
    auto const code = dyad::cli::run({"probe", "--stdio"}, env);
    return {code, out.str(), err.str()};
}

std::vector<json::object> lines_of(std::string const& text) {
    std::vector<json::object> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        out.push_back(json::parse(line).as_object());
    }
    return out;
}

} // namespace

TEST_CASE("targets have one name each, which is read as it is written") {
    for (auto const* name : {"192.0.2.1:80", "[2001:db8::1]:80", "http://192.0.2.1:80/health?a=b", "http://[2001:db8::1]:80/",
                             "ping:192.0.2.1", "ping:2001:db8::1"}) {
        CAPTURE(name);
        auto const target = parse_target(name, "");
        REQUIRE(target.has_value());
        CHECK(name_of(*target) == name);
    }
    CHECK(name_of(parse_target("192.0.2.1:80", "/health").value()) == "http://192.0.2.1:80/health");
    CHECK(name_of(parse_target("http://192.0.2.1:80", "/health").value()) == "http://192.0.2.1:80/");
    CHECK(parse_target("ping:192.0.2.1", "/health").value().path.empty());
    for (auto const* wrong : {"", "192.0.2.1", "ping:", "ping:192.0.2.1:80", "http://", "http:///x", "http://192.0.2.1/",
                              "http://192.0.2.1:80/a b", "192.0.2.1:0"}) {
        CAPTURE(wrong);
        CHECK(parse_target(wrong, "").has_error());
    }
}

TEST_CASE("a plan is read as it is written") {
    seat_plan plan;
    plan.targets.push_back(parse_target("http://192.0.2.1:80/x", "").value());
    plan.targets.back().every = std::chrono::milliseconds(7);
    plan.watched.push_back(balance::parse_address("2001:db8::1").value());
    auto const read = read_plan(to_json(plan));
    REQUIRE(read.has_value());
    CHECK(name_of(read->targets.front()) == "http://192.0.2.1:80/x");
    CHECK(read->targets.front().every == std::chrono::milliseconds(7));
    CHECK(read->watched == plan.watched);
    for (auto const* wrong : {R"({})", R"({"targets":[{"target":"x","every_ms":1,"timeout_ms":1}]})",
                              R"({"targets":[{"target":"192.0.2.1:80","every_ms":0,"timeout_ms":1}]})", R"({"watch":[1]})",
                              R"({"targets":[7]})"}) {
        CAPTURE(wrong);
        CHECK(read_plan(json::parse(wrong).as_object()).has_error());
    }
}

TEST_CASE("what a client saw arrives as it was, and nonsense is left out") {
    std::vector<std::vector<attempt>> const attempts{{{1, 2, ""}, {3, 4, "refused"}}, {{5, 6, ""}}};
    std::vector<std::vector<owner_sample>> const owners{{{7, {"a", "b"}}, {8, {}}}};
    std::vector<std::vector<attempt>> got(2);
    std::vector<std::vector<owner_sample>> seen(1);
    take_seen(seen_json(9, attempts, owners), got, seen);
    REQUIRE(got[0].size() == 2);
    CHECK(got[0][1].failure == "refused");
    CHECK(got[1][0].ended == 6);
    REQUIRE(seen[0].size() == 2);
    CHECK(seen[0][0].macs == std::vector<std::string>{"a", "b"});
    take_seen(json::parse(R"({"attempts":[[2,1,1],[-1,1,1],[0],7,["x",1,1],[0,1,2,"\u001b"]],"owners":[[1,1],"x",[0,"y",3]]})").as_object(),
              got, seen);
    REQUIRE(got[0].size() == 3);
    CHECK(got[0][2].failure == "?");
    CHECK(seen[0].size() == 3);
}

TEST_CASE("dyad probe --stdio: begins, tells the time and what it sees, and ends with its orders") {
    boost::asio::io_context io;
    boost::asio::ip::tcp::acceptor const listening(io, {boost::asio::ip::address_v4::loopback(), 0});
    auto const target = "127.0.0.1:" + std::to_string(listening.local_endpoint().port());
    auto const got = ordered(R"({"targets":[{"target":")" + target + R"(","every_ms":1,"timeout_ms":500}]})" "\nnoise\n{\"clock\":5}\n");
    CHECK(got.code == 0);
    auto const lines = lines_of(got.out);
    REQUIRE(lines.size() >= 3);
    CHECK(lines.front().contains("ready"));
    CHECK(std::count_if(lines.begin(), lines.end(), [](auto const& l) { return number(l, "clock") == 5 && l.contains("now"); }) == 1);
    CHECK(lines.back().contains("until"));
}

TEST_CASE("dyad probe --stdio: orders that make no sense are refused in its own language") {
    for (auto const* orders : {"", "{}\n", R"({"targets":[{"target":"nowhere","every_ms":1,"timeout_ms":1}]})",
                               R"({"watch":["198.51.100.1"]})"}) {
        CAPTURE(orders);
        auto const got = ordered(orders);
        CHECK(got.code == 1);
        CHECK(lines_of(got.out).front().contains("error"));
    }
}

TEST_CASE("dyad probe: pings loopback, or says why not") {
    auto const got = test::dyad_in("/nonexistent", {"--json", "probe", "ping:127.0.0.1", "--for", "100ms", "--every", "1ms"});
    auto const o = json::parse(got.out).as_object();
    CHECK(number(o, "attempts") > 10);
    if (number(o, "failed") > 0) {
        CHECK(text(item(array(o, "failures")[0]), "reason").find("net.ipv4.ping_group_range") != std::string::npos);
    }
    auto const six = json::parse(test::dyad_in("/nonexistent", {"--json", "probe", "ping:::1", "--for", "50ms"}).out).as_object();
    CHECK(text(six, "target") == "ping:::1");
}
