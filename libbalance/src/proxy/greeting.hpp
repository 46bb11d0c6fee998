// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/proxy_header.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/session.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace balance::layer7 {

class worker;

/// A connection from somebody trusted, until its header of the PROXY protocol has told whose it is. The header is taken out of
/// the socket and nothing else, so that a session finds what it would find without, TLS too. Lives on its worker's thread and
/// is used again after its end.
class greeting final : private watcher {
public:
    using clock_time = event_loop::clock::time_point;

    explicit greeting(worker& owner) : worker_(owner) {}
    greeting(greeting const&) = delete;
    greeting& operator=(greeting const&) = delete;

    void start(arrival a);
    void cut();
    void check_time(clock_time now);

private:
    friend class session_list<greeting>;
    friend class session_pool<greeting>;

    void ready(std::uint32_t events) override;
    void refuse();
    void go_on(std::size_t size);
    void end(bool stays);

    worker& worker_;
    arrival arrival_;
    clock_time since_{};
    std::chrono::milliseconds limit_{0};
    std::size_t slot_ = 0; ///< in its worker's list
};

/// Writes a header to a socket that was just connected. False when it did not take the whole of it.
[[nodiscard]] bool say_proxy_header(int fd, proxy_protocol::version v, core::proxied_ends const& ends) noexcept;

} // namespace balance::layer7
