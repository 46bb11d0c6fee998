// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/program.hpp"
#include "ipc/descriptor.hpp"

#include <balance/error.hpp>

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dyad {

/// What a child process gets on its way.
struct child_context {
    int guardian_fd = -1;                           ///< ipc::channel to the guardian; owned by the child
    std::atomic<std::uint64_t>* liveness = nullptr; ///< shared with the guardian; the cluster process writes it
};

/// A child's whole life; what it returns is the process's exit code.
using child_entry = std::function<int(child_context)>;

struct child_spec {
    std::string name; ///< "cluster", "checker", "proxy"
    child_entry run;
    std::vector<int> keep;                          ///< descriptors beside 0 to 2 that it inherits
    std::atomic<std::uint64_t>* liveness = nullptr; ///< passed on
    /// Started in the place of `run`, with "--channel" and the number of the channel's descriptor behind its arguments; null:
    /// the child goes on in this program.
    std::shared_ptr<dyad::program const> program{};
};

/// A running child as its parent holds it.
struct child {
    pid_t pid = -1;
    ipc::descriptor pidfd;  ///< readable when it has ended
    ipc::descriptor socket; ///< for an ipc::channel
};

/// What a child says on its channel before it ends because its program cannot be started, with the reason as "text".
inline constexpr char const* not_a_program = "not_a_program";

/// Forks a child that runs `spec.run` in this program, or another program. It starts with default signal handling (SIGINT, SIGHUP and
/// SIGPIPE ignored: a terminal sends them to the whole group, and the guardian speaks for all), none of our descriptors
/// but those kept, and without systemd's variables. The caller must have one thread. Errors: `io_error`.
balance::result<child> start_child(child_spec const& spec);

/// The life of a child in a program of its own, to which `start_child` gave the channel `socket`. Returns its exit code.
int live_in_program(std::string const& name, child_entry const& run, int socket);

/// How a child ended.
struct child_end {
    bool exited = false; ///< by itself, with `code`; else by signal `code`
    int code = 0;

    [[nodiscard]] bool clean() const noexcept { return exited && code == 0; }
    /// "ended with exit code 1", "was killed by signal 9 (Killed)".
    [[nodiscard]] std::string text() const;
};

/// Reaps a child whose pidfd is readable.
child_end reap(child const& c);

} // namespace dyad
