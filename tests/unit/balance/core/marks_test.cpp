// SPDX-License-Identifier: Apache-2.0
#include <balance/validate.hpp>

#include <catch2/catch.hpp>

#include <set>

using namespace balance;

namespace {

virtual_service service(std::string name, std::vector<port_range> ports) {
    virtual_service s;
    s.name = std::move(name);
    s.address = boost::asio::ip::make_address("192.0.2.100");
    s.ports = std::move(ports);
    return s;
}

using marks = std::vector<std::pair<std::string, std::uint32_t>>;
constexpr auto base = first_reserved_mark;

} // namespace

TEST_CASE("marks: who needs one") {
    CHECK_FALSE(needs_mark(service("s", {{80, 80}})));
    CHECK(needs_mark(service("s", {{80, 80}, {443, 443}})));
    CHECK(needs_mark(service("s", {{80, 81}})));
    CHECK(needs_mark(service("s", {{1, 65535}})));
    auto s = service("s", {{80, 80}});
    s.protocol = protocol::udp;
    CHECK_FALSE(needs_mark(s));
    s.protocol = protocol::tcp_udp;
    CHECK(needs_mark(s));
    s.mode = mode::tcp;
    CHECK_FALSE(needs_mark(s));
    s = service("s", {{80, 81}});
    s.mode = mode::http;
    CHECK_FALSE(needs_mark(s));
    s = service("s", {{80, 80}});
    s.firewall_mark = 5;
    CHECK(needs_mark(s));
    s.address.reset(); // the operator's rules set it; nothing to do for us
    CHECK_FALSE(needs_mark(s));
}

TEST_CASE("marks: given in order, kept for ever, never to another service") {
    configuration c{{service("b", {{1, 2}}), service("one", {{80, 80}}), service("a", {{3, 4}})}, {}};
    allocate_marks(c);
    CHECK(c.marks == marks{{"b", base}, {"a", base + 1}});

    auto const before = c;
    allocate_marks(c);
    CHECK(c == before);

    c.services.erase(c.services.begin()); // "b" is gone, its mark stays taken
    c.services.push_back(service("c", {{5, 6}}));
    allocate_marks(c);
    CHECK(c.marks == marks{{"b", base}, {"a", base + 1}, {"c", base + 2}});

    c.services.insert(c.services.begin(), service("b", {{1, 2}})); // and is its own again
    allocate_marks(c);
    CHECK(c.marks == marks{{"b", base}, {"a", base + 1}, {"c", base + 2}});

    c.marks.erase(c.marks.begin() + 1); // a gap, as after forgetting a removed service
    allocate_marks(c);
    CHECK(c.marks == marks{{"b", base}, {"c", base + 2}, {"a", base + 1}});
}

TEST_CASE("marks: an operator's mark is taken as it is") {
    auto s = service("s", {{80, 80}});
    s.firewall_mark = 999999;
    configuration c{{s}, {}};
    allocate_marks(c);
    CHECK(c.marks == marks{{"s", 999999}});
    c.services[0].firewall_mark = 5;
    allocate_marks(c);
    CHECK(c.marks == marks{{"s", 5}});
    c.services[0].firewall_mark = 0; // one port: needs none any more
    allocate_marks(c);
    CHECK(c.marks == marks{{"s", 5}});
    c.services[0].ports = {{80, 81}}; // the operator's number must not become ours
    allocate_marks(c);
    CHECK(c.marks == marks{{"s", base}});
}

TEST_CASE("marks: the range ends") {
    configuration c;
    for (std::uint32_t m = first_reserved_mark; m < borrowed_mark - 1; ++m) {
        c.marks.emplace_back("old" + std::to_string(m), m);
    }
    c.services = {service("last", {{1, 2}}), service("none", {{3, 4}})};
    allocate_marks(c);
    CHECK(c.marks.back() == std::pair<std::string, std::uint32_t>("last", borrowed_mark - 1));
    CHECK(c.marks.size() == borrowed_mark - first_reserved_mark);
}
