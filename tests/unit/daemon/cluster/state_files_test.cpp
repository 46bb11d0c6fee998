// SPDX-License-Identifier: Apache-2.0
#include "cluster/state_files.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fstream>

using directory = test::temporary_directory;

TEST_CASE("epoch and maintenance are remembered over a restart") {
    directory const d;
    CHECK(dyad::load_remembered(d.path()).epoch == cluster::epoch{});
    REQUIRE(dyad::save(d.path(), dyad::remembered_state{{7, cluster::node_id::secondary}, true}));
    auto const back = dyad::load_remembered(d.path());
    CHECK(back.epoch == cluster::epoch{7, cluster::node_id::secondary});
    CHECK(back.maintenance);
}

TEST_CASE("a damaged file is a node that remembers nothing") {
    directory const d;
    for (auto const* text : {"", "{", "[]", R"({"counter":-1,"owner":9})", R"({"counter":"x","maintenance":3})"}) {
        std::ofstream(d.path() / "epoch.json") << text;
        auto const back = dyad::load_remembered(d.path());
        CHECK(back.epoch == cluster::epoch{});
        CHECK_FALSE(back.maintenance);
    }
}

TEST_CASE("operators' words come back as they were") {
    directory const d;
    cluster::shared_document const words{"servers", 3, cluster::node_id::primary,
                                         R"([{"service":"a","server":"b","admin":"drain"}])"};
    REQUIRE(dyad::save(d.path(), words));
    CHECK(dyad::load_words(d.path()) == words);
}

TEST_CASE("a file is replaced whole and with its mode") {
    directory const d;
    auto const file = d.path() / "cluster.toml";
    REQUIRE(dyad::replace_file(file, "old", 0644));
    REQUIRE(dyad::replace_file(file, "new", 0600));
    CHECK(dyad::read_file(file).value() == "new");
    struct stat info {};
    REQUIRE(::stat(file.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    CHECK(std::distance(std::filesystem::directory_iterator(d.path()), {}) == 1);
}

TEST_CASE("what is no file is refused with its name") {
    directory const d;
    CHECK(dyad::read_file(d.path()).error().code == balance::errc::io_error);
    auto const missing = dyad::read_file(d.path() / "absent");
    CHECK(missing.error().code == balance::errc::not_found);
    CHECK(missing.error().detail.find("absent") != std::string::npos);
}
