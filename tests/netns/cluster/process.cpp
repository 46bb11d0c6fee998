// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"

#include "client.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <system_error>

namespace lab {

node_process::node_process(network_namespace const& where, cluster::node_settings const& s) {
    pid_ = ::fork();
    if (pid_ < 0) {
        throw std::system_error(errno, std::generic_category(), "fork");
    }
    if (pid_ > 0) {
        return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    where.enter();
    echo_server const server{where, s.floating.at(0).address.to_string()};
    cluster::node node{s};
    if (!node.start()) {
        ::_exit(1);
    }
    node.set_local_health({.ready = true, .synchronised = true});
    for (;;) {
        ::pause();
    }
}

node_process::~node_process() { kill(); }

void node_process::signal(int number) const { ::kill(pid_, number); }

void node_process::kill() {
    if (pid_ > 0) {
        signal(SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
}

} // namespace lab
