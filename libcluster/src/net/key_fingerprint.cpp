// SPDX-License-Identifier: Apache-2.0
#include "net/openssl_suite.hpp"

#include <algorithm>
#include <string_view>

namespace cluster {

std::uint64_t key::fingerprint() const {
    constexpr std::string_view salt = "dyad key 1";
    constexpr std::string_view info = "fingerprint";
    auto const bytes_of = [](std::string_view text) {
        return wire::byte_view{reinterpret_cast<std::uint8_t const*>(text.data()), text.size()};
    };
    auto const derived = net::make_openssl_suite(*this)->derive(bytes_of(salt), bytes_of(info));
    std::uint64_t print = 0;
    for (std::size_t i = 0; i < sizeof print; ++i) {
        print = print << 8 | derived[i];
    }
    return std::max<std::uint64_t>(print, 1);
}

} // namespace cluster
