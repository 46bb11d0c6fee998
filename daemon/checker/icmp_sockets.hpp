// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/descriptor.hpp"

namespace dyad {

/// Raw ICMP sockets, opened while the process still may. Without CAP_NET_RAW they stay closed, and `ping` checks must
/// find another way.
struct icmp_sockets {
    icmp_sockets();

    ipc::descriptor v4;
    ipc::descriptor v6;
};

} // namespace dyad
