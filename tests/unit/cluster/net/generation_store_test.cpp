// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"

#include <cluster/generation.hpp>

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

using namespace cluster;
namespace fs = std::filesystem;

namespace {

generation make(std::uint64_t number, std::string const& text = "format = 1\n") {
    return {{1, number},
            {{"certificates/web.pem", std::string("\0binary\xff", 8)}, {"cluster.toml", text + std::to_string(number)}},
            "uid 0 (root) on lb1",
            1790000000};
}

generation_store open(fs::path const& directory) {
    auto store = generation_store::open(directory);
    REQUIRE(store.has_value());
    return std::move(*store);
}

std::string const first = "t0000000001-g00000000000000000001";
std::string const second = "t0000000001-g00000000000000000002";

std::set<std::string> names_in(fs::path const& directory) {
    std::set<std::string> names;
    for (auto const& entry : fs::directory_iterator(directory))
        names.insert(entry.path().filename().string());
    return names;
}

void write(fs::path const& file, std::string const& bytes) { std::ofstream(file, std::ios::binary) << bytes; }

} // namespace

TEST_CASE("a store keeps generations and knows the newest when it is opened again") {
    test::temporary_directory const home;
    auto const directory = home.path() / "state" / "generations";
    {
        auto store = open(directory);
        CHECK_FALSE(store.current());
        CHECK(store.current_id() == generation_id{});
        REQUIRE(store.commit(make(1)));
        REQUIRE(store.commit(make(2)));
        CHECK(store.current() == make(2));
    }
    auto const store = open(directory);
    CHECK(store.current() == make(2));
    CHECK(store.current_id() == generation_id{{1, 2}, hash_of(make(2))});
    CHECK(store.notice().empty());
    CHECK(store.history() == std::vector<config_version>{{1, 2}, {1, 1}});
    CHECK(store.load({1, 1}).value() == make(1));
    CHECK(store.load({1, 3}).error().code == balance::errc::not_found);
    CHECK(names_in(directory) == std::set<std::string>{first, second, "current"});
    CHECK(fs::read_symlink(directory / "current") == second);
}

TEST_CASE("what is stored is for its owner's eyes alone") {
    test::temporary_directory const home;
    auto const directory = home.path() / "generations";
    auto const before = ::umask(0);
    auto store = open(directory);
    REQUIRE(store.commit(make(1)));
    ::umask(before);
    for (auto const& entry : fs::recursive_directory_iterator(directory)) {
        INFO(entry.path());
        if (entry.is_symlink())
            continue;
        auto const expected = entry.is_directory() ? fs::perms::owner_all : fs::perms::owner_read | fs::perms::owner_write;
        CHECK(fs::status(entry.path()).permissions() == expected);
    }
    CHECK(fs::status(directory).permissions() == fs::perms::owner_all);
}

TEST_CASE("nothing older and nothing equal replaces the current generation") {
    test::temporary_directory const home;
    auto store = open(home.path() / "g");
    REQUIRE(store.commit(make(2)));
    CHECK(store.commit(make(1)).error().code == balance::errc::refused);
    CHECK(store.commit(make(2, "other")).error().code == balance::errc::refused);
    auto newer_term = make(1);
    newer_term.version.term = 2;
    REQUIRE(store.commit(newer_term));
    CHECK(store.commit(make(3)).error().code == balance::errc::refused);
    CHECK(open(home.path() / "g").current() == newer_term);
}

TEST_CASE("a generation with a file that would leave the store is not written") {
    test::temporary_directory const home;
    auto store = open(home.path() / "g");
    for (auto const* name : {"../escaped", "/tmp/escaped", "a/../../escaped"}) {
        auto bad = make(1);
        bad.files = {{name, "x"}};
        CHECK(store.commit(bad).error().code == balance::errc::invalid_configuration);
    }
    CHECK(names_in(home.path()) == std::set<std::string>{"g"});
    CHECK_FALSE(store.current());
}

TEST_CASE("staged is not committed, and is forgotten when the store is opened again") {
    test::temporary_directory const home;
    auto const directory = home.path() / "g";
    {
        auto store = open(directory);
        REQUIRE(store.commit(make(1)));
        REQUIRE(store.stage(make(2)));
        CHECK(store.current() == make(1));
        CHECK(store.commit_staged({{1, 3}, hash_of(make(2))}).error().code == balance::errc::not_found);
        CHECK(store.commit_staged({{1, 2}, hash_of(make(1))}).error().code == balance::errc::not_found);
    }
    auto store = open(directory);
    CHECK(store.current() == make(1));
    CHECK(names_in(directory) == std::set<std::string>{first, "current"});
    CHECK_FALSE(store.commit_staged({{1, 2}, hash_of(make(2))}));

    REQUIRE(store.stage(make(2)));
    store.drop_staged();
    CHECK(names_in(directory) == std::set<std::string>{first, "current"});
    REQUIRE(store.stage(make(2)));
    REQUIRE(store.stage(make(3))); // replaces it
    REQUIRE(store.commit_staged({{1, 3}, hash_of(make(3))}));
    CHECK(open(directory).current() == make(3));
}

TEST_CASE("only as many generations are kept as asked") {
    test::temporary_directory const home;
    auto store = open(home.path() / "g");
    store.keep(3);
    for (std::uint64_t i = 1; i <= 6; ++i)
        REQUIRE(store.commit(make(i)));
    CHECK(store.history() == std::vector<config_version>{{1, 6}, {1, 5}, {1, 4}});
    store.keep(0);
    REQUIRE(store.commit(make(7)));
    CHECK(store.history() == std::vector<config_version>{{1, 7}});
}

TEST_CASE("a damaged generation is kept aside and the one before is used") {
    test::temporary_directory const home;
    auto const directory = home.path() / "g";
    {
        auto store = open(directory);
        REQUIRE(store.commit(make(1)));
        REQUIRE(store.commit(make(2)));
    }
    auto const files = directory / second / "files";
    SECTION("a byte has flipped") { write(files / "cluster.toml", "format = 2\n2"); }
    SECTION("a file is shorter") { write(files / "cluster.toml", "format"); }
    SECTION("a file is longer") { write(files / "cluster.toml", "format = 1\n2and more"); }
    SECTION("a file is gone") { fs::remove(files / "certificates" / "web.pem"); }
    SECTION("a file is a link to elsewhere") {
        fs::remove(files / "cluster.toml");
        write(home.path() / "elsewhere", "format = 1\n2");
        fs::create_symlink(home.path() / "elsewhere", files / "cluster.toml");
    }
    SECTION("the manifest is empty") { write(directory / second / "manifest", ""); }
    SECTION("the manifest is gone") { fs::remove(directory / second / "manifest"); }
    SECTION("the manifest is another generation's") {
        fs::copy_file(directory / first / "manifest", directory / second / "manifest", fs::copy_options::overwrite_existing);
    }
    CHECK(open(directory).notice().find("generation 2 is damaged") != std::string::npos);

    auto store = open(directory); // repaired for good
    CHECK(store.notice().empty());
    CHECK(store.current() == make(1));
    CHECK(names_in(directory) == std::set<std::string>{first, "current", "damaged-" + second});
    REQUIRE(store.commit(make(2)));
    CHECK(open(directory).current() == make(2));
}

TEST_CASE("a store whose only generation is damaged is empty, and says so") {
    test::temporary_directory const home;
    auto const directory = home.path() / "g";
    REQUIRE(open(directory).commit(make(1)));
    write(directory / first / "manifest", "");
    auto store = open(directory);
    CHECK_FALSE(store.current());
    CHECK_FALSE(store.notice().empty());
    REQUIRE(store.commit(make(1)));
    CHECK(open(directory).current() == make(1));
}

TEST_CASE("what an interrupted commit leaves behind is cleared away") {
    test::temporary_directory const home;
    auto const directory = home.path() / "g";
    {
        auto store = open(directory);
        REQUIRE(store.commit(make(1)));
        REQUIRE(store.commit(make(2)));
    }
    SECTION("the link never followed") {
        fs::remove(directory / "current");
        fs::create_symlink(first, directory / "current");
        auto const store = open(directory);
        CHECK(store.current() == make(1));
        CHECK(store.notice().empty()); // an interrupted commit is no damage
        CHECK(names_in(directory) == std::set<std::string>{first, "current"});
    }
    SECTION("other leftovers") {
        fs::create_directories(directory / "staged" / "files");
        fs::create_directories(directory / "pruned" / "files");
        fs::create_symlink("nowhere", directory / "current.new");
        CHECK(open(directory).current() == make(2));
        CHECK(names_in(directory) == std::set<std::string>{first, second, "current"});
    }
    SECTION("the link is lost") {
        fs::remove(directory / "current");
        CHECK(open(directory).current() == make(2));
        CHECK(fs::read_symlink(directory / "current") == second);
    }
    SECTION("the link leads out of the store") {
        fs::remove(directory / "current");
        fs::create_symlink("../elsewhere", directory / "current");
        CHECK(open(directory).current() == make(2));
    }
}

TEST_CASE("a store that cannot be made says where and why") {
    test::temporary_directory const home;
    write(home.path() / "file", "");
    auto const store = generation_store::open(home.path() / "file");
    REQUIRE_FALSE(store.has_value());
    CHECK(store.error().detail.find((home.path() / "file").string()) != std::string::npos);
    CHECK_FALSE(generation_store::open(home.path() / "file" / "below").has_value());
}
