// SPDX-License-Identifier: Apache-2.0
#include "probe/job.hpp"

#include "probe/connect_probe.hpp"
#include "probe/reason.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace balance::probe {
namespace {

/// The rhythms of many checks that started together drift apart by up to this share of the interval.
constexpr double jitter_share = 0.05;

/// The health that `on` and `off` stand for.
std::optional<health> constant(health_check::kind type) noexcept {
    if (type == health_check::kind::on)
        return health::up;
    if (type == health_check::kind::off)
        return health::down;
    return std::nullopt;
}

} // namespace

job::job(environment& env, order o, health seed)
    : env_(env), order_(std::make_shared<order const>(std::move(o))), make_(prepare(env, *order_)),
      tracker_(order_->check.rise, order_->check.fall, constant(order_->check.type).value_or(seed)),
      timer_(env.executor()), jitter_(std::random_device{}()), last_at_(clock::now()), changed_at_(last_at_) {
    if (auto const known = constant(order_->check.type))
        last_ =
            *known == health::up ? success("taken for up without a check") : failure("taken for down without a check");
}

void job::start(clock::duration delay, std::function<void()> on_change) {
    on_change_ = std::move(on_change);
    if (make_)
        wait_until(clock::now() + delay);
}

void job::stop() {
    stopped_ = true;
    on_change_ = nullptr;
    timer_.cancel();
    if (auto const probe = std::exchange(running_, nullptr))
        probe->abort();
}

void job::abandon() {
    auto const probe = running_;
    stop();
    if (probe)
        probe->abandon();
}

void job::wait_until(clock::time_point when) {
    timer_.expires_at(when);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (!ec && !self->stopped_)
            self->begin();
    });
}

void job::begin() {
    if (order_->check.type != health_check::kind::external)
        return run();
    env_.programs()->take([weak = weak_from_this(), slots = env_.programs()] {
        if (auto const self = weak.lock(); self && !self->stopped_)
            self->run();
        else
            slots->give_back();
    });
}

void job::run() {
    started_ = clock::now();
    plain_ = connects_left_ > 0 && settled() && tracker_.state() == health::up;
    connects_left_ = plain_ ? connects_left_ - 1 : order_->check.connects;
    running_ = plain_ ? std::make_shared<connect_probe>(env_.executor(), order_->target) : make_();
    timer_.expires_at(started_ + order_->check.timeout);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (!ec && self->running_)
            self->out_of_time();
    });
    running_->start([weak = weak_from_this()](check_result result) {
        if (auto const self = weak.lock(); self && self->running_)
            self->finished(std::move(result));
    });
}

void job::out_of_time() {
    std::string const awaited = running_->log().waiting_for();
    running_->abort();
    finished(failure("no " + awaited + " within " + span_of_time(order_->check.timeout)));
}

void job::finished(check_result result) {
    result.received = running_->log().beginning();
    running_ = nullptr;
    auto const now = clock::now();
    result.latency = std::chrono::round<milliseconds>(now - started_);
    bool const changed = note(std::move(result), now);
    std::uniform_real_distribution<double> spread(1 - jitter_share, 1 + jitter_share);
    auto const interval = std::chrono::duration_cast<clock::duration>(pause() * spread(jitter_));
    wait_until(std::max(now, started_ + interval));
    if (auto const on_change = on_change_; changed && on_change)
        on_change();
}

/// A connection that succeeds says less than the whole check before it, whose result therefore stays.
bool job::note(check_result result, clock::time_point now) {
    last_at_ = now;
    if (!plain_ || !result.success) {
        last_ = std::move(result);
        past_.note(now, last_);
    }
    bool const changed = tracker_.report(last_.success);
    if (changed)
        changed_at_ = now;
    return changed;
}

bool job::settled() const noexcept { return tracker_.state() != health::unknown && tracker_.contradictions() == 0; }

milliseconds job::pause() const noexcept {
    auto const& c = order_->check;
    if (!settled() && c.fast_interval.count() > 0)
        return c.fast_interval;
    if (settled() && tracker_.state() == health::down && c.down_interval.count() > 0)
        return c.down_interval;
    return c.interval;
}

} // namespace balance::probe
