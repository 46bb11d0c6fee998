// SPDX-License-Identifier: Apache-2.0
#include "probe/ping_probe.hpp"

#include "probe/reason.hpp"

#include <boost/asio/post.hpp>

#include <cerrno>
#include <chrono>
#include <utility>

namespace balance::probe {

ping_probe::ping_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<ping_socket> socket,
                       address target)
    : socket_(std::move(socket)), again_(executor), target_(std::move(target)) {}

void ping_probe::start(done report) {
    report_ = std::move(report);
    log().step("echo reply");
    boost::asio::post(again_.get_executor(), [self = shared_from_this()] {
        if (!self->report_)
            return;
        if (auto const trouble = self->socket_->open(); !trouble.empty())
            return self->finish(failure(trouble));
        self->cookie_ = self->socket_->expect(self->target_, [weak = self->weak_from_this()] {
            if (auto const asker = weak.lock())
                asker->finish(success("echo reply"));
        });
        self->ask();
    });
}

void ping_probe::ask() {
    int const trouble = socket_->send(target_, cookie_, ++sequence_);
    log().note("echo request " + std::to_string(sequence_) + (trouble == 0 ? " sent" : ": " + words_for(trouble)));
    // A full queue is the local machine's moment; an unreachable target is an answer.
    if (trouble != 0 && trouble != EAGAIN && trouble != ENOBUFS && trouble != EINTR)
        return finish(failure(words_for(trouble)));
    again_.expires_after(std::chrono::seconds(1));
    again_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (!ec && self->report_)
            self->ask();
    });
}

void ping_probe::finish(check_result result) {
    auto const report = std::exchange(report_, nullptr);
    abort();
    if (report)
        report(std::move(result));
}

void ping_probe::abort() {
    report_ = nullptr;
    again_.cancel();
    socket_->forget(cookie_);
}

} // namespace balance::probe
