// SPDX-License-Identifier: Apache-2.0
#include "log/log.hpp"

#include <catch2/catch.hpp>
#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>

namespace {

/// What `talk` writes to stderr. The pipe is the journal's when `journal` is set.
std::string said(bool journal, std::function<void()> const& talk) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    int const before = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    ::dup2(ends[1], STDERR_FILENO);
    struct stat file {};
    ::fstat(ends[1], &file);
    auto const stream = std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino + (journal ? 0u : 1u));
    ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
    talk();
    ::dup2(before, STDERR_FILENO);
    ::unsetenv("JOURNAL_STREAM");
    std::array<char, 65536> text{};
    auto const size = ::read(ends[0], text.data(), text.size());
    for (int const fd : {before, ends[0], ends[1]}) {
        ::close(fd);
    }
    return {text.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
}

} // namespace

TEST_CASE("the journal gets priorities") {
    auto const text = said(true, [] {
        REQUIRE(dyad::log::set_up("info", "guardian"));
        spdlog::warn("careful");
        dyad::log::set_process("proxy");
        spdlog::info("fine");
        spdlog::debug("not asked for");
    });
    CHECK(text == "<4>guardian: careful\n<6>proxy: fine\n");
}

TEST_CASE("people get the time and the level's word") {
    auto const text = said(false, [] {
        REQUIRE(dyad::log::set_up("debug", "guardian"));
        spdlog::error("lost");
    });
    CHECK(text.size() == std::string("2026-11-21 20:30:00.123 guardian error: lost\n").size());
    CHECK(text.ends_with(" guardian error: lost\n"));
}

TEST_CASE("repetition is held back") {
    auto const text = said(true, [] {
        REQUIRE(dyad::log::set_up("info", "guardian"));
        for (int i = 0; i < 1000; ++i) {
            spdlog::info("lost");
        }
    });
    CHECK(text.size() == 10 * std::string("<6>guardian: lost\n").size());
}

TEST_CASE("a level that is no word is refused") { CHECK_FALSE(dyad::log::set_up("loud", "guardian")); }
