// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/event_wait.hpp"
#include "support/scripted_server.hpp"

#include <balance/checker.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace test {

/// A check that is repeated at once and has time enough.
inline balance::health_check check_of(balance::health_check::kind type) {
    balance::health_check c;
    c.type = type;
    c.interval = std::chrono::milliseconds(10);
    c.timeout = std::chrono::seconds(5);
    return c;
}

/// A service with one server, "one" on 127.0.0.1, that is checked on that port.
inline balance::virtual_service checked_service(balance::health_check c, std::uint16_t port,
                                                std::string const& name = "web") {
    balance::virtual_service s;
    s.name = name;
    s.mode = balance::mode::dr;
    s.address = boost::asio::ip::make_address("192.0.2.1");
    s.ports = {{80, 80}};
    s.check = std::move(c);
    s.check.port = port;
    s.servers.push_back({.name = "one", .address = boost::asio::ip::address_v4::loopback()});
    return s;
}

/// A checker whose events are collected.
struct watched_checker {
    boost::asio::io_context io;
    balance::checker subject;
    std::vector<balance::health_event> events;

    explicit watched_checker(balance::checker::settings s = {}) : subject(io.get_executor(), s) {
        subject.on_event([this](balance::health_event const& e) { events.push_back(e); });
    }
    void apply(std::vector<balance::virtual_service> const& services,
               std::vector<balance::server_state> const& known = {}) {
        subject.apply(services, known);
    }
    bool wait_for_events(std::size_t count) {
        return run_until(io, [&] { return events.size() >= count; });
    }
    /// The next result of the only check, which was applied just now.
    balance::check_result result() {
        return wait_for_events(1) ? events.back().last : balance::check_result{false, "nothing happened", {}};
    }
};

/// Checked once, for as long as a test lasts.
inline balance::virtual_service slow(balance::virtual_service s, std::chrono::milliseconds interval = std::chrono::hours(1)) {
    s.check.interval = interval;
    return s;
}

/// The only server's.
inline balance::health_snapshot only(balance::checker const& c) {
    auto const all = c.snapshot();
    if (all.size() != 1)
        throw std::logic_error("there is not one server");
    return all[0];
}

/// Lets everything happen that can happen at once.
inline void settle(watched_checker& c) {
    run_until(
        c.io, [] { return false; }, std::chrono::milliseconds(15));
}

} // namespace test
