// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/status.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace dyad {

/// What layer 7 did, added up over the proxy processes: the one that serves, those that were replaced and finish what they have,
/// and those that have ended. Pure.
class proxy_totals {
public:
    /// What a process says; `whole`: all there is, else what changed.
    void take(std::int64_t pid, bool whole, std::uint64_t connections, std::vector<balance::service_status> services);
    /// Which process serves (0 or less: none now), and which were replaced and finish what they have.
    void set_roles(std::int64_t serving, std::set<std::int64_t> const& replaced);
    /// What a process that had been replaced has counted stays. What one has that died is shown until another one serves.
    void gone(std::int64_t pid);

    /// The services that the process knows which serves, in its order.
    [[nodiscard]] std::vector<balance::service_status> sum() const;
    /// Clients' connections of that process.
    [[nodiscard]] std::uint64_t connections(std::int64_t pid) const;

private:
    struct process {
        std::vector<balance::service_status> services;
        std::uint64_t connections = 0;
    };

    std::int64_t serving_ = 0;
    std::set<std::int64_t> replaced_;
    std::map<std::int64_t, process> living_; ///< by pid
    std::map<std::string, balance::service_status> past_; ///< counters alone
};

} // namespace dyad
