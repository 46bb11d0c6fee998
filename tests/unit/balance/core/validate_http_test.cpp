// SPDX-License-Identifier: Apache-2.0
#include "validate_fixture.hpp"

#include <catch2/catch.hpp>

using balance::header_rule;
using balance::http_route;
using balance::mode;
using balance::virtual_service;
using balance::test::after;
using balance::test::paths;

namespace {

virtual_service http_web() { return balance::test::named_service("Web", mode::http, "192.0.2.100", {{80, 80}}); }

paths of_rule(header_rule rule) {
    return after([&](auto& s) { s.http.request_headers = {std::move(rule)}; }, http_web());
}

paths of_route(http_route route) {
    return after([&](auto& s) { s.http.routes = {std::move(route)}; }, http_web());
}

} // namespace

TEST_CASE("what mode http does is for mode http") {
    CHECK(after([](auto& s) { s.http.hsts = std::chrono::hours{1}; }) == paths{"service.Web.http"});
    CHECK(after([](auto& s) { s.http.routes = {{"r", "", "/a", {"a"}}}; }) == paths{"service.Web.route"});
    CHECK(after([](auto& s) { s.http.hsts = std::chrono::hours{1}; }, http_web()).empty());
    CHECK(after([](auto& s) { s.http.redirect_to_https = 301; }, http_web()).empty());
    CHECK(after([](auto& s) { s.http.redirect_to_https = 304; }, http_web()) == paths{"service.Web.http.redirect_to_https"});
    CHECK(after([](auto& s) { s.http.hsts = std::chrono::seconds{-1}; }, http_web()) == paths{"service.Web.http.hsts"});
}

TEST_CASE("header rules that would change what a message is") {
    using kind = header_rule::kind;
    CHECK(of_rule({kind::set, "X-Site", "north, \"2\""}).empty());
    CHECK(of_rule({kind::set, "Host", "pacs"}).empty());
    paths const wrong{"service.Web.http.request_headers"};
    CHECK(of_rule({kind::set, "Content-LENGTH", "5"}) == wrong);
    CHECK(of_rule({kind::remove, "transfer-encoding", ""}) == wrong);
    CHECK(of_rule({kind::remove, "Host", ""}) == wrong);
    CHECK(of_rule({kind::add, "Host", "a"}) == wrong);
    CHECK(of_rule({kind::add, "X Y", "1"}) == wrong);
    CHECK(of_rule({kind::add, "X", "1\r\nY: 2"}) == wrong);
    CHECK(of_rule({kind::add, "X", std::string(5000, 'x')}) == wrong);
}

TEST_CASE("routes that lead nowhere or cannot be told apart") {
    CHECK(of_route({"r", "pacs.example", "/viewer", {"a"}}).empty());
    CHECK(of_route({"r", "*.example", "", {"a"}}).empty());
    CHECK(of_route({"r", "", "", {"a"}}) == paths{"service.Web.route.r"});
    CHECK(of_route({"r", "*", "", {"a"}}) == paths{"service.Web.route.r.host"});
    CHECK(of_route({"r", "pacs:80", "", {"a"}}) == paths{"service.Web.route.r.host"});
    CHECK(of_route({"r", "", "viewer", {"a"}}) == paths{"service.Web.route.r.path"});
    CHECK(of_route({"r", "", "/a/../b", {"a"}}) == paths{"service.Web.route.r.path"});
    CHECK(of_route({"r", "", "/a?b", {"a"}}) == paths{"service.Web.route.r.path"});
    CHECK(of_route({"r", "", "/a", {}}) == paths{"service.Web.route.r.servers"});
    CHECK(of_route({"r", "", "/a", {"b"}}) == paths{"service.Web.route.r.servers"});
    CHECK(of_route({"a/b", "", "/a", {"a"}}) == paths{"service.Web.route.a/b"});
    auto const with_table = [](auto& s) {
        s.http.routes = {{"r", "", "/a", {"a"}}};
        s.persistence.mode = balance::persistence::kind::source_ip;
    };
    CHECK(after(with_table, http_web()) == paths{"service.Web.persistence.mode"});
    auto const with_cookie = [](auto& s) {
        s.http.routes = {{"my;viewer", "", "/a", {"a"}}};
        s.persistence.mode = balance::persistence::kind::http_cookie;
    };
    CHECK(after(with_cookie, http_web()) == paths{"service.Web.route.my;viewer"});
    auto const many = [](auto& s) { s.http.routes.assign(64, {"r", "", "/a", {"a"}}); };
    CHECK(after(many, http_web()) == paths{"service.Web.route"});
}

TEST_CASE("timeouts of nothing") {
    CHECK(after([](auto& s) { s.timeouts.queue = std::chrono::milliseconds{0}; }, http_web()) == paths{"service.Web.timeouts"});
}
