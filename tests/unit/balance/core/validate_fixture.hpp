// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/validate.hpp>

#include <string>
#include <utility>
#include <vector>

namespace balance::test {

inline address ip(char const* text) { return boost::asio::ip::make_address(text); }

inline virtual_service named_service(std::string name, mode m, char const* where, std::vector<port_range> ports) {
    virtual_service s;
    s.name = std::move(name);
    s.mode = m;
    s.address = ip(where);
    s.ports = std::move(ports);
    s.servers = {{"a", ip("192.0.2.1")}};
    return s;
}

inline virtual_service web_service() { return named_service("Web", mode::nat, "192.0.2.100", {{80, 80}}); }

using paths = std::vector<std::string>;

/// The paths of all faults, joined with dots.
inline paths faults_of(std::vector<virtual_service> services) {
    paths out;
    for (auto const& f : validate({std::move(services), {}})) {
        std::string path = f.warning ? "warning " : "";
        for (auto const& step : f.path) {
            path += (path.empty() || path.back() == ' ' ? "" : ".") + step;
        }
        out.push_back(path);
    }
    return out;
}

template <class Change>
paths after(Change change, virtual_service s = web_service()) {
    change(s);
    return faults_of({s});
}

} // namespace balance::test
