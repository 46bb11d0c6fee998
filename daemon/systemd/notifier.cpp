// SPDX-License-Identifier: Apache-2.0
#include "systemd/notifier.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace dyad::systemd {

namespace {

std::string_view variable(char const* name) {
    auto const* value = std::getenv(name);
    return value != nullptr ? value : "";
}

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    auto const [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
    return ec == std::errc{} && end == text.data() + text.size() ? value : 0;
}

std::chrono::microseconds interval_for_us() {
    auto const pid = variable("WATCHDOG_PID");
    if (!pid.empty() && number(pid) != static_cast<std::uint64_t>(::getpid())) {
        return std::chrono::microseconds{0}; // meant for another process
    }
    return std::chrono::microseconds{static_cast<std::int64_t>(number(variable("WATCHDOG_USEC")))};
}

} // namespace

notifier::notifier() : path_(variable("NOTIFY_SOCKET")) {
    bool const usable = path_.starts_with('/') || path_.starts_with('@');
    if (!usable || path_.size() >= sizeof(sockaddr_un::sun_path)) {
        return;
    }
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    watchdog_ = interval_for_us();
}

bool notifier::send(std::string_view state) const {
    if (!socket_) {
        return false;
    }
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, path_.data(), path_.size());
    if (to.sun_path[0] == '@') {
        to.sun_path[0] = '\0'; // the abstract namespace, unix(7)
    }
    auto const size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size());
    auto const sent = ::sendto(socket_.get(), state.data(), state.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                               reinterpret_cast<sockaddr const*>(&to), size);
    return sent == static_cast<ssize_t>(state.size());
}

} // namespace dyad::systemd
