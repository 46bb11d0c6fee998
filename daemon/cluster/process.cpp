// SPDX-License-Identifier: Apache-2.0
#include "cluster/process.hpp"

#include "api/server.hpp"
#include "cluster/core.hpp"
#include "cluster/operations.hpp"

#include <boost/asio/signal_set.hpp>

#include <malloc.h>

#include <cstdio>
#include <utility>

namespace dyad {

namespace {

int refuse(std::string const& text, int code) {
    std::fprintf(stderr, "dyadd: %s\n", text.c_str());
    return code;
}

int refuse(std::vector<config::diagnostic> const& faults) {
    for (auto const& fault : faults) {
        std::fprintf(stderr, "%s\n", config::to_string(fault).c_str());
    }
    return exit_configuration;
}

int exit_code_of(balance::error const& e) {
    return e.code == balance::errc::invalid_configuration ? exit_configuration : exit_refused;
}

/// Larger blocks go back to the kernel when they are freed. Left to itself, malloc raises this bound with every large block
/// that is freed, and texts of configurations leave holes in memory that is locked.
constexpr int large_block = 128 * 1024;

} // namespace

int run_cluster_process(cluster_process_context ctx) {
    ::mallopt(M_MMAP_THRESHOLD, large_block);
    auto const node_file = ctx.config_dir / "node.toml";
    auto const text = read_file(node_file);
    if (!text) {
        return refuse(text.error().detail + "; 'dyad init' writes a first one", exit_configuration);
    }
    std::error_code ignored;
    bool const have_key = std::filesystem::exists(ctx.config_dir / "cluster.key", ignored);
    auto const pair_text = read_file(ctx.config_dir / "pair.toml");
    config::outcome<config::pair_config> pair;
    if (pair_text) {
        pair = config::parse_pair(*pair_text, "pair.toml");
        if (!pair.value) {
            return refuse(pair.diagnostics);
        }
    }
    config::surroundings const around{have_key, std::nullopt, pair.value && !pair.value->links.empty()};
    auto self = config::parse_node(*text, "node.toml", around);
    if (!self.value) {
        return refuse(self.diagnostics);
    }
    auto named_links = self.value->links;
    if (!have_key) {
        self.value->links.clear(); // what waits for a key runs alone
    } else if (pair.value) {
        self.value = config::joined(std::move(*self.value), *pair.value);
    }
    boost::asio::io_context io(1);
    core c(io, ctx, std::move(*self.value), std::move(named_links));
    if (auto started = c.start(); !started) {
        return refuse(started.error().detail, exit_code_of(started.error()));
    }
    api::server control(io.get_executor(), operations(c, io.get_executor()));
    for (auto const& [name, read_only] : {std::pair{"dyad.sock", false}, std::pair{"dyad-ro.sock", true}}) {
        if (auto listening = control.listen(ctx.run_dir / name, read_only); !listening) {
            return refuse(listening.error().detail, exit_refused);
        }
    }
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&c](boost::system::error_code ec, int) {
        if (!ec) {
            c.leave("a signal asked for it");
        }
    });
    c.announce_ready();
    io.run();
    return 0;
}

} // namespace dyad
