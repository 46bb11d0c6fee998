// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "guardian/guardian.hpp"
#include "ipc/channel.hpp"
#include "support/temporary_directory.hpp"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// What guardian and children do, line by line, in a file that all of them append to and the test reads.
class journal {
public:
    explicit journal(std::filesystem::path file) : file_(std::move(file)) {}

    void write(std::string const& line) const;
    [[nodiscard]] std::vector<std::string> lines() const;
    /// The number of lines that begin so.
    [[nodiscard]] std::size_t count(std::string_view beginning) const;
    /// The rest of the newest line that begins so; empty when there is none.
    [[nodiscard]] std::string last(std::string_view beginning) const;
    /// The place of the first line that begins so.
    [[nodiscard]] std::size_t place(std::string_view beginning) const;

private:
    std::filesystem::path file_;
};

/// True as soon as `condition` is; false when it is not within `limit`.
bool within(std::chrono::milliseconds limit, std::function<bool()> const& condition);

/// Is there such a process, dead ones that nobody has reaped apart?
bool alive(pid_t pid);

/// How the cluster process of a test behaves.
struct cluster_manners {
    std::chrono::milliseconds deadtime{0}; ///< told to the guardian and kept with heartbeats; 0: not told
    std::vector<boost::json::object> says; ///< sent to the guardian at the start
    bool ignores_stop = false;
    std::optional<int> ends_at_once; ///< exit code
    std::filesystem::path program = DYAD_SMALL_PROXY; ///< that replaces the proxy on SIGHUP
    std::string program_manner = "serves";            ///< as programs/small_proxy.cpp
};

/// A real guardian with three small real children: each writes to the journal what it sees, under its name.
///
/// "cluster started PID", "cluster got TYPE …", "proxy linked" (a message of the other end of its connection came),
/// "remove ADDRESS…" and "goodbye N" for what the guardian does with addresses and datagrams.
class guardian_lab {
public:
    explicit guardian_lab(cluster_manners manners = {});
    ~guardian_lab(); ///< kills what is left
    guardian_lab(guardian_lab const&) = delete;
    guardian_lab& operator=(guardian_lab const&) = delete;

    void start();
    /// Waits for the guardian's end; its exit code, or -1 when it is killed or goes on.
    int exit_code(std::chrono::milliseconds limit = std::chrono::seconds(10));
    /// The present process of that name; 0 when it never started.
    [[nodiscard]] pid_t pid_of(std::string const& name) const;
    /// The one started last.
    [[nodiscard]] pid_t guardian() const noexcept { return guardian_; }
    /// Everything started and connected.
    [[nodiscard]] bool complete() const;
    [[nodiscard]] dyad::guardian_settings settings() const;

    test::journal const& log() const noexcept { return journal_; }
    [[nodiscard]] std::filesystem::path directory() const { return directory_.path(); }
    [[nodiscard]] std::string complaints() const; ///< the guardian's stderr

private:
    temporary_directory directory_;
    journal journal_;
    cluster_manners manners_;
    pid_t guardian_ = -1;          ///< the newest
    std::vector<pid_t> guardians_; ///< not reaped yet
};

} // namespace test
