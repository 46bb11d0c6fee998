// SPDX-License-Identifier: Apache-2.0
#include "probe/trial.hpp"

#include "probe/reason.hpp"
#include "probe/time_limit.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace balance::probe {

trial::trial(environment& env, order o)
    : env_(env), order_(std::make_shared<order const>(std::move(o))), make_(prepare(env, *order_)),
      timer_(env.executor()) {}

void trial::start(done report) {
    report_ = std::move(report);
    started_ = clock::now();
    if (!make_) {
        bool const up = order_->check.type == health_check::kind::on;
        boost::asio::post(env_.executor(), [self = shared_from_this(), up] {
            self->finished(up ? success("taken for up without a check") : failure("taken for down without a check"));
        });
        return;
    }
    if (order_->check.type != health_check::kind::external)
        return run();
    env_.programs()->take([weak = weak_from_this(), slots = env_.programs()] {
        if (auto const self = weak.lock(); self && self->report_)
            self->run();
        else
            slots->give_back();
    });
}

void trial::run() {
    started_ = clock::now();
    running_ = make_();
    running_->log().keep_steps();
    look_after(first_limit(order_->check));
    running_->start([weak = weak_from_this()](check_result result) {
        if (auto const self = weak.lock(); self && self->running_)
            self->finished(std::move(result));
    });
}

void trial::look_after(milliseconds limit) {
    timer_.expires_at(started_ + limit);
    timer_.async_wait([self = shared_from_this(), limit](boost::system::error_code ec) {
        if (!ec && self->running_)
            self->out_of_time(limit);
    });
}

void trial::out_of_time(milliseconds limit) {
    std::string const awaited = running_->log().waiting_for();
    if (!ends_run(order_->check, limit, awaited))
        return look_after(order_->check.timeout);
    running_->abort();
    finished(failure("no " + awaited + " within " + span_of_time(limit)));
}

void trial::finished(check_result result) {
    timer_.cancel();
    check_trial all{order_->target, std::move(result), {}};
    all.result.latency = std::chrono::round<milliseconds>(clock::now() - started_);
    if (auto const probe = std::exchange(running_, nullptr)) {
        all.result.received = probe->log().beginning();
        all.steps = probe->log().take_steps();
    }
    if (auto const report = std::exchange(report_, nullptr))
        report(std::move(all));
}

void trial::stop() {
    report_ = nullptr;
    timer_.cancel();
    if (auto const probe = std::exchange(running_, nullptr))
        probe->abort();
}

void trial::abandon() {
    auto const probe = running_;
    stop();
    if (probe)
        probe->abandon();
}

} // namespace balance::probe
