// SPDX-License-Identifier: Apache-2.0
// Whatever the peer says of the servers' health: what is understood is written again and understood as the same, and what is kept
// is bounded.
#include "cluster/peer_health.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void insist(bool ok) {
    if (!ok)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const m = dyad::parse_health_message({reinterpret_cast<char const*>(data), size});
    if (!m)
        return 0;
    insist(m->words.size() <= dyad::words_in_a_message);
    insist(dyad::parse_health_message(to_text(*m)) == m);
    balance::virtual_service s;
    s.name = "web";
    s.servers.push_back({.name = "s0", .address = boost::asio::ip::make_address("192.0.2.1"), .port = 80});
    dyad::server_states servers;
    servers.set_services({s}, 0);
    dyad::peer_health peer;
    peer.take(*m);
    for (auto const& seed : peer.seeds(servers))
        insist(m->active && seed.last.reason.size() <= 200 && seed.health != balance::health::unknown);
    insist(peer.otherwise(*m, servers).empty()); // nothing is known here
    return 0;
}
