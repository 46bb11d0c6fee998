// SPDX-License-Identifier: Apache-2.0
#include "probe/dialogue_probe.hpp"

#include "probe/reason.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace balance::probe {
namespace asio = boost::asio;

dialogue_probe::dialogue_probe(asio::any_io_executor const& executor, std::shared_ptr<order const> o,
                               std::unique_ptr<dialogue> speaks, tls_contexts* tls)
    : stream_(executor, std::move(o), tls), dialogue_(std::move(speaks)) {}

void dialogue_probe::start(done report) {
    report_ = std::move(report);
    auto conversation = [self = shared_from_this()]() -> asio::awaitable<void> {
        auto result = co_await self->converse();
        self->stream_.close();
        if (auto const report_now = std::exchange(self->report_, nullptr))
            report_now(std::move(result));
    };
    asio::co_spawn(stream_.get_executor(), std::move(conversation), asio::detached);
}

void dialogue_probe::abort() {
    report_ = nullptr;
    stream_.close();
}

asio::awaitable<check_result> dialogue_probe::converse() {
    if (auto unopened = co_await stream_.open(log()))
        co_return *unopened;
    while (!dialogue_->outcome()) {
        follow_step();
        if (auto unsent = co_await send())
            co_return *unsent;
        auto const got = co_await stream_.read(asio::buffer(buffer_));
        std::string_view const bytes(buffer_.data(), got.size);
        log().received(bytes);
        dialogue_->received(bytes);
        if (got.error == asio::error::eof)
            dialogue_->closed();
        else if (got.error && !dialogue_->outcome())
            co_return failure("waiting for the " + std::string(dialogue_->waiting_for()) + ": " + words_for(got.error));
    }
    auto const found = *dialogue_->outcome();
    co_await send(); // a goodbye, which nobody has to take
    co_return found.success ? success(stream_.with_warning(found.reason)) : failure(found.reason);
}

asio::awaitable<std::optional<check_result>> dialogue_probe::send() {
    sending_ = dialogue_->to_send();
    if (sending_.empty())
        co_return std::nullopt;
    log().sent(sending_);
    if (auto const error = co_await stream_.write(sending_))
        co_return failure("sending: " + words_for(error));
    co_return std::nullopt;
}

void dialogue_probe::follow_step() {
    if (log().waiting_for() != dialogue_->waiting_for())
        log().step(dialogue_->waiting_for());
}

} // namespace balance::probe
