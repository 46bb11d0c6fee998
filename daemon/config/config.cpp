// SPDX-License-Identifier: Apache-2.0
#include <config/config.hpp>
#include <map>

namespace dyad::config {

std::string to_string(diagnostic const& d) {
    std::string out = d.file;
    if (d.line != 0) {
        out += ':' + std::to_string(d.line) + ':' + std::to_string(d.column);
    }
    return out + (d.warning ? ": warning: " : ": ") + d.message;
}

std::vector<floating_ip> cluster_config::all_floating() const {
    std::vector<floating_ip> out;
    std::map<balance::address, std::size_t> places;
    auto const add = [&](balance::address const& a, std::string const& network) {
        auto const [known, is_new] = places.emplace(a, out.size());
        if (is_new) {
            out.push_back({a, network});
        } else if (auto& first = out[known->second]; first.network.empty()) {
            first.network = network; // said at one of its places is enough
        }
    };
    for (auto const& s : services.services) {
        if (s.address) {
            add(*s.address, s.network);
        }
    }
    for (auto const& f : floating) {
        add(f.address, f.network);
    }
    return out;
}

} // namespace dyad::config
