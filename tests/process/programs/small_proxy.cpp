// SPDX-License-Identifier: Apache-2.0
// A proxy's program for tests of the guardian: small_proxy JOURNAL serves|mute|dies --channel N
#include "guardian/child.hpp"
#include "small_children.hpp"

#include <cstdlib>
#include <string>

#include <unistd.h>

int main(int argc, char** argv) {
    if (argc != 5 || std::string(argv[3]) != "--channel") {
        return 2;
    }
    test::journal const out(argv[1]);
    std::string const manner = argv[2];
    out.write("program started " + std::to_string(::getpid()));
    if (manner == "dies") {
        return 3;
    }
    auto const live = [&](dyad::child_context ctx) { return test::small_worker(ctx, "proxy", out, manner == "serves"); };
    return dyad::live_in_program("proxy", live, std::atoi(argv[4]));
}
