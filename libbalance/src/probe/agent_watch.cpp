// SPDX-License-Identifier: Apache-2.0
#include "probe/agent_watch.hpp"

#include "probe/agent_dialogue.hpp"
#include "probe/dialogue_probe.hpp"
#include "probe/reason.hpp"

#include <algorithm>
#include <utility>

namespace balance::probe {
namespace {

constexpr double agent_jitter = 0.05; ///< as that of checks
constexpr unsigned silence_that_counts = 3;

std::shared_ptr<order const> order_of_agent(address target, std::uint16_t port) {
    auto o = std::make_shared<order>();
    o->target = {std::move(target), port};
    return o;
}

} // namespace

agent_watch::agent_watch(environment& env, address target, agent_check how, agent_view const& seed)
    : env_(env), order_(order_of_agent(std::move(target), how.port)), how_(std::move(how)), seed_(seed.share),
      seed_most_(seed.most_connections), timer_(env.executor()), jitter_(std::random_device{}()) {}

void agent_watch::start(clock::duration delay, std::function<void()> on_change) {
    on_change_ = std::move(on_change);
    wait_until(clock::now() + delay);
}

void agent_watch::stop() {
    stopped_ = true;
    on_change_ = nullptr;
    timer_.cancel();
    if (auto const probe = std::exchange(running_, nullptr))
        probe->abort();
}

void agent_watch::wait_until(clock::time_point when) {
    timer_.expires_at(when);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (!ec && !self->stopped_)
            self->ask();
    });
}

void agent_watch::ask() {
    started_ = clock::now();
    auto const& a = order_->target;
    auto const host = (a.address.is_v6() ? "[" + a.address.to_string() + "]" : a.address.to_string()) + ":" +
                      std::to_string(a.port);
    running_ = std::make_shared<dialogue_probe>(env_.executor(), order_,
                                                std::make_unique<agent_dialogue>(how_, host, heard_), nullptr);
    timer_.expires_at(started_ + how_.timeout);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (ec || !self->running_)
            return;
        self->running_->abort();
        self->finished(failure("the agent said nothing within " + span_of_time(self->how_.timeout)));
    });
    running_->start([weak = weak_from_this()](check_result const& result) {
        if (auto const self = weak.lock(); self && self->running_)
            self->finished(result);
    });
}

void agent_watch::finished(check_result const& result) {
    running_ = nullptr;
    auto const share_before = share();
    auto const most_before = most_connections();
    auto const said_before = said_;
    take(result);
    std::uniform_real_distribution<double> spread(1 - agent_jitter, 1 + agent_jitter);
    auto const interval = std::chrono::duration_cast<clock::duration>(how_.interval * spread(jitter_));
    wait_until(std::max(clock::now(), started_ + interval));
    bool const changed = share_before != share() || most_before != most_connections() || said_before != said_;
    if (auto const on_change = on_change_; changed && on_change)
        on_change();
}

void agent_watch::take(check_result const& result) {
    said_ = result.reason;
    if (result.success) {
        silent_ = 0;
        spoke_ = true;
        state_.take(*heard_);
    } else if (++silent_ == silence_that_counts) {
        spoke_ = true;
        state_ = {};
    }
}

} // namespace balance::probe
