// SPDX-License-Identifier: Apache-2.0
#include "cluster/table_file.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

using balance::milliseconds;
using balance::persistence_copy;
using dyad::kept_since;

namespace {

constexpr int clients = 20'000; // several pieces

void fill(persistence_copy& tables, milliseconds remaining) {
    for (unsigned i = 0; i < clients; ++i) {
        balance::persistence_record const r{"dicom", boost::asio::ip::address_v4(i), i % 2 == 0 ? "a" : "b", i + 1, remaining};
        tables.merge({&r, 1}, persistence_copy::source::here, 0);
    }
}

std::size_t in_force(persistence_copy const& tables, std::int64_t now) { return tables.read("", {}, 2 * clients, now).entries.size(); }

} // namespace

TEST_CASE("tables come back with the time that is left of them") {
    persistence_copy before(1);
    fill(before, milliseconds(60'000));
    auto const bytes = dyad::pack_tables(before, {{"boot", 1000}, 5'000'000}, 10'000);
    persistence_copy after(2);
    SECTION("after a restart of the process, whatever the wall clock says") {
        REQUIRE(dyad::unpack_tables(bytes, {{"boot", 21'000}, 0}, 7, after));
        CHECK(in_force(after, 7) == clients);
        auto const one = after.find("dicom", boost::asio::ip::address_v4(3), 32, 7);
        CHECK(one.value().server == "b");
        CHECK(one.value().sequence == 4);
        CHECK(one.value().remaining == milliseconds(30'000)); // 10 s before it was kept, 20 s after
    }
    SECTION("after a restart of the machine by the wall clock") {
        REQUIRE(dyad::unpack_tables(bytes, {{"another", 0}, 5'040'000}, 7, after));
        CHECK(after.find("dicom", boost::asio::ip::address_v4(3), 32, 7).value().remaining == milliseconds(10'000));
    }
    SECTION("one that was set back says nothing") {
        REQUIRE(dyad::unpack_tables(bytes, {{"another", 0}, 0}, 7, after));
        CHECK(after.find("dicom", boost::asio::ip::address_v4(3), 32, 7).value().remaining == milliseconds(50'000));
    }
    SECTION("none when their time is over") {
        REQUIRE(dyad::unpack_tables(bytes, {{"boot", 51'000}, 0}, 7, after));
        CHECK(after.size() == 0);
    }
}

TEST_CASE("a damaged file of tables is told, and harms nothing") {
    persistence_copy before(1);
    fill(before, milliseconds(60'000));
    auto const bytes = dyad::pack_tables(before, {{"boot", 1000}, 5'000'000}, 0);
    kept_since const now{{"boot", 1000}, 0};
    persistence_copy after(2);
    CHECK(dyad::unpack_tables("", now, 0, after).error().detail.find("another format") != std::string::npos);
    CHECK(dyad::unpack_tables("dyad tables 1\nboot\nx\n1\n", now, 0, after).error().detail.find("no time") != std::string::npos);
    CHECK(dyad::unpack_tables(bytes + "12", now, 0, after).error().detail.find("the end is missing") != std::string::npos);
    CHECK(in_force(after, 0) == clients);
    for (auto const cut : {bytes.size() - 1, bytes.size() / 2, std::size_t{40}}) {
        persistence_copy part(3);
        CHECK(dyad::unpack_tables(bytes.substr(0, cut), now, 0, part).has_error());
        CHECK(in_force(part, 0) < clients);
    }
    auto nonsense = bytes;
    nonsense[bytes.size() / 2] = '\x7f';
    persistence_copy some(4);
    static_cast<void>(dyad::unpack_tables(nonsense, now, 0, some));
}

TEST_CASE("tables are kept in a file that nobody else reads") {
    test::temporary_directory const directory;
    persistence_copy before(1);
    persistence_copy after(2);
    REQUIRE(dyad::load_tables(directory.path(), 0, after));
    fill(before, milliseconds(60'000));
    REQUIRE(dyad::save_tables(directory.path(), before, 0));
    auto const mode = std::filesystem::status(directory.path() / "tables").permissions();
    CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    REQUIRE(dyad::load_tables(directory.path(), 0, after));
    CHECK(in_force(after, 0) == clients);
}
