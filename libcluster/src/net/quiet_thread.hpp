// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace cluster::net {

/// Starts a thread on which no signal of the process is handled: that is the business of the program around it, and a
/// handler would take the heartbeat's time. `name`: at most 15 bytes.
template <class F>
std::thread quiet_thread(char const* name, F f) {
    sigset_t blocked;
    sigset_t before;
    ::sigfillset(&blocked);
    for (int const fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP}) {
        ::sigdelset(&blocked, fault); // these end the process in any case, and a debugger or sanitizer wants to know
    }
    ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
    std::thread t{[name, run = std::move(f)] {
        ::pthread_setname_np(::pthread_self(), name);
        run();
    }};
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return t;
}

} // namespace cluster::net
