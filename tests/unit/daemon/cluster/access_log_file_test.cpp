// SPDX-License-Identifier: Apache-2.0
#include <cluster/access_log_file.hpp>

#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <filesystem>

namespace fs = std::filesystem;

TEST_CASE("the access log's file is made for its owner and group, and its moving away is seen") {
    test::temporary_directory const directory;
    auto const path = directory.path() / "access.log";
    dyad::access_log_file log;
    CHECK_FALSE(log.was_moved());
    REQUIRE(log.open(path.string()).has_value());
    CHECK((fs::status(path).permissions() & ~fs::perms(0640)) == fs::perms::none);
    CHECK_FALSE(log.was_moved());
    fs::rename(path, directory.path() / "access.log.1");
    CHECK(log.was_moved());
    REQUIRE(log.open(path.string()).has_value());
    CHECK_FALSE(log.was_moved());
    fs::remove(path);
    CHECK(log.was_moved());
    log.forget();
    CHECK_FALSE(log.was_moved());
}

TEST_CASE("the access log is written to regular files alone") {
    test::temporary_directory const directory;
    auto const path = directory.path() / "access.log";
    dyad::access_log_file log;
    fs::create_symlink("/dev/null", path);
    CHECK(log.open(path.string()).error().detail.find("it is a symbolic link") != std::string::npos);
    auto const pipe = directory.path() / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK_FALSE(log.open(pipe.string()).has_value());
    CHECK(log.open(directory.path().string()).error().code == balance::errc::io_error);
    CHECK(log.open((directory.path() / "none" / "x").string()).error().detail.find("make it") != std::string::npos);
}
