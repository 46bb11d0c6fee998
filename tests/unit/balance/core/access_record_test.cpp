// SPDX-License-Identifier: Apache-2.0
#include "core/access_record.hpp"

#include <catch2/catch.hpp>

#include <array>
#include <set>
#include <string>

using namespace balance;
using namespace balance::core;
using namespace std::chrono_literals;

namespace {

std::string line_of(access_record const& r) {
    std::array<char, longest_record> out;
    return {out.data(), write(out, r)};
}

access_record sample() {
    access_record r;
    r.at = std::chrono::system_clock::time_point(1'795'366'522'007ms);
    r.client = {boost::asio::ip::make_address("192.0.2.7"), 51234};
    r.service = "Web";
    r.server = "web1";
    r.http = true;
    r.method = "GET";
    r.host = "pacs.example";
    r.target = "/a?b=c d";
    r.status = 200;
    r.in = 312;
    r.out = 8211;
    r.queue = 21us;
    r.connect = 0us;
    r.answer = 12'114us;
    r.total = 13'020us;
    return r;
}

std::string client_of(char const* text) {
    auto r = sample();
    r.client.address = boost::asio::ip::make_address(text);
    auto const line = line_of(r);
    auto const at = line.find("client=") + 7;
    return line.substr(at, line.find(' ', at) - at);
}

} // namespace

TEST_CASE("a record is a line in words", "[access]") {
    CHECK(line_of(sample()) == "2026-11-22T16:55:22.007Z client=192.0.2.7:51234 service=\"Web\" server=\"web1\" method=\"GET\" "
                               "host=\"pacs.example\" path=\"/a?b=c d\" status=200 in=312 out=8211 queue=0.021 connect=0.000 "
                               "answer=12.114 total=13.020 ended=\"answered\"\n");
    auto r = sample();
    r.http = false;
    r.server = {};
    r.queue = r.connect = {};
    r.why = ending::no_server;
    CHECK(line_of(r) == "2026-11-22T16:55:22.007Z client=192.0.2.7:51234 service=\"Web\" server=- in=312 out=8211 queue=- "
                        "connect=- total=13.020 ended=\"no server was available\"\n");
}

TEST_CASE("addresses are written as they are usually written", "[access]") {
    CHECK(client_of("255.0.10.1") == "255.0.10.1:51234");
    for (auto const* text : {"::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "1:2:3:4:5:6:7:8", "fe80::1:0:0:2"})
        CHECK(client_of(text) == "[" + boost::asio::ip::make_address(text).to_string() + "]:51234");
}

TEST_CASE("nobody's words look like ours", "[access]") {
    auto r = sample();
    r.target = "/\" ended=\"answered\"\n2026-11-22 \\ \xc3\xa4\x7f";
    auto const line = line_of(r);
    CHECK(line.find("path=\"/\\x22 ended=\\x22answered\\x22\\x0a2026-11-22 \\x5c \\xc3\\xa4\\x7f\" status=") != std::string::npos);
    CHECK(std::count(line.begin(), line.end(), '\n') == 1);
}

TEST_CASE("a record is bounded whatever stands in it", "[access]") {
    std::string const long_words(5000, '\n');
    auto r = sample();
    r.client.address = boost::asio::ip::make_address("1111:1111:1111:1111:1111:1111:1111:1111");
    r.method = r.host = r.target = long_words;
    std::string const name(64, '\xff');
    r.service = r.server = name;
    r.in = r.out = ~std::uint64_t{0};
    r.queue = r.connect = r.answer = std::chrono::microseconds::max();
    r.total = std::chrono::microseconds::max();
    r.why = ending::taken_out;
    auto const line = line_of(r);
    CHECK(line.size() <= longest_record);
    CHECK(line.ends_with("ended=\"server was taken out of service\"\n"));
    CHECK(line.find("\"... host=") != std::string::npos);
    r.method = std::string_view(long_words).substr(0, longest_method / 4);
    CHECK(line_of(r).find("\" host=") != std::string::npos);
}

TEST_CASE("each ending has words of its own", "[access]") {
    std::set<std::string_view> all;
    for (int e = 0; e <= static_cast<int>(ending::cut); ++e)
        CHECK(all.insert(words_of(static_cast<ending>(e))).second);
    CHECK_FALSE(all.contains(""));
}

TEST_CASE("a line says how many are missing", "[access]") {
    std::array<char, longest_record> out;
    auto const n = write_dropped(out, sample().at, 17);
    CHECK(std::string(out.data(), n) == "2026-11-22T16:55:22.007Z dropped=17\n");
}
