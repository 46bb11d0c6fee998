// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"
#include "systemd/notifier.hpp"

#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

using namespace dyad;

namespace {

/// The service manager's socket, and its environment variables for as long as it lives.
struct manager {
    manager(std::string const& name, std::map<std::string, std::string> more) : variables(std::move(more)) {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path, name.data(), name.size());
        if (name[0] == '@') {
            at.sun_path[0] = '\0';
        }
        auto const size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&at), size) == 0);
        variables["NOTIFY_SOCKET"] = name;
        for (auto const& [key, value] : variables) {
            ::setenv(key.c_str(), value.c_str(), 1);
        }
    }
    ~manager() {
        for (auto const& [key, value] : variables) {
            ::unsetenv(key.c_str());
        }
    }
    std::string heard() const {
        std::array<char, 256> text{};
        auto const size = ::recv(socket.get(), text.data(), text.size(), MSG_DONTWAIT);
        return {text.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
    }

    ipc::descriptor socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    std::map<std::string, std::string> variables;
};

std::int64_t interval_of(std::map<std::string, std::string> variables) {
    test::temporary_directory const dir;
    manager const m(dir.path() / "notify", std::move(variables));
    return systemd::notifier().watchdog_interval().count();
}

} // namespace

TEST_CASE("a service manager with a socket file hears us") {
    test::temporary_directory const dir;
    manager const m(dir.path() / "notify", {});
    systemd::notifier const n;
    CHECK(n.send("READY=1"));
    CHECK(m.heard() == "READY=1");
}

TEST_CASE("a service manager with an abstract socket hears us") {
    manager const m("@dyad-test-" + std::to_string(::getpid()), {});
    CHECK(systemd::notifier().send("STATUS=active"));
    CHECK(m.heard() == "STATUS=active");
}

TEST_CASE("without a service manager nothing is sent") {
    ::unsetenv("NOTIFY_SOCKET");
    systemd::notifier const n;
    CHECK_FALSE(n.send("READY=1"));
    CHECK(n.watchdog_interval().count() == 0);
}

TEST_CASE("a path that is no socket's is not used") {
    for (auto const& path : {std::string("relative"), "/" + std::string(200, 'x'), std::string()}) {
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
        CHECK_FALSE(systemd::notifier().send("READY=1"));
    }
    ::unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("the watchdog's interval is for the process it names") {
    auto const own = std::to_string(::getpid());
    CHECK(interval_of({{"WATCHDOG_USEC", "30000000"}}) == 30'000'000);
    CHECK(interval_of({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", own}}) == 30'000'000);
    CHECK(interval_of({{"WATCHDOG_USEC", "30000000"}, {"WATCHDOG_PID", "1"}}) == 0);
    CHECK(interval_of({{"WATCHDOG_USEC", "soon"}}) == 0);
    CHECK(interval_of({}) == 0);
}
