// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conntrack/codec.hpp"

#include <balance/error.hpp>

#include <functional>

namespace balance::conntrack {

/// The kernel's notices of connections whose source it translates, and that are worth keeping: it sorts out the rest
/// itself, so that a flood of others costs nothing here.
///
/// Notices come of connections that began while somebody listened, and only of those (nf_conntrack_events = 2, the
/// default since Linux 5.19): so it listens also while it is deaf.
class event_socket {
public:
    /// Deaf at first. Errors: `not_permitted`, `io_error`.
    static result<event_socket> open();
    ~event_socket();
    event_socket(event_socket&& other) noexcept;
    event_socket& operator=(event_socket&& other) noexcept;

    [[nodiscard]] int descriptor() const noexcept { return fd_; }
    /// Deaf: nothing arrives any more, and what has arrived is forgotten.
    void hear(bool on);
    /// Calls `use` for what has come, or the oldest of very much. False when notices were lost for want of room.
    [[nodiscard]] bool read(std::function<void(change)> const& use);

private:
    explicit event_socket(int fd) noexcept : fd_(fd) {}

    int fd_ = -1;
};

} // namespace balance::conntrack
