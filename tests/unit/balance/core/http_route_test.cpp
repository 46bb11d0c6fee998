// SPDX-License-Identifier: Apache-2.0
#include "core/http_route.hpp"

#include <catch2/catch.hpp>

using namespace balance::core::http;

TEST_CASE("a host without its port") {
    CHECK(host_of("pacs.example") == "pacs.example");
    CHECK(host_of("pacs.example:8080") == "pacs.example");
    CHECK(host_of("[fd00::1]:8080") == "[fd00::1]");
    CHECK(host_of("[fd00::1]") == "[fd00::1]");
    CHECK(host_of("") == "");
    CHECK(host_of("pacs.example.:80") == "pacs.example");
}

TEST_CASE("targets that servers could read in two ways") {
    for (auto const* good : {"/", "/a", "/a/b/", "/a.b/.c/...", "/a?x=/../..//", "/%41/%c3%a4", "*", "/a/.b", "/a%2", "/;x=1", "/a;x/b",
                             "/a/;x"})
        CHECK(has_one_reading(good));
    for (auto const* bad : {"//", "/a//b", "/a/..", "/a/../b", "/./a", "/a/.", "/%2e%2e/a", "/a%2Fb", "/a%5cb", "/a\\b", "/%2E", "/a/..;/b", "/.;x", "/a%3bx",
                            "/;x/admin", "/a/;/b"})
        CHECK_FALSE(has_one_reading(bad));
}

TEST_CASE("the first route that fits") {
    std::vector<balance::http_route> const routes{{"viewer", "", "/viewer", {"a"}},
                                                  {"images", "images.example", "", {"b"}},
                                                  {"below", "*.clinic.example", "/x/", {"c"}}};
    auto const of = [&](char const* host, char const* target) {
        auto const found = route_of(routes, host, target);
        return found ? routes[*found].name : std::string("none");
    };
    CHECK(of("any", "/viewer") == "viewer");
    CHECK(of("any", "/viewer/") == "viewer");
    CHECK(of("any", "/viewer?x") == "viewer");
    CHECK(of("any", "/viewers") == "none");
    CHECK(of("images.example", "/viewer/1") == "viewer");
    CHECK(of("IMAGES.example:8080", "/") == "images");
    CHECK(of("more.images.example", "/") == "none");
    CHECK(of("a.clinic.example", "/x/y") == "below");
    CHECK(of("a.clinic.example", "/x") == "none");
    CHECK(of("clinic.example", "/x/y") == "none");
    CHECK(of("", "/") == "none");
    CHECK(of("any", "/%76iewer/x") == "viewer");
    CHECK(of("any", "/viewer;x=1/a") == "viewer");
    CHECK(of("any", "/view;x=1er") == "none");
    CHECK(of("a.clinic.example", "/x;y=1/z") == "below");
    CHECK(of("images.example.", "/") == "images");
    CHECK(of("any", "/viewe%7") == "none");
}
