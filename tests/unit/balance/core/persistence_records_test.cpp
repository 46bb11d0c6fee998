// SPDX-License-Identifier: Apache-2.0
#include <balance/persistence.hpp>

#include <catch2/catch.hpp>

#include <random>

using namespace std::string_literals;
using balance::milliseconds;
using balance::persistence_record;
using balance::persistence_writer;

namespace {

balance::address at(char const* text) { return boost::asio::ip::make_address(text); }

std::string written(std::vector<persistence_record> const& records) {
    persistence_writer w;
    for (auto const& r : records)
        w.add(r);
    return w.take();
}

} // namespace

TEST_CASE("records are read as they were written", "[persistence]") {
    std::string const longest_service(255, 'x');
    std::string const longest_server(255, 'y');
    std::vector<persistence_record> const records{
        {"dicom", at("10.0.0.1"), "pacs1", 1, milliseconds(60'000)},
        {"dicom", at("10.0.0.2"), "pacs1", 2, milliseconds(60'000)},
        {"dicom", at("10.0.0.3"), "pacs2", 3, milliseconds(59'999)},
        {"dicom", at("10.0.0.3"), "", 1ull << 33, milliseconds(1)},
        {"dicom", at("2001:db8::7"), "pacs2", UINT64_MAX, milliseconds(std::int64_t{1} << 42)},
        {"hl7", at("10.0.0.1"), "pacs1", 0, milliseconds(1)},
        {"hl7", at("::"), "a name of its own", 7, milliseconds(2)},
        {longest_service, at("0.0.0.0"), longest_server, 8, milliseconds(3)},
    };
    auto const bytes = written(records);
    CHECK(balance::read_persistence(bytes).value() == records);
    CHECK(balance::read_persistence("").value().empty());
}

TEST_CASE("a client of IPv4 takes some eight bytes", "[persistence]") {
    persistence_writer w;
    for (std::uint32_t i = 0; i < 1000; ++i)
        w.add({"dicom", boost::asio::ip::address_v4(0x0a000000 + i * 77), i % 3 == 0 ? "pacs1" : "pacs2", 1000 + i, milliseconds(1'800'000)});
    CHECK(w.size() < 8500);
}

TEST_CASE("each piece says all by itself", "[persistence]") {
    persistence_writer w;
    persistence_record const r{"dicom", at("10.0.0.1"), "pacs1", 1, milliseconds(60'000)};
    w.add(r);
    auto const first = w.take();
    CHECK(w.empty());
    CHECK(w.take().empty());
    w.add(r);
    CHECK(w.take() == first);
}

TEST_CASE("what cannot be told is left out", "[persistence]") {
    persistence_writer w;
    w.add({"dicom", at("10.0.0.1"), "pacs1", 1, milliseconds(0)});
    w.add({"", at("10.0.0.1"), "pacs1", 1, milliseconds(1)});
    w.add({std::string(256, 'x'), at("10.0.0.1"), "pacs1", 1, milliseconds(1)});
    w.add({"dicom", at("10.0.0.1"), std::string(256, 'x'), 1, milliseconds(1)});
    CHECK(w.empty());
}

TEST_CASE("what is no list of records is refused, and where", "[persistence]") {
    auto const good = written({{"dicom", at("10.0.0.1"), "pacs1", 1, milliseconds(60'000)}});
    for (std::size_t n = 1; n < good.size(); ++n) {
        INFO("cut after " << n);
        auto const cut = balance::read_persistence(std::string_view(good).substr(0, n));
        CHECK((!cut || cut->empty())); // names alone are no fault
    }
    auto const refused = [](std::string const& bytes, std::string const& why) {
        auto const r = balance::read_persistence(bytes);
        REQUIRE(r.has_error());
        CHECK_THAT(r.error().detail, Catch::Contains(why));
    };
    refused("\x02"s, "byte 1: another format");
    refused("\x01\x00\x00"s, "a name without a letter");
    refused("\x01\x20"s, "neither a name nor an entry");
    refused("\x01\x15"s, "neither a name nor an entry"); // cleared, and the server as before
    refused("\x01\x01\x00\x00"s, "a name that was not given");
    refused("\x01\x19"s + "\x0a\x00\x00\x01"s + "\x02\x02"s, "there was none");
    refused("\x01\x00\x01s\x01\x00\x00\x0a\x00\x00\x01\x02\x00"s, "a time out of range");
    refused("\x01\x00\x01s\x01\x00\x00\x0a\x00\x00\x01\x02\x01"s, "a time out of range");
    refused("\x01\x00\x01s\x01\x00\x00\x0a\x00\x00\x01"s + std::string(10, '\xff') + "\x01", "beyond 64 bits");
}
