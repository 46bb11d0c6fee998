// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <array>
#include <config/words.hpp>

using namespace dyad::config;
using namespace std::chrono_literals;

TEST_CASE("words: durations carry their unit") {
    CHECK(parse_duration("100ms").value() == 100ms);
    CHECK(parse_duration("0s").value() == 0ms);
    CHECK(parse_duration("60000s").value() == 60000s);
    CHECK(parse_duration("33m").value() == 33min);
    CHECK(parse_duration("2h").value() == 2h);
    for (auto const* text : {"", "s", "5", "5 s", " 5s", "5S", "5d", "1.5s", "+5s", "5sm", "0x5s", "1e3s", "-5s",
                             "9223372036854775807h", "99999999999999999999ms"}) {
        CAPTURE(text);
        CHECK(parse_duration(text).has_error());
    }
}

TEST_CASE("words: a duration is shown in its largest whole unit") {
    CHECK(format_duration(0ms) == "0s");
    CHECK(format_duration(100ms) == "100ms");
    CHECK(format_duration(1500ms) == "1500ms");
    CHECK(format_duration(90s) == "90s");
    CHECK(format_duration(120s) == "2m");
    CHECK(format_duration(24h) == "24h");
}

TEST_CASE("words: rates") {
    CHECK(parse_rate("300/10s").value().count == 300);
    CHECK(parse_rate("300/10s").value().period == 10s);
    CHECK(parse_rate("1000000/1ms").value().period == 1ms);
    for (auto const* text : {"", "/", "300", "300/", "/10s", "0/1s", "-1/1s", "1000001/1s", "300/0s", "300/25h", "300 /1s", "300/1s/1s", "3.5/1s"}) {
        CAPTURE(text);
        CHECK(parse_rate(text).has_error());
    }
}

TEST_CASE("words: netmasks") {
    CHECK(parse_netmask("255.255.255.255").value() == 32);
    CHECK(parse_netmask("255.255.254.0").value() == 23);
    CHECK(parse_netmask("0.0.0.0").value() == 0);
    CHECK(parse_netmask("ffff:ffff:ffff:fff0::").value() == 60);
    CHECK(parse_netmask("::").value() == 0);
    for (auto const* text : {"", "24", "255.0.255.0", "0.255.255.255", "255.255.255.1", "ffff::ffff"}) {
        CAPTURE(text);
        CHECK(parse_netmask(text).has_error());
    }
}

TEST_CASE("words: the nearest word is the one that was meant") {
    constexpr std::array<std::string_view, 5> words{"weight", "address", "port", "ports", "tls"};
    CHECK(nearest("wieght", words) == "weight");
    CHECK(nearest("adress", words) == "address");
    CHECK(nearest("prot", words) == "port");
    CHECK(nearest("portz", words) == "port");
    CHECK(nearest("tsl", words) == "tls");
    CHECK(nearest("ssl", words).empty());
    CHECK(nearest("colour", words).empty());
    CHECK(nearest("", words).empty());
    CHECK(nearest(std::string(1'000'000, 'w'), words).empty());
}

TEST_CASE("words: what a message quotes cannot garble a terminal") {
    CHECK(one_line("a\x1b[31m\nb") == "a\\x1b[31m\\x0ab");
    CHECK(one_line(std::string(2000, 'x')).size() == 1000 + std::string_view("…").size());
}
