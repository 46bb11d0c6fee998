// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"

#include <cluster/key.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

using namespace cluster;
namespace fs = std::filesystem;

namespace {

bool same(key const& a, key const& b) { return std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin()); }

fs::path write_key(fs::path const& file, std::string const& text, fs::perms mode = fs::perms::owner_read) {
    std::ofstream{file} << text;
    fs::permissions(file, mode);
    return file;
}

balance::error load_error(fs::path const& file) {
    auto const loaded = key::load(file);
    REQUIRE_FALSE(loaded.has_value());
    return loaded.error();
}

} // namespace

TEST_CASE("a key is kept in a file that only its owner may read") {
    test::temporary_directory const directory;
    auto const file = directory.path() / "cluster.key";
    auto const made = key::generate();
    REQUIRE(made.save(file).has_value());
    CHECK(fs::status(file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    CHECK(fs::file_size(file) == 65);
    auto const loaded = key::load(file);
    REQUIRE(loaded.has_value());
    CHECK(same(made, *loaded));
    CHECK_FALSE(same(made, key::generate()));

    auto const again = key::generate().save(file);
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().code == balance::errc::already_exists);
    CHECK(same(made, *key::load(file)));
}

TEST_CASE("a key file is read as it is written by hand, in either case") {
    test::temporary_directory const directory;
    std::string text;
    for (int i = 0; i < 16; ++i) {
        text += "0aBf";
    }
    auto const loaded = key::load(write_key(directory.path() / "k", text + "\n"));
    REQUIRE(loaded.has_value());
    CHECK(loaded->bytes()[0] == 0x0a);
    CHECK(loaded->bytes()[31] == 0xbf);
}

TEST_CASE("a bad key file is refused with the remedy") {
    test::temporary_directory const directory;
    auto const file = directory.path() / "k";
    std::string const good(64, '7');
    SECTION("absent") {
        auto const e = load_error(file);
        CHECK(e.code == balance::errc::not_found);
        CHECK(e.detail.find("dyad keygen") != std::string::npos);
    }
    SECTION("readable by the group") {
        auto const e = load_error(write_key(file, good + "\n", fs::perms::owner_read | fs::perms::group_read));
        CHECK(e.code == balance::errc::not_permitted);
        CHECK(e.detail.find("chmod 600") != std::string::npos);
    }
    SECTION("too short, too long, without a line feed, with a letter that is no digit, empty") {
        for (auto const& text : {good.substr(1) + "\n", good + "7\n", good, good.substr(1) + "g\n", std::string{}}) {
            INFO("'" << text << "'");
            CHECK(load_error(write_key(file, text)).code == balance::errc::invalid_configuration);
            fs::remove(file);
        }
    }
    SECTION("a directory") { CHECK(load_error(directory.path()).code == balance::errc::invalid_configuration); }
}
