// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace balance {

/// A fault of a configuration. `path` names the value: {"service", "DB_MT", "server", "IMSA", "weight"}.
struct fault {
    std::vector<std::string> path;
    std::string message; ///< what is wrong, and what would be right
    bool warning = false; ///< it loads all the same

    bool operator==(fault const&) const = default;
};

/// All faults of a configuration that can be seen without the machine it will run on. Pure.
[[gnu::visibility("default")]] std::vector<fault> validate(configuration const& c);

/// Why this build cannot serve a service yet ("mode http is not built yet"), or empty. Such a service is no fault: it is
/// accepted and shown as "not served". Pure.
[[gnu::visibility("default")]] std::string not_served(virtual_service const& s);

/// First mark of the range that is ours. Marks below it are the operator's.
inline constexpr std::uint32_t first_reserved_mark = 0x0d1a'0000;
inline constexpr std::uint32_t last_reserved_mark = 0x0d1a'ffff;
/// Of that range; on packets of layer-7 connections that stay with a node whose addresses were moved (`daisy_chain`).
inline constexpr std::uint32_t given_mark = last_reserved_mark;
/// Of that range; on packets from real servers to clients whose addresses a transparent layer-7 service has borrowed.
inline constexpr std::uint32_t borrowed_mark = given_mark - 1;

/// Is this a layer-4 service that becomes one IPVS service through a mark? Several ports, tcp and udp together, or the
/// operator's own mark together with an address. Pure.
[[gnu::visibility("default")]] bool needs_mark(virtual_service const& s);

/// Gives every layer-4 service that needs one (several ports, or tcp and udp together, or a firewall mark with address)
/// a mark. Services that had one in `c.marks` keep it; a mark of a removed service is not reused while `c.marks` names it.
/// A service with an operator's mark gets exactly that one. Pure.
[[gnu::visibility("default")]] void allocate_marks(configuration& c);

} // namespace balance
