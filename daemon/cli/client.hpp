// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

namespace dyad::cli {

/// Talks to a running dyadd: HTTP over its unix socket, one connection a request. Blocking.
class client {
public:
    explicit client(std::filesystem::path run_dir) : run_dir_(std::move(run_dir)) {}

    /// The answer's document. Errors: `not_found` when no daemon listens, `not_permitted` when the socket may not be
    /// used, `timed_out`, `protocol_error`, and `refused` with what the daemon says, faults first, one a line.
    /// Reading falls back to the socket that everyone may read.
    [[nodiscard]] balance::result<boost::json::object> get(std::string const& target) const;
    [[nodiscard]] balance::result<boost::json::object> post(std::string const& target,
                                                            boost::json::object const& body) const;

    /// How long an answer may take; a configuration that a slow peer prepares takes seconds.
    static constexpr std::chrono::seconds patience{60};

private:
    std::filesystem::path run_dir_;
};

/// A value of a query (RFC 3986 §2.1).
[[nodiscard]] std::string escaped(std::string_view value);

} // namespace dyad::cli
