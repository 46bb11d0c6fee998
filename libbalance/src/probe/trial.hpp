// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/environment.hpp"
#include "probe/probe.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace balance::probe {

/// One check for an operator who watches: made once, with its whole transcript. No health comes of it.
class trial : public std::enable_shared_from_this<trial> {
public:
    using clock = std::chrono::steady_clock;
    using done = std::function<void(check_trial)>;

    trial(environment& env, order o);

    /// Calls `report` once, never from within, unless it is ended before.
    void start(done report);
    void stop();
    /// The same when no event loop will run any more.
    void abandon();

private:
    void run();
    void look_after(milliseconds limit);
    void out_of_time(milliseconds limit);
    void finished(check_result result);

    environment& env_;
    std::shared_ptr<order const> order_;
    probe_maker make_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<probe> running_;
    clock::time_point started_;
    done report_;
};

} // namespace balance::probe
