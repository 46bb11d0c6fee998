// SPDX-License-Identifier: Apache-2.0
#include "net/network_view.hpp"

#include <algorithm>

namespace cluster::net {
namespace {

/// Are the first `prefix` bits of both the same?
template <std::size_t N>
bool same_subnet(std::array<unsigned char, N> const& a, std::array<unsigned char, N> const& b, unsigned prefix) {
    unsigned const whole = prefix / 8;
    if (!std::equal(a.begin(), a.begin() + whole, b.begin())) {
        return false;
    }
    unsigned const rest = prefix % 8;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool holds(placed_address const& subnet, address const& a) {
    if (subnet.address.is_v4() != a.is_v4() || subnet.prefix >= host_prefix(a)) {
        return false;
    }
    return a.is_v4() ? same_subnet(subnet.address.to_v4().to_bytes(), a.to_v4().to_bytes(), subnet.prefix)
                     : same_subnet(subnet.address.to_v6().to_bytes(), a.to_v6().to_bytes(), subnet.prefix);
}

} // namespace

void network_view::put(interface_info i) {
    auto& place = interfaces_[i.index];
    if (place != i) {
        place = std::move(i);
        ++version_;
    }
}

void network_view::remove_interface(unsigned index) {
    interfaces_.erase(index);
    std::erase_if(addresses_, [index](placed_address const& a) { return a.interface == index; });
    ++version_;
}

void network_view::put(placed_address const& a) { version_ += addresses_.insert(a).second ? 1u : 0u; }

void network_view::remove(placed_address const& a) { version_ += addresses_.erase(a); }

void network_view::clear() {
    interfaces_.clear();
    addresses_.clear();
    ++version_;
}

bool network_view::has(unsigned index, address const& a) const {
    return std::any_of(addresses_.begin(), addresses_.end(),
                       [&](placed_address const& placed) { return placed.interface == index && placed.address == a; });
}

interface_info const* network_view::find(unsigned index) const noexcept {
    auto const at = interfaces_.find(index);
    return at == interfaces_.end() ? nullptr : &at->second;
}

interface_info const* network_view::find(std::string const& name) const noexcept {
    auto const at = std::find_if(interfaces_.begin(), interfaces_.end(),
                                 [&](auto const& entry) { return entry.second.name == name; });
    return at == interfaces_.end() ? nullptr : &at->second;
}

interface_info const* network_view::owner_of(address const& a) const {
    auto const at = std::find_if(addresses_.begin(), addresses_.end(),
                                 [&](placed_address const& placed) { return placed.address == a; });
    return at == addresses_.end() ? nullptr : find(at->interface);
}

interface_info const* network_view::subnet_of(address const& a) const {
    placed_address const* best = nullptr;
    for (auto const& placed : addresses_) {
        if (holds(placed, a) && (best == nullptr || placed.prefix > best->prefix)) {
            best = &placed;
        }
    }
    return best == nullptr ? nullptr : find(best->interface);
}

} // namespace cluster::net
