// SPDX-License-Identifier: Apache-2.0
// A secondary to be killed: replication_secondary DIRECTORY PORT. Says on standard output what its store held when it was
// opened, as "TERM GENERATION HASH NOTICE", and then replicates until it dies.
#include "replication_crash.hpp"

#include <sys/prctl.h>

#include <csignal>
#include <cstdio>

int main(int argc, char** argv) {
    if (argc != 3)
        return 2;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // no orphan, whatever becomes of the test
    auto store = cluster::generation_store::open(argv[1]);
    if (!store) {
        std::fprintf(stderr, "%s\n", store.error().detail.c_str());
        return 1;
    }
    boost::asio::io_context io{1};
    auto const port = static_cast<std::uint16_t>(std::stoul(argv[2]));
    cluster::replicator replicator(io.get_executor(), crash::settings(cluster::node_id::secondary, port), *store);
    if (auto r = replicator.start(); !r) {
        std::fprintf(stderr, "%s\n", r.error().detail.c_str());
        return 1;
    }
    std::printf("%s %s\n", crash::text_of(store->current_id()).c_str(), store->notice().c_str());
    std::fflush(stdout);
    io.run();
    return 0;
}
