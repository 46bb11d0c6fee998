// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>
#include <cli/probe_report.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dyad::cli {

/// Sits where a client sits: a new TCP connection or a ping at fixed times, whatever became of the ones before, on a
/// thread of its own.
class prober {
public:
    using clock = std::chrono::steady_clock;

    struct settings {
        balance::endpoint target;                 ///< port 0 with `ping`
        std::optional<balance::address> source;   ///< the system's choice without
        std::string path;                         ///< asked for with HTTP GET; empty: the connection is all
        std::chrono::milliseconds every{20};      ///< 1 ms to 1 min
        std::chrono::milliseconds patience{3000}; ///< for one attempt
        bool ping = false;                        ///< ICMP echo in the place of a connection
    };

    /// Times are counted from `epoch`.
    explicit prober(settings s, clock::time_point epoch = clock::now());
    ~prober(); ///< stops
    prober(prober const&) = delete;
    prober& operator=(prober const&) = delete;

    /// Begins no more attempts, waits for those under way, as long as its patience.
    void stop();

    /// Microseconds since `epoch`.
    [[nodiscard]] std::int64_t now() const;
    /// What has ended so far, without the first `known` of them.
    [[nodiscard]] std::vector<attempt> attempts(std::size_t known = 0) const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// "192.0.2.1:80", "http://192.0.2.1:80/health", "ping:192.0.2.1": what reports call it, and `parse_target` reads.
[[nodiscard]] std::string name_of(prober::settings const& s);
/// The reverse; `path` is of the HTTP request that is made where the text names an address and port alone, empty: none.
/// Errors: `invalid_configuration` with what would be right.
[[nodiscard]] balance::result<prober::settings> parse_target(std::string const& text, std::string const& path);

} // namespace dyad::cli
