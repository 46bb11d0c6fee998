// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dyad {

/// What happened, in order: the source of `dyad events`. Keeps the newest `capacity` events in memory; each is logged
/// too.
class event_log {
public:
    static constexpr std::size_t capacity = 2000;
    static constexpr std::size_t restored_at_most = 1000;

    struct entry {
        std::uint64_t id = 0;
        std::string time; ///< UTC, RFC 3339 with milliseconds; for people only
        std::string kind; ///< "state", "peer", "link", "health", "operator", "config", "process", …
        std::string text;
        std::string who; ///< operator's uid and name; empty: the program itself
        bool audit = false; ///< of the audit trail: what was done to the pair, and by whom
    };

    /// `important` events are logged as warnings.
    void add(std::string_view kind, std::string text, std::string who = {}, bool important = false);

    /// The same for the audit trail, which is also handed to `keep`.
    void audit(std::string_view kind, std::string text, std::string who);
    /// Called with each event of the audit trail.
    void on_audit(std::function<void(entry const&)> keep) { keep_ = std::move(keep); }
    /// The newest of what an earlier process kept, before all events of this one.
    void restore(std::vector<entry> earlier);

    [[nodiscard]] std::vector<entry> after(std::uint64_t id) const;
    [[nodiscard]] std::uint64_t last() const noexcept { return next_ - 1; }

    /// Calls `wake` once, as soon as there is an event after `id` (at once when there is one already).
    void when_after(std::uint64_t id, std::function<void()> wake);

private:
    void push(entry e, bool important);

    std::deque<entry> entries_;
    std::uint64_t next_ = 1;
    std::vector<std::function<void()>> waiting_;
    std::function<void(entry const&)> keep_;
};

boost::json::object to_json(event_log::entry const& e);

} // namespace dyad
