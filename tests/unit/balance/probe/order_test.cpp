// SPDX-License-Identifier: Apache-2.0
#include "probe/order.hpp"
#include "probe/reason.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <set>

using namespace balance;
using namespace balance::probe;
using namespace std::chrono_literals;

TEST_CASE("everything that makes a check another one is in its key", "[checker]") {
    order base;
    base.target = {boost::asio::ip::make_address("192.0.2.1"), 80};
    base.check.type = health_check::kind::http;
    std::vector<std::function<void(order&)>> const changes{
        [](order&) {},
        [](order& o) { o.target.port = 81; },
        [](order& o) { o.greeting = proxy_protocol::version::v1; },
        [](order& o) { o.target.address = boost::asio::ip::make_address("192.0.2.2"); },
        [](order& o) { o.virtual_service.port = 1; },
        [](order& o) { o.names.service = "other"; },
        [](order& o) { o.names.server = "other"; },
        [](order& o) { o.virtual_service.address = boost::asio::ip::make_address("192.0.2.9"); },
        [](order& o) { o.check.type = health_check::kind::https; },
        [](order& o) { o.check.request = "/x"; },
        [](order& o) { o.check.host = "/"; },
        [](order& o) { o.check.method = "HEAD"; },
        [](order& o) { o.check.tls = true; },
        [](order& o) { o.check.calling_ae = "A"; },
        [](order& o) { o.check.called_ae = "A"; },
        [](order& o) { o.check.message = "MSH"; },
        [](order& o) { o.check.headers = {{"a", "b"}}; },
        [](order& o) { o.check.headers = {{"ab", ""}}; },
        [](order& o) { o.check.user = "a"; },
        [](order& o) { o.check.password = "a"; },
        [](order& o) { o.check.password_file = "a"; },
        [](order& o) { o.check.secret = "a"; },
        [](order& o) { o.check.secret_file = "a"; },
        [](order& o) { o.check.query = "a"; },
        [](order& o) { o.check.database = "a"; },
        [](order& o) { o.check.tcp = true; },
        [](order& o) { o.check.min_days = 1; },
        [](order& o) { o.check.warn_days = 1; },
        [](order& o) { o.check.expect.json = {{"a", "b"}}; },
        [](order& o) { o.check.expect.status = {{200, 299}}; },
        [](order& o) { o.check.fast_interval = 1s; },
        [](order& o) { o.check.down_interval = 1s; },
        [](order& o) { o.check.connects = 1; },
        [](order& o) { o.check.connect_timeout = 1s; },
        [](order& o) { o.check.verify = true; },
        [](order& o) { o.check.expect.equals = ""; },
        [](order& o) { o.check.expect.equals = "-"; },
        [](order& o) { o.check.expect.contains = ""; },
        [](order& o) { o.check.expect.regex = ""; },
        [](order& o) { o.check.expect.status = {{200, 200}}; },
        [](order& o) { o.check.command = "/bin/true"; },
        [](order& o) { o.check.interval = 5s; },
        [](order& o) { o.check.timeout = 6s; },
        [](order& o) { o.check.rise = 3; },
        [](order& o) { o.check.fall = 3; },
    };
    std::set<std::string> keys;
    for (auto const& change : changes) {
        order o = base;
        change(o);
        CHECK(keys.insert(key_of(o)).second);
    }
    CHECK(keys.contains(key_of(base)));
}

TEST_CASE("only external checks know the virtual service", "[checker]") {
    virtual_service s;
    s.name = "images";
    s.address = boost::asio::ip::make_address("192.0.2.1");
    s.ports = {{4100, 4110}, {80, 80}};
    real_server const r{.name = "one", .address = boost::asio::ip::make_address("192.0.2.10"), .port = 104};
    s.check.type = health_check::kind::external;
    CHECK(make_order(s, r).virtual_service == endpoint{*s.address, 4100});
    CHECK(make_order(s, r).target == endpoint{r.address, 104});
    CHECK(make_order(s, r).names == server_key{"images", "one"});
    s.check.type = health_check::kind::connect;
    CHECK(make_order(s, r).names == server_key{});
    CHECK(make_order(s, r).virtual_service == endpoint{});
    s.check.type = health_check::kind::ping;
    CHECK(make_order(s, r).target == endpoint{r.address, 0});
    s.address.reset(); // a bare firewall mark
    s.ports.clear();
    s.check.type = health_check::kind::external;
    CHECK(make_order(s, r).virtual_service == endpoint{address{}, 0});
}

TEST_CASE("a reason is one printable line of at most 200 characters", "[checker]") {
    CHECK(failure("a\r\nb\tc\x7f").reason == "a  b c ");
    CHECK(success(std::string(200, 'x')).reason == std::string(200, 'x'));
    CHECK(success(std::string(201, 'x')).reason == std::string(197, 'x') + "…");
    for (std::size_t n = 190; n < 205; ++n) {
        std::string text(n, 'x');
        text += "…………";
        auto const reason = failure(text).reason;
        CHECK(reason.size() <= 200);
        CHECK(reason.ends_with("…"));
        CHECK((static_cast<unsigned char>(reason[reason.size() - 4]) & 0xc0) != 0xc0); // no half character before it
    }
    CHECK(excerpt("a\n\xff") == "\"a..\"");
    CHECK(excerpt(std::string(61, 'x')) == "\"" + std::string(60, 'x') + "…\"");
    CHECK(span_of_time(5s) == "5 s");
    CHECK(span_of_time(1500ms) == "1500 ms");
    CHECK(words_for(ECONNREFUSED) == "connection refused");
    CHECK(words_for(EHOSTUNREACH) == "no route to host");
}
