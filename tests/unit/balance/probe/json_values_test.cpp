// SPDX-License-Identifier: Apache-2.0
#include "probe/json_values.hpp"

#include <catch2/catch.hpp>

using balance::probe::json_difference;

TEST_CASE("values at their places in a JSON body", "[json]") {
    constexpr auto body = R"({"status":"UP","queue":{"depth":0,"names":["a","b"]},"ok":true,"none":null,"load":3.0,"a/b":{"m~n":7}})";
    CHECK(json_difference(body, {{"/status", "\"UP\""}, {"/queue/depth", "0"}, {"/queue/names/1", "\"b\""}}).empty());
    CHECK(json_difference(body, {{"/ok", "true"}, {"/none", "null"}, {"/load", "3"}}).empty());
    CHECK(json_difference(body, {{"/a~1b/m~0n", "7"}}).empty());
    CHECK(json_difference("\"UP\"", {{"", "\"UP\""}}).empty());
    CHECK(json_difference(body, {}).empty());

    CHECK(json_difference(body, {{"/status", "\"DOWN\""}}) == "\"/status\" is \"UP\", not \"DOWN\"");
    CHECK(json_difference(body, {{"/queue/depth", "1"}}) == "\"/queue/depth\" is 0, not 1");
    CHECK(json_difference(body, {{"/queue/depth", "\"0\""}}) == "\"/queue/depth\" is 0, not \"0\"");
    CHECK(json_difference(body, {{"/queue", "1"}}) == "\"/queue\" is an object, not 1");
    CHECK(json_difference(body, {{"/queue/names", "1"}}) == "\"/queue/names\" is a list, not 1");
    CHECK(json_difference(body, {{"/queue/length", "1"}}) == "body has no \"/queue/length\"");
    CHECK(json_difference(body, {{"/queue/names/7", "1"}}) == "body has no \"/queue/names/7\"");
}

TEST_CASE("bodies that are no JSON", "[json]") {
    CHECK(json_difference("<html>", {{"/a", "1"}}).starts_with("body is no JSON ("));
    CHECK(json_difference("<html>", {{"/a", "1"}}).ends_with(" but starts with \"<html>\""));
    CHECK(json_difference("", {{"/a", "1"}}).starts_with("body is no JSON"));
    CHECK(json_difference("{\"a\":1} x", {{"/a", "1"}}).starts_with("body is no JSON"));
    CHECK(json_difference(std::string(100000, '['), {{"/a", "1"}}).starts_with("body is no JSON"));
    CHECK(json_difference(std::string(33, '[') + std::string(33, ']'), {{"/a", "1"}}).starts_with("body is no JSON"));
    CHECK(json_difference(std::string(20, '[') + std::string(20, ']'), {}).empty());
}
