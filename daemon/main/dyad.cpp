// SPDX-License-Identifier: Apache-2.0
#include <cli/app.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN); // a reader that leaves ends --follow and --watch through the stream's state
    auto const* no_colour = std::getenv("NO_COLOR"); // https://no-color.org: set and not empty
    dyad::cli::environment env{std::cout, std::cerr};
    env.colour = ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
    env.in = &std::cin;
    env.asks = ::isatty(STDIN_FILENO) == 1;
    return dyad::cli::run({argv + 1, argv + argc}, env);
}
