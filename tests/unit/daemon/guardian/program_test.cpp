// SPDX-License-Identifier: Apache-2.0
#include "guardian/program.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

using namespace dyad;

TEST_CASE("the path of a program that was replaced or removed is what it was") {
    CHECK(path_in_link("/usr/sbin/dyadd") == "/usr/sbin/dyadd");
    CHECK(path_in_link("/usr/sbin/dyadd (deleted)") == "/usr/sbin/dyadd");
    CHECK(path_in_link("/a (deleted)/dyadd") == "/a (deleted)/dyadd");
    CHECK(path_in_link("").empty());
    CHECK(path_of_this_program() == std::filesystem::read_symlink("/proc/self/exe"));
}

TEST_CASE("a program that was opened stays the one it was") {
    test::temporary_directory const directory;
    auto const path = directory.path() / "program";
    std::filesystem::copy_file("/bin/true", path);
    auto const opened = open_program(path, {"program"});
    REQUIRE(opened);
    std::filesystem::remove(path);
    std::filesystem::copy_file("/bin/false", path);
    auto const pid = ::fork();
    if (pid == 0) {
        become(**opened);
        ::_exit(7);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("what is no program is refused with its path") {
    test::temporary_directory const directory;
    auto const gone = open_program(directory.path() / "gone", {});
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == balance::errc::not_found);
    CHECK(gone.error().detail == "the program " + (directory.path() / "gone").string() + " cannot be started: No such file or directory");
    auto const folder = open_program(directory.path(), {});
    REQUIRE_FALSE(folder);
    CHECK(folder.error().code == balance::errc::not_permitted);
}
