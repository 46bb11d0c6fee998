// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>
#include <cli/owner_report.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

namespace dyad::cli {

/// Asks the stations of this machine's networks who owns some addresses, again and again, on a thread of its own. A station's
/// own kernel hears the answers, too: a machine that watches learns of a new owner sooner than one that doesn't.
class owner_watch {
public:
    using clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds period{20}; ///< of the questions for one address

    /// Errors: `not_permitted` without CAP_NET_RAW; `refused` where no interface of this machine has a network that an address is
    /// in, and for an address that is this machine's own; `not_supported` for an interface that is no Ethernet; `io_error`.
    static balance::result<std::unique_ptr<owner_watch>> start(std::vector<balance::address> const& addresses,
                                                               clock::time_point epoch);
    ~owner_watch();
    owner_watch(owner_watch const&) = delete;
    owner_watch& operator=(owner_watch const&) = delete;

    /// Questions so far whose time is over, of the address with that index, without the first `known`; µs since the epoch.
    [[nodiscard]] std::vector<owner_sample> samples(std::size_t address, std::size_t known = 0) const;

private:
    struct impl;
    explicit owner_watch(std::unique_ptr<impl> i);
    std::unique_ptr<impl> impl_;
};

} // namespace dyad::cli
