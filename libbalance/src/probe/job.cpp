// SPDX-License-Identifier: Apache-2.0
#include "probe/job.hpp"

#include "core/rhythm.hpp"
#include "probe/reason.hpp"
#include "probe/time_limit.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace balance::probe {
namespace {

/// The rhythms of many checks that started together drift apart by up to this share of the interval.
constexpr double jitter_share = 0.05;

/// Is a latency another than the one that was told, and not only by chance?
bool differs_noticeably(milliseconds now, milliseconds told) noexcept {
    return std::chrono::abs(now - told) > std::max(milliseconds(1), told / 8);
}

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
      connect_(order_->check.connects > 0 ? prepare_connect(env, order_->target) : nullptr),
      tracker_(order_->check.rise, order_->check.fall, constant(order_->check.type).value_or(seed)),
      clockwork_(env.times()), jitter_(std::random_device{}()), last_at_(clock::now()), changed_at_(last_at_) {
    if (auto const known = constant(order_->check.type))
        last_ =
            *known == health::up ? success("taken for up without a check") : failure("taken for down without a check");
}

void job::start(clock::duration delay, std::function<void(news)> on_news) {
    on_news_ = std::move(on_news);
    if (make_)
        wait_until(clock::now() + delay);
}

void job::stop() {
    stopped_ = true;
    on_news_ = nullptr;
    clockwork::take_back(*this);
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
    due_ = when;
    waiting_ = true;
    clockwork_->set(*this, when);
}

void job::on_time() {
    auto const self = shared_from_this();
    if (std::exchange(waiting_, false))
        begin();
    else if (running_)
        out_of_time();
}

void job::hasten(clock::duration delay) {
    if (auto const when = clock::now() + delay; waiting_ && !stopped_ && due_ > when)
        wait_until(when);
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
    env_.note_start(std::chrono::duration_cast<std::chrono::microseconds>(started_ - due_));
    plain_ = connects_left_ > 0 && settled() && tracker_.state() == health::up;
    connects_left_ = plain_ ? connects_left_ - 1 : order_->check.connects;
    running_ = plain_ ? connect_() : make_();
    look_after(first_limit(order_->check));
    running_->start([weak = weak_from_this()](check_result result) {
        if (auto const self = weak.lock(); self && self->running_)
            self->finished(std::move(result));
    });
}

void job::look_after(milliseconds limit) {
    limit_ = limit;
    clockwork_->set(*this, started_ + limit);
}

void job::out_of_time() {
    std::string const awaited = running_->log().waiting_for();
    if (!ends_run(order_->check, limit_, awaited))
        return look_after(order_->check.timeout);
    running_->abort();
    finished(failure("no " + awaited + " within " + span_of_time(limit_)));
}

void job::finished(check_result result) {
    result.received = running_->log().beginning();
    running_ = nullptr;
    auto const now = clock::now();
    result.latency = std::chrono::round<milliseconds>(now - started_);
    auto const what = note(std::move(result), now);
    std::uniform_real_distribution<double> spread(1 - jitter_share, 1 + jitter_share);
    auto const interval = std::chrono::duration_cast<clock::duration>(pause() * spread(jitter_));
    wait_until(core::next_start(due_, started_, now, interval));
    tell(what);
}

void job::tell(std::optional<news> what) const {
    if (what && on_news_) {
        auto const on_news = on_news_; // it may end us
        on_news(*what);
    }
}

/// A connection that succeeds says less than the whole check before it, whose result therefore stays.
std::optional<job::news> job::note(check_result result, clock::time_point now) {
    last_at_ = now;
    bool const success = result.success;
    bool const other = (!plain_ || !success) && keep(std::move(result), now);
    if (tracker_.report(success)) {
        changed_at_ = now;
        return news::health;
    }
    return other ? std::optional(news::result) : std::nullopt;
}

bool job::keep(check_result result, clock::time_point now) {
    bool const other = result.success != last_.success || result.reason != last_.reason;
    last_ = std::move(result);
    past_.note(now, last_);
    return other || (now - told_at_ >= env_.settings().latency_period && differs_noticeably(last_.latency, told_latency_));
}

void job::note_told() noexcept {
    told_latency_ = last_.latency;
    told_at_ = clock::now();
}

bool job::seed(balance::health said, check_result why) {
    if (!make_ || !tracker_.seed(said))
        return false;
    last_ = std::move(why);
    last_at_ = changed_at_ = clock::now();
    return true;
}

bool job::report_errors(std::string reason, bool take_down) {
    if (!make_ || stopped_ || tracker_.state() != health::up)
        return false;
    auto const now = clock::now();
    last_at_ = now;
    keep(failure(std::move(reason)), now);
    bool const changed = take_down ? tracker_.take_down() : tracker_.report(false);
    if (changed)
        changed_at_ = now;
    connects_left_ = 0; // nothing less than a whole check says that it is well
    hasten({});
    tell(changed ? news::health : news::result);
    return true;
}

bool job::settled() const noexcept { return tracker_.state() != health::unknown && tracker_.contradictions() == 0; }

milliseconds job::pause() const noexcept {
    auto const& c = order_->check;
    if (!settled() && c.fast_interval.count() > 0)
        return c.fast_interval;
    if (settled() && tracker_.state() == health::down && c.down_interval.count() > 0)
        return c.down_interval * pace_;
    return settled() ? c.interval * pace_ : c.interval;
}

} // namespace balance::probe
