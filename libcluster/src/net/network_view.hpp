// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/types.hpp>

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace cluster::net {

using mac_address = std::array<std::uint8_t, 6>;

struct interface_info {
    unsigned index = 0;
    std::string name;
    bool running = false;  ///< up and with carrier
    bool ethernet = false; ///< has a MAC address: ARP and neighbour discovery make sense
    mac_address mac{};

    bool operator==(interface_info const&) const = default;
};

/// An address on an interface, as the kernel identifies it.
struct placed_address {
    unsigned interface = 0;
    cluster::address address;
    std::uint8_t prefix = 0;

    std::strong_ordering operator<=>(placed_address const&) const = default;
};

/// `a` as netlink tells it: the zone of "fe80::1%eth0" is the interface there.
[[nodiscard]] inline address without_zone(address const& a) {
    return a.is_v4() ? a : boost::asio::ip::address_v6{a.to_v6().to_bytes()};
}

/// The prefix length of a single host: 32 or 128.
[[nodiscard]] inline std::uint8_t host_prefix(address const& a) noexcept { return a.is_v4() ? 32 : 128; }

/// This machine's interfaces and addresses as the kernel told them last. Pure: netlink messages go in elsewhere.
class network_view {
public:
    void put(interface_info i);
    void remove_interface(unsigned index);
    void put(placed_address const& a);
    void remove(placed_address const& a);
    void clear();

    [[nodiscard]] interface_info const* find(unsigned index) const noexcept;
    [[nodiscard]] interface_info const* find(std::string const& name) const noexcept;
    [[nodiscard]] std::set<placed_address> const& addresses() const noexcept { return addresses_; }
    [[nodiscard]] bool has(placed_address const& a) const { return addresses_.contains(a); }
    /// Is `a` on that interface, with whatever prefix?
    [[nodiscard]] bool has(unsigned index, address const& a) const;
    /// The interface that has `a`, with whatever prefix.
    [[nodiscard]] interface_info const* owner_of(address const& a) const;
    /// The interface with the narrowest subnet that holds `a`; a subnet of one address is none.
    [[nodiscard]] interface_info const* subnet_of(address const& a) const;

    /// Counts the changes: messages that only repeat what is known are none.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }

private:
    std::map<unsigned, interface_info> interfaces_;
    std::set<placed_address> addresses_;
    std::uint64_t version_ = 0;
};

} // namespace cluster::net
