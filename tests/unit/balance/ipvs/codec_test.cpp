// SPDX-License-Identifier: Apache-2.0
#include "golden.hpp"
#include "ipvs/codec.hpp"

#include <catch2/catch.hpp>

#include <linux/ip_vs.h>

#include <algorithm>
#include <map>
#include <set>

using namespace balance;
using namespace balance::ipvs;
using boost::asio::ip::make_address;

namespace {

constexpr std::size_t header_size = 4;

bytes recorded(std::string const& command) {
    for (auto const& m : golden::read("requests.hex")) {
        if (m.command == command) {
            return m.content;
        }
    }
    FAIL("no recording of: " << command);
    return {};
}

service_key tcp(char const* where, std::uint16_t port) {
    auto const a = make_address(where);
    return {a.is_v6(), 0, tcp_protocol, {a, port}};
}

counters totals(counters c) {
    c.per_second = {};
    return c;
}

using attributes = std::map<std::uint16_t, bytes>;

/// The attributes in the nest `type` of a message.
attributes nest(bytes const& message, std::uint16_t type) {
    attributes out;
    attribute_reader outer(byte_span(message).subspan(header_size));
    while (auto const a = outer.next()) {
        if (a->type != type) {
            continue;
        }
        attribute_reader inner(a->payload);
        while (auto const b = inner.next()) {
            out[b->type] = bytes(b->payload.begin(), b->payload.end());
        }
        CHECK(inner.intact());
    }
    CHECK(outer.intact());
    return out;
}

/// What of theirs is not, or is otherwise, in ours.
std::set<std::uint16_t> difference(attributes const& theirs, attributes const& ours) {
    std::set<std::uint16_t> out;
    for (auto const& [type, value] : theirs) {
        auto const found = ours.find(type);
        if (found == ours.end() || found->second != value) {
            out.insert(type);
        }
    }
    return out;
}

} // namespace

TEST_CASE("services are encoded byte by byte as ipvsadm does") {
    auto const all = ~0U;
    CHECK(encode(command::new_service, {tcp("192.0.2.1", 80), "wrr", 0, 0, all, {}}) ==
          recorded("ipvsadm -A -t 192.0.2.1:80 -s wrr"));
    service_key const udp{false, 0, udp_protocol, {make_address("192.0.2.1"), 53}};
    CHECK(encode(command::new_service, {udp, "wlc", 0, 0, all, {}}) == recorded("ipvsadm -A -u 192.0.2.1:53 -s wlc"));
    CHECK(encode(command::new_service, {tcp("192.0.2.2", 104), "wlc", persistent_flag, 300, 0xffffff00, {}}) ==
          recorded("ipvsadm -A -t 192.0.2.2:104 -s wlc -p 300 -M 255.255.255.0"));
    CHECK(encode(command::new_service, {tcp("2001:db8::1", 80), "rr", 0, 0, 128, {}}) ==
          recorded("ipvsadm -A -t [2001:db8::1]:80 -s rr"));
    CHECK(encode(command::new_service, {tcp("2001:db8::2", 443), "wlc", persistent_flag, 300, 64, {}}) ==
          recorded("ipvsadm -A -t [2001:db8::2]:443 -s wlc -p 300 -M 64"));
    service_key const mark{false, 999999, 0, {}};
    CHECK(encode(command::new_service, {mark, "wrr", persistent_flag, 60000, 0, {}}) ==
          recorded("ipvsadm -A -f 999999 -s wrr -p 60000 -M 0.0.0.0"));
    service_key const mark6{true, 219807745, 0, {}};
    CHECK(encode(command::new_service, {mark6, "wlc", 0, 0, 128, {}}) == recorded("ipvsadm -A -f 219807745 -6 -s wlc"));
    CHECK(encode(command::set_service, {tcp("192.0.2.1", 80), "wlc", 0, 0, all, {}}) ==
          recorded("ipvsadm -E -t 192.0.2.1:80 -s wlc"));
    CHECK(encode(command::set_service, {mark, "wrr", persistent_flag, 120, all, {}}) ==
          recorded("ipvsadm -E -f 999999 -s wrr -p 120"));
}

TEST_CASE("destinations are encoded as ipvsadm does, without what the kernel does not need") {
    struct example {
        std::string recording;
        command what;
        service_key key;
        destination config;
    };
    auto const gate = forwarding::direct;
    auto const masq = forwarding::masquerade;
    auto const example_of =
        GENERATE_COPY(values<example>({{"ipvsadm -a -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 100",
                                        command::new_destination,
                                        tcp("192.0.2.1", 80),
                                        {{make_address("198.51.100.1"), 80}, gate, 100, 0, 0}},
                                       {"ipvsadm -a -t 192.0.2.2:104 -r 198.51.100.2:11104 -m -w 65535 -x 200 -y 100",
                                        command::new_destination,
                                        tcp("192.0.2.2", 104),
                                        {{make_address("198.51.100.2"), 11104}, masq, 65535, 200, 100}},
                                       {"ipvsadm -a -t [2001:db8::1]:80 -r [2001:db8::a]:80 -g -w 3",
                                        command::new_destination,
                                        tcp("2001:db8::1", 80),
                                        {{make_address("2001:db8::a"), 80}, gate, 3, 0, 0}},
                                       {"ipvsadm -a -f 999999 -r 198.51.100.3 -m -w 1",
                                        command::new_destination,
                                        {false, 999999, 0, {}},
                                        {{make_address("198.51.100.3"), 0}, masq, 1, 0, 0}},
                                       {"ipvsadm -e -t 192.0.2.1:80 -r 198.51.100.1:80 -g -w 0",
                                        command::set_destination,
                                        tcp("192.0.2.1", 80),
                                        {{make_address("198.51.100.1"), 80}, gate, 0, 0, 0}},
                                       {"ipvsadm -d -t 192.0.2.2:104 -r 198.51.100.2:11104",
                                        command::remove_destination,
                                        tcp("192.0.2.2", 104),
                                        {{make_address("198.51.100.2"), 11104}, masq, 0, 0, 0}},
                                       {"ipvsadm -d -f 999999 -r 198.51.100.3",
                                        command::remove_destination,
                                        {false, 999999, 0, {}},
                                        {{make_address("198.51.100.3"), 0}, masq, 0, 0, 0}}}));
    CAPTURE(example_of.recording);
    auto const theirs = recorded(example_of.recording);
    auto const ours = encode(example_of.what, example_of.key, example_of.config);
    CHECK(std::equal(ours.begin(), ours.begin() + header_size, theirs.begin()));

    std::set<std::uint16_t> const settings{IPVS_SVC_ATTR_SCHED_NAME, IPVS_SVC_ATTR_FLAGS, IPVS_SVC_ATTR_TIMEOUT,
                                           IPVS_SVC_ATTR_NETMASK};
    CHECK(difference(nest(theirs, IPVS_CMD_ATTR_SERVICE), nest(ours, IPVS_CMD_ATTR_SERVICE)) == settings);
    std::set<std::uint16_t> unneeded{IPVS_DEST_ATTR_TUN_TYPE, IPVS_DEST_ATTR_TUN_PORT, IPVS_DEST_ATTR_TUN_FLAGS};
    if (example_of.what == command::remove_destination) {
        unneeded.insert(
            {IPVS_DEST_ATTR_FWD_METHOD, IPVS_DEST_ATTR_WEIGHT, IPVS_DEST_ATTR_U_THRESH, IPVS_DEST_ATTR_L_THRESH});
    }
    CHECK(difference(nest(theirs, IPVS_CMD_ATTR_DEST), nest(ours, IPVS_CMD_ATTR_DEST)) == unneeded);
    CHECK(difference(nest(ours, IPVS_CMD_ATTR_DEST), nest(theirs, IPVS_CMD_ATTR_DEST)).empty());
    CHECK(difference(nest(ours, IPVS_CMD_ATTR_SERVICE), nest(theirs, IPVS_CMD_ATTR_SERVICE)).empty());
}

TEST_CASE("a removed service is named by its key alone") {
    service const v6{tcp("2001:db8::1", 80), "wrr", 0, 0, 128, {}};
    auto const ours = nest(encode(command::remove_service, v6), IPVS_CMD_ATTR_SERVICE);
    auto const theirs = nest(recorded("ipvsadm -D -t [2001:db8::1]:80"), IPVS_CMD_ATTR_SERVICE);
    CHECK(difference(ours, theirs).empty());
    CHECK(ours.size() == 4);
    service const mark{{false, 999999, 0, {}}, "wrr", 0, 0, 0, {}};
    CHECK(difference(nest(encode(command::remove_service, mark), IPVS_CMD_ATTR_SERVICE),
                     nest(recorded("ipvsadm -D -f 999999"), IPVS_CMD_ATTR_SERVICE))
              .empty());
}

TEST_CASE("questions are asked byte by byte as ipvsadm does") {
    std::vector<bytes> asked;
    for (auto const& m : golden::read("dumps.hex")) {
        if (!m.from_kernel) {
            asked.push_back(m.content);
        }
    }
    auto const has = [&](bytes const& b) { return std::find(asked.begin(), asked.end(), b) != asked.end(); };
    CHECK(has(encode_service_dump()));
    CHECK(has(encode_destination_dump(tcp("10.99.0.1", 8080))));
    CHECK(has(encode_destination_dump(tcp("fd99::1", 443))));
    CHECK(has(encode_destination_dump({false, 999999, 0, {}})));
}

/// Conns, InPkts, OutPkts, InBytes, OutBytes as ipvsadm printed them behind `start`.
counters shown_counters(std::string const& start) {
    auto const words = golden::shown("dumps.hex", start);
    REQUIRE(words.size() >= 7);
    auto const n = [&](std::size_t i) { return std::stoull(words[i]); };
    counters const out{n(2), n(3), n(4), n(5), n(6)};
    REQUIRE(out.connections == 3);
    return out;
}

TEST_CASE("the kernel's recorded answers say what ipvsadm showed") {
    std::map<service_key, service_state> services;
    std::vector<destination_state> destinations;
    for (auto const& m : golden::read("dumps.hex")) {
        if (!m.from_kernel) {
            continue;
        }
        if (m.content[0] == static_cast<std::byte>(command::new_service)) {
            auto const s = decode_service(m.content);
            REQUIRE(s.has_value());
            services[s->config.key] = *s;
        } else {
            auto const d = decode_destination(m.content, false);
            REQUIRE(d.has_value());
            destinations.push_back(*d);
        }
    }
    REQUIRE(services.size() == 4);
    auto const& web = services.at(tcp("10.99.0.1", 8080));
    CHECK(web.config == service{tcp("10.99.0.1", 8080), "wrr", 0, 0, 0xffffffff, {}});
    CHECK(totals(web.counters) == shown_counters("TCP  10.99.0.1:8080"));
    CHECK(services.at(tcp("fd99::1", 443)).config == service{tcp("fd99::1", 443), "wlc", persistent_flag, 300, 64, {}});
    service_key const mark{false, 999999, 0, {}};
    CHECK(services.at(mark).config == service{mark, "wlc", persistent_flag, 60000, 0xffff0000, {}});
    CHECK(services.contains(service_key{false, 0, udp_protocol, {make_address("10.99.0.1"), 53}}));

    auto const shown = [&](destination const& wanted) -> destination_state const* {
        auto const found =
            std::find_if(destinations.begin(), destinations.end(), [&](auto const& d) { return d.config == wanted; });
        return found == destinations.end() ? nullptr : &*found;
    };
    CHECK(destinations.size() == 4);
    auto const* busy = shown({{make_address("10.99.0.2"), 8081}, forwarding::masquerade, 65535, 200, 100});
    REQUIRE(busy != nullptr);
    CHECK(totals(busy->counters) == shown_counters("  -> 10.99.0.2:8081"));
    CHECK(busy->counters.per_second.in_packets > 0); // recorded right after some
    CHECK(busy->inactive == 3);
    CHECK(busy->active == 0);
    CHECK(shown({{make_address("10.99.0.3"), 8080}, forwarding::direct, 0, 0, 0}) != nullptr);
    CHECK(shown({{make_address("fd99::2"), 443}, forwarding::direct, 7, 0, 0}) != nullptr);
    CHECK(shown({{make_address("10.99.0.4"), 0}, forwarding::masquerade, 1, 0, 0}) != nullptr);
}

TEST_CASE("counters come from the 64-bit nest, and from the old one where it is absent") {
    service const s{tcp("192.0.2.1", 80), "wrr", 0, 0, 128, {}};
    auto const message = encode(command::new_service, s);
    bytes more;
    auto const put = [&](std::uint16_t type, auto connections, std::uint64_t in_bytes) {
        attribute_writer writer(more);
        writer.put_nest(type, [&] {
            writer.put_value(IPVS_STATS_ATTR_CONNS, connections);
            writer.put_value(IPVS_STATS_ATTR_INBYTES, in_bytes);
        });
        more = writer.take();
    };
    put(IPVS_SVC_ATTR_STATS, std::uint32_t{7}, 1000);
    auto const decoded = [&] {
        auto whole = message;
        whole.insert(whole.end(), more.begin(), more.end());
        auto const length = static_cast<std::uint16_t>(whole.size() - header_size);
        std::memcpy(whole.data() + header_size, &length, sizeof(length)); // the nest goes on to the end
        return decode_service(whole).value().counters;
    };
    CHECK(decoded() == counters{7, 0, 0, 1000, 0});
    put(IPVS_SVC_ATTR_STATS64, std::uint64_t{5'000'000'007}, 9000);
    CHECK(decoded() == counters{5'000'000'007, 0, 0, 9000, 0});
}

TEST_CASE("what is not whole is an error that names the kernel's answer, never a value") {
    service const s{tcp("192.0.2.1", 80), "wrr", 0, 0, ~0U, {}};
    auto const good = encode(command::new_service, s);
    REQUIRE(decode_service(good).has_value());
    CHECK(decode_service(good)->config == s);

    auto const fault_of = [](auto const& r) {
        REQUIRE_FALSE(r.has_value());
        CHECK(r.error().code == errc::protocol_error);
        return r.error().detail;
    };
    for (std::size_t n = 0; n < good.size(); ++n) { // the message, or its nest, ends too early
        CAPTURE(n);
        fault_of(decode_service(byte_span(good).first(n)));
    }
    CHECK(fault_of(decode_service(encode_service_dump())).find("kind") != std::string::npos);
    CHECK(fault_of(decode_destination(good, false)).find("kind") != std::string::npos);

    auto short_value = good;
    short_value[8] = std::byte{5}; // the family's attribute has one byte left of two
    fault_of(decode_service(short_value));

    attribute_writer writer(bytes{std::byte{1}, std::byte{1}, std::byte{0}, std::byte{0}});
    writer.put_nest(IPVS_CMD_ATTR_SERVICE, [&] { writer.put_value(IPVS_SVC_ATTR_AF, std::uint16_t{2}); });
    CHECK(fault_of(decode_service(writer.take())).find("key") != std::string::npos);

    attribute_writer second(bytes{std::byte{5}, std::byte{1}, std::byte{0}, std::byte{0}});
    second.put_nest(IPVS_CMD_ATTR_DEST, [&] { second.put_value(IPVS_DEST_ATTR_PORT, std::uint16_t{2}); });
    CHECK(fault_of(decode_destination(second.take(), false)).find("address") != std::string::npos);
}

TEST_CASE("a destination without a family is of its service's") {
    attribute_writer writer(bytes{std::byte{5}, std::byte{1}, std::byte{0}, std::byte{0}});
    writer.put_nest(IPVS_CMD_ATTR_DEST, [&] {
        writer.put_value(IPVS_DEST_ATTR_ADDR, make_address("2001:db8::a").to_v6().to_bytes());
        writer.put_value(IPVS_DEST_ATTR_PORT, std::uint16_t{0});
    });
    auto const message = writer.take();
    CHECK(decode_destination(message, true)->config.remote.address == make_address("2001:db8::a"));
    CHECK(decode_destination(message, false)->config.remote.address == make_address("32.1.13.184"));
}

TEST_CASE("a message may outgrow what is usual, and its padding is zeros") {
    attribute_writer writer;
    std::string const name(301, 'x'); // with its terminating zero two bytes short of a multiple of 4
    writer.put_string(1, name);
    writer.put_nest(2, [&] { writer.put_value(3, std::uint8_t{7}); });
    auto const message = writer.take();
    REQUIRE(message.size() == 308 + 4 + 8);
    CHECK((message[306] == std::byte{0} && message[307] == std::byte{0}));
    CHECK(std::all_of(message.end() - 3, message.end(), [](std::byte b) { return b == std::byte{0}; }));
    attribute_reader reader(message);
    CHECK(reader.next()->string() == name);
    auto const nest = reader.next();
    REQUIRE(nest);
    CHECK(nest->type == 2);
    CHECK(attribute_reader(nest->payload).next()->value<std::uint8_t>() == 7);
    CHECK_FALSE(reader.next());
    CHECK(reader.intact());
}
