// SPDX-License-Identifier: Apache-2.0
#include "net/real_time.hpp"

#include "net/capabilities.hpp"

#include <linux/capability.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>

namespace cluster::net {
namespace {

constexpr std::size_t prefaulted_stack = 128 * 1024;
constexpr int as_it_comes_into_use = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;

std::atomic<bool> memory_is_locked{false}; ///< the process's, as mlockall's work is

[[gnu::noinline]] void touch_stack() {
    std::array<char, prefaulted_stack> pages;
    ::explicit_bzero(pages.data(), pages.size());
}

bool may_lock_without_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) {
        return true;
    }
    return has_capability(CAP_IPC_LOCK);
}

} // namespace

std::string make_real_time(int priority) {
    touch_stack();
    sched_param const parameter{.sched_priority = priority};
    int const number = ::pthread_setschedparam(::pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter);
    if (number == 0) {
        return {};
    }
    return "the heartbeat thread runs without real-time priority (" + std::generic_category().message(number) +
           "): a busy machine may look dead to its peer; give the process CAP_SYS_NICE or LimitRTPRIO=50";
}

std::string lock_memory() {
    if (!may_lock_without_limit()) {
        return "memory is not locked: a machine that swaps may look dead to its peer; give the process CAP_IPC_LOCK or "
               "LimitMEMLOCK=infinity";
    }
    if (::mlockall(as_it_comes_into_use) != 0) {
        return "memory is not locked (" + std::generic_category().message(errno) +
               "): a machine that swaps may look dead to its peer";
    }
    memory_is_locked = true;
    return {};
}

void give_back_memory() {
    bool const locked = memory_is_locked;
    if (locked) {
        ::munlockall(); // malloc asks with MADV_DONTNEED, which locked memory refuses
    }
    ::malloc_trim(0);
    if (locked) {
        memory_is_locked = ::mlockall(as_it_comes_into_use) == 0;
    }
}

} // namespace cluster::net
