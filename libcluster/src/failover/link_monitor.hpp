// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "failover/events.hpp"

#include <cstddef>
#include <vector>

namespace cluster::failover {

/// Remembers when the peer was heard on which link. It judges nothing: what silence means is the machine's to say.
class link_monitor {
public:
    struct link {
        bool usable = true;
        bool alive = false;      ///< heard within deadtime
        time_point last_heard{}; ///< or began to be listened for
    };

    link_monitor(std::size_t links, time_point now) : links_(links, link{.last_heard = now}), silent_since_(now) {}

    /// A heartbeat came in on link `i`; true when that link was not alive before.
    bool heard(std::size_t i, time_point now) noexcept {
        silent_since_ = now;
        if (i >= links_.size())
            return false;
        link& l = links_[i];
        bool const came_up = !l.alive;
        l.alive = true;
        l.last_heard = now;
        return came_up;
    }

    /// The interface of link `i` changed; true when that is news.
    bool set_usable(std::size_t i, bool usable) noexcept {
        if (i >= links_.size() || links_[i].usable == usable)
            return false;
        links_[i].usable = usable;
        return true;
    }

    /// Link `i` is not alive any more.
    void silence(std::size_t i) noexcept { links_[i].alive = false; }

    /// This node could not listen before `now`: silence counts from here.
    void was_deaf(time_point now) noexcept {
        silent_since_ = now;
        for (link& l : links_)
            l.last_heard = now;
    }

    /// Since when nothing was heard on any link although this node listened.
    [[nodiscard]] time_point silent_since() const noexcept { return silent_since_; }
    [[nodiscard]] std::vector<link> const& links() const noexcept { return links_; }

private:
    std::vector<link> links_;
    time_point silent_since_;
};

} // namespace cluster::failover
