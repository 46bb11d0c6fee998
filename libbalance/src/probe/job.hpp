// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/tracker.hpp"
#include "probe/environment.hpp"
#include "probe/history.hpp"
#include "probe/probe.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <random>

namespace balance::probe {

/// One check, again and again: starts its probe every interval, ends it when its time is over, keeps track of the
/// health.
class job : public std::enable_shared_from_this<job> {
public:
    using clock = std::chrono::steady_clock;

    job(environment& env, order o, health seed);

    /// Runs first after `delay`. `on_change` is called whenever the health has changed, never from within `start`.
    void start(clock::duration delay, std::function<void()> on_change);
    /// Ends it for good, a running probe too.
    void stop();
    /// The same when no event loop will run any more.
    void abandon();

    [[nodiscard]] order const& what() const noexcept { return *order_; }
    [[nodiscard]] balance::health state() const noexcept { return tracker_.state(); }
    [[nodiscard]] check_result const& last() const noexcept { return last_; }
    [[nodiscard]] history const& past() const noexcept { return past_; }
    [[nodiscard]] clock::time_point last_at() const noexcept { return last_at_; }
    [[nodiscard]] clock::time_point changed_at() const noexcept { return changed_at_; }

private:
    void wait_until(clock::time_point when);
    void begin();
    void run();
    void out_of_time();
    void finished(check_result result);
    /// True when the health changed.
    bool note(check_result result, clock::time_point now);
    /// Nothing is about to change.
    [[nodiscard]] bool settled() const noexcept;
    /// From one start to the next.
    [[nodiscard]] milliseconds pause() const noexcept;

    environment& env_;
    std::shared_ptr<order const> order_;
    probe_maker make_;
    core::health_tracker tracker_;
    boost::asio::steady_timer timer_;
    std::minstd_rand jitter_;
    std::shared_ptr<probe> running_;
    std::function<void()> on_change_;
    check_result last_;
    history past_;
    clock::time_point started_;
    clock::time_point last_at_;
    clock::time_point changed_at_;
    unsigned connects_left_ = 0; ///< until the next whole check
    bool plain_ = false;         ///< the present run only connects
    bool stopped_ = false;
};

} // namespace balance::probe
