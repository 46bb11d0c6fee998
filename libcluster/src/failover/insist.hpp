// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace cluster::failover {

/// Ends the process with `rule` on standard error. The peer takes over: better than an owner that contradicts itself.
[[noreturn]] void broken(char const* rule) noexcept;

/// A rule of the machine that holds whatever the outside world does. Checked in every build.
inline void insist(bool holds, char const* rule) noexcept {
    if (!holds)
        broken(rule);
}

} // namespace cluster::failover
