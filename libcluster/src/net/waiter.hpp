// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/boot_clock.hpp"
#include "net/unique_fd.hpp"

namespace cluster::net {

/// Waits until one of some descriptors is readable or a time has come, to the microsecond and without an allocation.
class waiter {
public:
    using time_point = boot_clock::time_point;

    /// Throws std::system_error when the process has no descriptors left.
    waiter();

    void watch(int descriptor) noexcept;
    /// A closed descriptor needn't be forgotten; one that goes on living elsewhere must be.
    void forget(int descriptor) noexcept;
    void wait(time_point until) noexcept;

private:
    unique_fd epoll_;
    unique_fd timer_;
};

} // namespace cluster::net
