// SPDX-License-Identifier: Apache-2.0
#include "checker/process.hpp"

#include "checker/checker_process.hpp"
#include "checker/icmp_sockets.hpp"
#include "guardian/privileges.hpp"

#include <spdlog/spdlog.h>

namespace dyad {

int run_checker_process(child_context ctx) {
    icmp_sockets const icmp;
    if (auto const dropped = drop_privileges(); !dropped) {
        spdlog::critical("{}", dropped.error().detail);
        return 1;
    }
    balance::checker::settings settings;
    settings.icmp_v4 = icmp.v4.get();
    settings.icmp_v6 = icmp.v6.get();
    checker_process(ctx.guardian_fd, settings).run();
    return 0;
}

} // namespace dyad
