// SPDX-License-Identifier: Apache-2.0
#include "log/priority.hpp"

#include <catch2/catch.hpp>

using namespace dyad::log;

TEST_CASE("levels are syslog's priorities") {
    CHECK(priority_of(spdlog::level::critical) == '2');
    CHECK(priority_of(spdlog::level::err) == '3');
    CHECK(priority_of(spdlog::level::warn) == '4');
    CHECK(priority_of(spdlog::level::info) == '6');
    CHECK(priority_of(spdlog::level::debug) == '7');
    CHECK(priority_of(spdlog::level::trace) == '7');
}

TEST_CASE("levels have words") {
    CHECK(level_of("warning") == spdlog::level::warn);
    CHECK(level_of("info") == spdlog::level::info);
    CHECK_FALSE(level_of("").has_value());
    CHECK_FALSE(level_of("Info").has_value());
    CHECK_FALSE(level_of("loud").has_value());
}

TEST_CASE("the journal's stream is known by device and inode") {
    CHECK(is_stream("8:12345", 8, 12345));
    CHECK_FALSE(is_stream("8:12345", 8, 1234));
    CHECK_FALSE(is_stream("8:12345", 9, 12345));
    CHECK_FALSE(is_stream("", 8, 12345));
}
