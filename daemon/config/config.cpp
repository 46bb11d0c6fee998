// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <config/config.hpp>

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
    auto const add = [&out](balance::address const& a, std::string const& network) {
        auto const same = std::find_if(out.begin(), out.end(), [&](floating_ip const& f) { return f.address == a; });
        if (same == out.end()) {
            out.push_back({a, network});
        } else if (same->network.empty()) {
            same->network = network; // said at one of its places is enough
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
