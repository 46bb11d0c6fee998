// SPDX-License-Identifier: Apache-2.0
#include "support/event_wait.hpp"
#include "support/temporary_directory.hpp"

#include <balance/change_hooks.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>
#include <sstream>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct hooked {
    temporary_directory dir;
    boost::asio::io_context io;
    std::vector<std::string> troubles;
    change_hooks subject;

    explicit hooked(change_hooks::settings s = {.timeout = 5s, .pause = 1ms, .waiting = 100}) : subject(io.get_executor(), s) {
        subject.on_trouble([this](std::string const& text) { troubles.push_back(text); });
    }
    std::string script(std::string const& text) {
        auto const path = dir.path() / "hook.sh";
        std::ofstream(path) << "#!/bin/sh\ncd " + dir.path().string() + "\n" + text + "\n";
        fs::permissions(path, fs::perms::owner_all);
        return path.string();
    }
    std::string read(std::string const& name) const {
        std::ifstream file(dir.path() / name);
        return {std::istreambuf_iterator<char>(file), {}};
    }
};

} // namespace

TEST_CASE("hooks run one after the other, in their order, and are told what happened", "[hooks]") {
    hooked h;
    // Each would see the other's lock if they ran at the same time.
    auto const command = h.script("mkdir lock || echo overlap >> said\necho $1 $DYAD_X >> said\nrmdir lock");
    std::string expected;
    for (int i = 0; i < 10; ++i) {
        h.subject.run({command, {std::to_string(i)}, {{"DYAD_X", "x y"}}});
        expected += std::to_string(i) + " x y\n";
    }
    CHECK(run_until(h.io, [&] { return h.read("said") == expected; }));
    CHECK(h.troubles.empty());
}

TEST_CASE("a hook that fails, is missing or takes too long is told, and the next one runs", "[hooks]") {
    hooked h({.timeout = 200ms, .pause = 1ms, .waiting = 3});
    auto const command = h.script("case $1 in slow) sleep 100 & echo $! > child; wait;; *) exit 3;; esac");
    h.subject.run({command, {"slow"}});
    h.subject.run({"/nowhere/hook"});
    h.subject.run({command, {"bad"}});
    h.subject.run({command, {"bad"}});
    h.subject.run({command, {"one too many"}});
    REQUIRE(run_until(h.io, [&] { return h.troubles.size() == 5; }));
    CHECK(h.troubles == std::vector<std::string>{"the hook " + command + " was killed after 200 ms", "1 calls of hooks were dropped: 3 waited already",
                                                 "the hook \"/nowhere/hook\" does not exist", "the hook " + command + " ended with status 3",
                                                 "the hook " + command + " ended with status 3"});
    auto const child = std::atoi(h.read("child").c_str());
    REQUIRE(child > 0);
    CHECK(run_until(h.io, [&] {
        std::ifstream file("/proc/" + std::to_string(child) + "/stat");
        std::string const stat{std::istreambuf_iterator<char>(file), {}};
        return stat.empty() || stat.find(") Z ") != std::string::npos;
    }));
}

TEST_CASE("hooks start no sooner than the pause after the one before", "[hooks]") {
    hooked h({.timeout = 5s, .pause = 150ms, .waiting = 100});
    auto const command = h.script("echo x >> said");
    auto const began = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i)
        h.subject.run({command});
    CHECK(run_until(h.io, [&] { return h.read("said") == "x\nx\nx\n"; }));
    CHECK(std::chrono::steady_clock::now() - began >= 300ms);
}

TEST_CASE("what runs when the owner goes is killed", "[hooks]") {
    std::string number;
    {
        hooked h;
        h.subject.run({h.script("echo $$ > pid; exec sleep 100")});
        REQUIRE(run_until(h.io, [&] { return !h.read("pid").empty(); }));
        number = h.read("pid");
    }
    CHECK(::kill(std::atoi(number.c_str()), 0) != 0);
}

TEST_CASE("who waits for the end of all hooks is told once, and at once when there is none", "[hooks]") {
    hooked h;
    int told = 0;
    h.subject.when_idle([&] { ++told; });
    CHECK(told == 1);
    auto const command = h.script("echo x >> said");
    h.subject.run({command});
    h.subject.run({"/nowhere/hook"});
    h.subject.run({command});
    std::string at_the_end;
    h.subject.when_idle([&] { ++told, at_the_end = h.read("said"); });
    CHECK(told == 1);
    CHECK(run_until(h.io, [&] { return told == 2; }));
    CHECK(at_the_end == "x\nx\n");
    CHECK(h.troubles.size() == 1);
}

TEST_CASE("limits of hooks can be changed while some wait", "[hooks]") {
    hooked h({.timeout = 5s, .pause = 1ms, .waiting = 100});
    auto const command = h.script("case $1 in slow) sleep 100;; esac; echo $1 >> said");
    h.subject.run({command, {"first"}});
    h.subject.configure({.timeout = 100ms, .pause = 1ms, .waiting = 1});
    h.subject.run({command, {"slow"}});
    h.subject.run({command, {"dropped"}});
    REQUIRE(run_until(h.io, [&] { return h.troubles.size() == 2; }));
    CHECK(h.troubles[0] == "1 calls of hooks were dropped: 1 waited already");
    CHECK(h.troubles[1] == "the hook " + command + " was killed after 100 ms");
    CHECK(h.read("said") == "first\n");
}
