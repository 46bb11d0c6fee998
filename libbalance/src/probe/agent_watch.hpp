// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/agent_words.hpp"
#include "probe/environment.hpp"
#include "probe/probe.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>

namespace balance::probe {

/// Asks one feedback agent again and again, and knows what share of its weight the server can take.
///
/// An agent that cannot be asked, or is not understood, says nothing: its last word holds until it has been silent three
/// times in a row, and then the whole weight counts again. Whether the server works is the health check's business.
class agent_watch : public std::enable_shared_from_this<agent_watch> {
public:
    using clock = std::chrono::steady_clock;

    /// `seed`: what is taken for right until the agent has spoken.
    agent_watch(environment& env, address target, agent_check how, agent_view const& seed);

    /// Asks first after `delay`. `on_change` is called whenever share or words have changed, never from within `start`.
    void start(clock::duration delay, std::function<void()> on_change);
    void stop();

    [[nodiscard]] agent_check const& how() const noexcept { return how_; }
    [[nodiscard]] std::uint16_t share() const noexcept { return spoke_ ? state_.share() : seed_; }
    /// Connections that the server may have; 0: it names no number.
    [[nodiscard]] std::uint32_t most_connections() const noexcept { return spoke_ ? state_.most_connections() : seed_most_; }
    /// What it said last, or why it is silent; empty before the first answer.
    [[nodiscard]] std::string const& said() const noexcept { return said_; }

private:
    void wait_until(clock::time_point when);
    void ask();
    void finished(check_result const& result);
    void take(check_result const& result);

    environment& env_;
    std::shared_ptr<order const> order_;
    agent_check how_;
    std::uint16_t seed_;
    std::uint32_t seed_most_;
    core::agent_state state_;
    std::shared_ptr<core::agent_words> heard_ = std::make_shared<core::agent_words>();
    bool spoke_ = false;
    unsigned silent_ = 0; ///< times in a row
    std::string said_;
    boost::asio::steady_timer timer_;
    std::minstd_rand jitter_;
    std::shared_ptr<probe> running_;
    std::function<void()> on_change_;
    clock::time_point started_;
    bool stopped_ = false;
};

} // namespace balance::probe
