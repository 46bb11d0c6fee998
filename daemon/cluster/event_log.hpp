// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dyad {

/// What happened, in order: the source of `dyad events`. Keeps the newest `capacity` events in memory; each is logged
/// too.
class event_log {
public:
    static constexpr std::size_t capacity = 2000;

    struct entry {
        std::uint64_t id = 0;
        std::string time; ///< UTC, RFC 3339 with milliseconds; for people only
        std::string kind; ///< "state", "peer", "link", "health", "operator", "config", "process", …
        std::string text;
        std::string who; ///< operator's uid and name; empty: the program itself
    };

    /// `important` events are logged as warnings.
    void add(std::string_view kind, std::string text, std::string who = {}, bool important = false);

    [[nodiscard]] std::vector<entry> after(std::uint64_t id) const;
    [[nodiscard]] std::uint64_t last() const noexcept { return next_ - 1; }

    /// Calls `wake` once, as soon as there is an event after `id` (at once when there is one already).
    void when_after(std::uint64_t id, std::function<void()> wake);

private:
    std::deque<entry> entries_;
    std::uint64_t next_ = 1;
    std::vector<std::function<void()>> waiting_;
};

boost::json::object to_json(event_log::entry const& e);

} // namespace dyad
