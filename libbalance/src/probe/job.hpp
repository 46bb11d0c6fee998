// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/tracker.hpp"
#include "probe/clockwork.hpp"
#include "probe/environment.hpp"
#include "probe/history.hpp"
#include "probe/probe.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>

namespace balance::probe {

/// One check, again and again: starts its probe every interval, ends it when its time is over, keeps track of the
/// health.
class job : public std::enable_shared_from_this<job>, private clockwork::entry {
public:
    using clock = std::chrono::steady_clock;

    job(environment& env, order o, health seed);

    enum class news : std::uint8_t {
        result, ///< another success or reason; or a noticeably other latency, once in `checker::settings::latency_period`
        health, ///< the health changed; implies `result`
    };

    /// Runs first after `delay`. `on_news` is never called from within `start`.
    void start(clock::duration delay, std::function<void(news)> on_news);
    /// Pauses take so many times as long from now on, unless results contradict the state.
    void pace(unsigned factor) noexcept { pace_ = factor; }
    /// The next run begins after `delay` at the latest; one that is under way goes on.
    void hasten(clock::duration delay);
    /// As somebody else found out, where nothing is known; true when that was so.
    bool seed(balance::health said, check_result why);
    /// Clients' traffic failed at the server: a failed run, or its end, and the next run begins at once. False when it is not up,
    /// or up without a check.
    bool report_errors(std::string reason, bool take_down);
    /// Ends it for good, a running probe too.
    void stop();
    /// The same when no event loop will run any more.
    void abandon();

    [[nodiscard]] order const& what() const noexcept { return *order_; }
    [[nodiscard]] balance::health state() const noexcept { return tracker_.state(); }
    [[nodiscard]] check_result const& last() const noexcept { return last_; }
    /// Somebody is told `last` now.
    void note_told() noexcept;
    [[nodiscard]] history const& past() const noexcept { return past_; }
    [[nodiscard]] clock::time_point last_at() const noexcept { return last_at_; }
    [[nodiscard]] clock::time_point changed_at() const noexcept { return changed_at_; }

private:
    /// The next run's time has come, or the present one's is over.
    void on_time() override;
    void wait_until(clock::time_point when);
    void begin();
    void run();
    /// Looks after the run when so much of its time is over.
    void look_after(milliseconds limit);
    void out_of_time();
    void finished(check_result result);
    [[nodiscard]] std::optional<news> note(check_result result, clock::time_point now);
    /// True when that is news.
    bool keep(check_result result, clock::time_point now);
    void tell(std::optional<news> what) const;
    /// Nothing is about to change.
    [[nodiscard]] bool settled() const noexcept;
    /// From one start to the next.
    [[nodiscard]] milliseconds pause() const noexcept;

    environment& env_;
    std::shared_ptr<order const> order_;
    probe_maker make_;
    probe_maker connect_; ///< null: each run is a whole one
    core::health_tracker tracker_;
    std::shared_ptr<clockwork> clockwork_;
    std::minstd_rand jitter_;
    std::shared_ptr<probe> running_;
    std::function<void(news)> on_news_;
    check_result last_;
    milliseconds told_latency_{0};
    clock::time_point told_at_{};
    history past_;
    clock::time_point started_;
    milliseconds limit_{0};   ///< of the present run, after which it is looked after
    clock::time_point due_; ///< while it waits: when the next run begins
    clock::time_point last_at_;
    clock::time_point changed_at_;
    unsigned pace_ = 1;
    unsigned connects_left_ = 0; ///< until the next whole check
    bool plain_ = false;         ///< the present run only connects
    bool waiting_ = false;       ///< for `due_`
    bool stopped_ = false;
};

} // namespace balance::probe
