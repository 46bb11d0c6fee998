// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/values.hpp"

#include <balance/proxy.hpp>
#include <balance/service.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace dyad {

/// Holds the errors that traffic met at one server against a limit. The time is measured a sixteenth too long at most. Pure.
class error_tally {
public:
    using clock = std::chrono::steady_clock;

    /// Takes in how many there were ever. True when there are `limit.errors` within `limit.within`: then it counts anew, and is
    /// not true again for a second, in which the server's check tells more.
    bool note(std::uint64_t total, clock::time_point now, balance::observation const& limit);
    /// What was before does not count.
    void forget() { samples_.clear(); }

private:
    struct sample {
        clock::time_point at;
        std::uint64_t total = 0;
    };
    std::deque<sample> samples_; ///< the first one is where the time begins
    clock::time_point quiet_until_{};
};

/// Finds the servers at which clients' traffic fails too often. Pure.
class error_watch {
public:
    /// What is counted already stays. Only servers that are up are watched, from the moment they are.
    void configure(std::span<balance::virtual_service const> services, std::span<balance::server_state const> states);
    /// Nobody wants it.
    [[nodiscard]] bool empty() const noexcept { return watched_.empty(); }
    /// `now`: all that there is. Asked every tenth of a second.
    std::vector<ipc::error_report> look(std::span<balance::server_errors const> errors, error_tally::clock::time_point now);

private:
    struct watched {
        balance::observation limit;
        std::string reason;
        bool up = false;
        error_tally tally{};
    };
    std::map<balance::server_key, watched> watched_;
};

} // namespace dyad
