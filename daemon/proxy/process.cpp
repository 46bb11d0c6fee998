// SPDX-License-Identifier: Apache-2.0
#include "proxy/process.hpp"

#include "guardian/privileges.hpp"
#include "proxy/proxy_process.hpp"

#include <spdlog/spdlog.h>

#include <sys/resource.h>

#include <algorithm>

namespace dyad {

namespace {

constexpr rlim_t reserved_descriptors = 1024; ///< for listeners, channels, event loops and sockets kept for transparent services

/// A connection takes two descriptors; more connections than the limit allows would only fail later.
void fit_to_limit(balance::proxy::settings& s) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return;
    }
    auto const usable =
        limit.rlim_cur > 2 * reserved_descriptors ? limit.rlim_cur - reserved_descriptors : limit.rlim_cur / 2;
    s.max_connections = std::min<std::size_t>(s.max_connections, usable / 2);
}

} // namespace

int run_proxy_process(child_context ctx) {
    if (auto const dropped = drop_privileges(); !dropped) {
        spdlog::critical("{}", dropped.error().detail);
        return 1;
    }
    balance::proxy::settings settings;
    fit_to_limit(settings);
    proxy_process(ctx.guardian_fd, settings).run();
    return 0;
}

} // namespace dyad
