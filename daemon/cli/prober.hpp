// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>
#include <cli/probe_report.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dyad::cli {

/// Sits where a client sits: a new TCP connection at fixed times, whatever became of the ones before, on a thread of its
/// own.
class prober {
public:
    struct settings {
        balance::endpoint target;
        std::optional<balance::address> source; ///< the system's choice without
        std::string path;                       ///< asked for with HTTP GET; empty: the connection is all
        std::chrono::milliseconds every{20};    ///< 1 ms to 1 min
        std::chrono::milliseconds patience{3000}; ///< for one attempt
    };

    explicit prober(settings s);
    ~prober(); ///< stops
    prober(prober const&) = delete;
    prober& operator=(prober const&) = delete;

    /// Begins no more attempts, waits for those under way, as long as its patience.
    void stop();

    /// Microseconds since it began.
    [[nodiscard]] std::int64_t now() const;
    /// What has ended so far.
    [[nodiscard]] std::vector<attempt> attempts() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace dyad::cli
