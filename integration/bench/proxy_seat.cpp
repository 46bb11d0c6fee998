// SPDX-License-Identifier: Apache-2.0
// A plain embedder of libbalance's proxy, measured by the bench "proxy": one thread, all servers up.
//
//   dyad_proxy_seat DIRECTORY     serves DIRECTORY/cluster.toml with DIRECTORY/certificates until its input ends
#include <balance/proxy.hpp>

#include <config/config.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>

namespace {

std::string read(std::filesystem::path const& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

balance::configuration configuration_in(std::filesystem::path const& directory) {
    auto const path = directory / "cluster.toml";
    auto parsed = dyad::config::parse_cluster(read(path), path.string(), {});
    if (!parsed.value)
        throw std::runtime_error(parsed.diagnostics.empty() ? path.string() : to_string(parsed.diagnostics.front()));
    auto out = std::move(parsed.value->services);
    for (auto const& entry : std::filesystem::directory_iterator(directory / "certificates"))
        out.certificates.emplace_back(entry.path().stem().string(), read(entry.path()));
    return out;
}

std::vector<balance::server_state> all_up(balance::configuration const& wanted) {
    std::vector<balance::server_state> out;
    for (auto const& s : wanted.services)
        for (auto const& v : s.servers)
            out.push_back({{s.name, v.name}, balance::health::up, balance::admin_state::online});
    return out;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 2)
            throw std::runtime_error("usage: dyad_proxy_seat DIRECTORY");
        auto const wanted = configuration_in(argv[1]);
        balance::proxy proxy({.threads = 1});
        proxy.apply(wanted, all_up(wanted));
        for (auto const& s : proxy.status())
            if (!s.not_served.empty())
                throw std::runtime_error(s.name + ": " + s.not_served);
        std::cin.get();
        return 0;
    } catch (std::exception const& e) {
        std::cerr << "dyad_proxy_seat: " << e.what() << '\n';
        return 1;
    }
}
