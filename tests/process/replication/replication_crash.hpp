// SPDX-License-Identifier: Apache-2.0
// What the crash test and the process that it kills agree on.
#pragma once

#include <cluster/replicator.hpp>

#include <boost/asio/io_context.hpp>

#include <string>

namespace crash {

inline cluster::replicator_settings settings(cluster::node_id self, std::uint16_t port) {
    std::array<std::uint8_t, cluster::key::size> secret{};
    secret.fill(7);
    auto const primary = boost::asio::ip::make_address("127.0.0.1");
    auto const secondary = boost::asio::ip::make_address("127.0.0.2");
    bool const first = self == cluster::node_id::primary;
    cluster::replicator_settings s{self, first ? "lb1" : "lb2", cluster::key(secret), {}, port, 1u << 20, {}, {}, {}};
    s.timeout = cluster::milliseconds{5000};
    s.alive = cluster::milliseconds{1000};
    s.dead = cluster::milliseconds{3000};
    s.paths = {{first ? primary : secondary, first ? secondary : primary, "lo"}};
    return s;
}

inline std::string text_of(cluster::generation_id const& id) {
    auto text = std::to_string(id.version.term) + " " + std::to_string(id.version.generation) + " ";
    for (auto byte : id.hash) {
        text.push_back("0123456789abcdef"[byte >> 4]);
        text.push_back("0123456789abcdef"[byte & 15]);
    }
    return text;
}

} // namespace crash
