// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/network_view.hpp"

#include <memory>

struct nl_sock;

namespace cluster::net {

/// Keeps a `network_view` up to date: subscribes to the kernel's messages on links and addresses, and reads everything
/// at the start and whenever messages were lost.
class network_monitor {
public:
    static result<network_monitor> open();
    network_monitor(network_monitor&&) noexcept;
    network_monitor& operator=(network_monitor&&) noexcept;
    ~network_monitor();

    /// Readable when there is something to `update` from.
    [[nodiscard]] int descriptor() const noexcept;
    /// Takes in every message that has arrived. What a request of ours changed is seen by the first `update` after it.
    void update();
    [[nodiscard]] network_view const& view() const noexcept;

private:
    struct state;
    explicit network_monitor(std::unique_ptr<state> s) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace cluster::net
