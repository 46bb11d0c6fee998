// SPDX-License-Identifier: Apache-2.0
#include "guardian_lab.hpp"

#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>

using namespace std::chrono_literals;
using test::guardian_lab;

namespace {

/// The next message to the service manager that is no WATCHDOG=1; those are counted.
std::string next(int manager, int& pets) {
    while (true) {
        std::array<char, 256> text{};
        auto const size = ::recv(manager, text.data(), text.size(), 0);
        if (size <= 0) {
            return "nothing within 5 s";
        }
        std::string const message(text.data(), static_cast<std::size_t>(size));
        if (message != "WATCHDOG=1") {
            return message;
        }
        ++pets;
    }
}

} // namespace

TEST_CASE("the service manager hears of start, state, life and stop") {
    test::cluster_manners manners;
    manners.says = {{{"type", "status"}, {"text", "active\nREADY=0"}}, {{"type", "ready"}}};
    guardian_lab lab(manners);
    auto const path = (lab.directory() / "notify").string();
    dyad::ipc::descriptor const manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    std::memcpy(where.sun_path, path.data(), path.size());
    REQUIRE(::bind(manager.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
    timeval const limit{5, 0};
    ::setsockopt(manager.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ::setenv("WATCHDOG_USEC", "20000", 1);
    lab.start();
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");

    int pets = 0;
    CHECK(next(manager.get(), pets) == "STATUS=active READY=0");
    CHECK(next(manager.get(), pets) == "READY=1");
    std::array<char, 64> text{};
    for (int i = 0; i < 3; ++i) {
        REQUIRE(::recv(manager.get(), text.data(), text.size(), 0) > 0);
        CHECK(std::string_view(text.data()) == "WATCHDOG=1");
    }
    ::kill(lab.guardian(), SIGTERM);
    CHECK(next(manager.get(), pets) == "STOPPING=1");
    CHECK(lab.exit_code() == 0);
}
