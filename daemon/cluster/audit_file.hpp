// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/event_log.hpp"

#include <balance/error.hpp>

#include <cstddef>
#include <filesystem>
#include <vector>

namespace dyad {

/// The audit trail on disk: STATE_DIR/audit.log, an event a line as JSON, oldest first. When it is full it becomes
/// audit.log.1 in place of the one before, so both together are bounded.
class audit_file {
public:
    static constexpr std::size_t usual_size = 1u << 20; ///< bytes of each of the two

    explicit audit_file(std::filesystem::path const& state_dir, std::size_t size = usual_size)
        : file_(state_dir / "audit.log"), older_(state_dir / "audit.log.1"), size_(size) {}

    /// Durable when it returns. Errors: `io_error`.
    balance::result<> append(event_log::entry const& e);
    /// What is kept, oldest first; lines that a crash cut off are left out.
    [[nodiscard]] std::vector<event_log::entry> load() const;

private:
    std::filesystem::path file_;
    std::filesystem::path older_;
    std::size_t size_;
};

} // namespace dyad
