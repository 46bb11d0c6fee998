// SPDX-License-Identifier: Apache-2.0
#include "core/client_index.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace balance::core {
namespace {

namespace ip = boost::asio::ip;

/// Keeps the first `bits` bits of an address.
void mask(std::uint8_t* bytes, std::size_t size, unsigned bits) noexcept {
    for (std::size_t i = 0; i < size; ++i) {
        unsigned const here = std::min(bits, 8u);
        bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00u >> here));
        bits -= here;
    }
}

/// The finaliser of MurmurHash3: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t v) noexcept {
    v = (v ^ (v >> 33)) * 0xff51afd7ed558ccdULL;
    v = (v ^ (v >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return v ^ (v >> 33);
}

/// Its bytes are those of the key in memory.
template <class Address>
Address read(client_key const& k) noexcept {
    typename Address::bytes_type bytes;
    std::memcpy(bytes.data(), &k.high, std::min(bytes.size(), sizeof k.high));
    if (bytes.size() > sizeof k.high)
        std::memcpy(bytes.data() + sizeof k.high, &k.low, sizeof k.low);
    return Address(bytes);
}

} // namespace

client_key key_of(address const& client, unsigned bits, std::uint32_t service) noexcept {
    std::array<std::uint8_t, 16> place{};
    bool const v4 = client.is_v4() || client.to_v6().is_v4_mapped();
    auto const put = [&](auto const& bytes) {
        std::copy(bytes.begin(), bytes.end(), place.begin());
        mask(place.data(), bytes.size(), std::min(bits, static_cast<unsigned>(8 * bytes.size())));
    };
    if (v4)
        put((client.is_v4() ? client.to_v4() : ip::make_address_v4(ip::v4_mapped, client.to_v6())).to_bytes());
    else
        put(client.to_v6().to_bytes());
    client_key k;
    std::memcpy(&k.high, place.data(), sizeof k.high);
    std::memcpy(&k.low, place.data() + sizeof k.high, sizeof k.low);
    k.kind = service << 8 | (v4 ? 4u : 6u);
    return k;
}

address client_of(client_key const& k) noexcept {
    return (k.kind & 0xff) == 4 ? address(read<ip::address_v4>(k)) : address(read<ip::address_v6>(k));
}

std::uint64_t hash_of(client_key const& k, std::uint64_t seed) noexcept { return mix(mix(mix(seed ^ k.kind) ^ k.high) ^ k.low); }

} // namespace balance::core
