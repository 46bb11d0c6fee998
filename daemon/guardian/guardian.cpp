// SPDX-License-Identifier: Apache-2.0
#include "guardian/guardian.hpp"

#include "guardian/lock_file.hpp"
#include "guardian/supervisor.hpp"

#include <spdlog/spdlog.h>

#include <sys/resource.h>

#include <exception>
#include <utility>

namespace dyad {

namespace {

/// What a cluster process that lost its guardian may take to hand over, and some more.
constexpr std::chrono::seconds patience{5};

/// Every connection of the proxy takes two descriptors; children inherit the limit.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

} // namespace

int run_guardian(guardian_settings settings) {
    std::vector<ipc::descriptor> locks;
    std::vector<int> inherited;
    for (auto const& [directory, mode] : {std::pair{settings.state_dir, 0700u}, std::pair{settings.run_dir, 0755u}}) {
        if (directory == settings.state_dir && !locks.empty()) {
            continue; // one directory for both: one lock
        }
        auto lock = lock_directory(directory, mode, patience);
        if (!lock) {
            spdlog::critical("{}", lock.error().detail);
            return 1;
        }
        inherited.push_back(lock->get());
        locks.push_back(std::move(*lock));
    }
    raise_descriptor_limit();
    try {
        supervisor guardian(std::move(settings), std::move(inherited));
        return guardian.run();
    } catch (std::exception const& e) {
        spdlog::critical("guardian: {}", e.what());
        return 1;
    }
}

} // namespace dyad
