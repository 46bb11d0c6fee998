// SPDX-License-Identifier: Apache-2.0
#include "probe/https_probe.hpp"

#include "probe/environment.hpp"
#include "probe/reason.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace balance::probe {
namespace asio = boost::asio;

https_probe::https_probe(environment& env, std::shared_ptr<order const> o, std::shared_ptr<http_question const> question)
    : stream_(env.executor(), std::move(o), &env.tls()), exchange_(std::move(question), env.settings().max_body) {}

void https_probe::start(done report) {
    report_ = std::move(report);
    auto conversation = [self = shared_from_this()]() -> asio::awaitable<void> {
        auto result = co_await self->converse();
        self->stream_.close();
        if (auto const report_now = std::exchange(self->report_, nullptr))
            report_now(std::move(result));
    };
    asio::co_spawn(stream_.get_executor(), std::move(conversation), asio::detached);
}

void https_probe::abort() {
    report_ = nullptr;
    stream_.close();
}

asio::awaitable<check_result> https_probe::converse() {
    if (auto unopened = co_await stream_.open(log()))
        co_return *unopened;
    exchange_.asked(log());
    if (auto const unsent = co_await stream_.write(exchange_.question().request))
        co_return failure("sending the request: " + words_for(unsent));
    for (;;) {
        auto const got = co_await stream_.read(asio::buffer(buffer_));
        if (auto result = exchange_.take({buffer_.data(), got.size}, got.error, log()))
            co_return result->success ? success(stream_.with_warning(result->reason)) : *result;
    }
}

} // namespace balance::probe
