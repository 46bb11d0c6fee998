// SPDX-License-Identifier: Apache-2.0
#include "probe/dialogue_probe.hpp"

#include "core/check_traits.hpp"
#include "probe/digest.hpp"
#include "probe/reason.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace balance::probe {
namespace asio = boost::asio;
namespace {

constexpr std::size_t shortest_hidden = 4; ///< what is shorter is in every text by chance, and no secret

} // namespace

std::string without_secrets(std::string_view bytes, health_check const& c) {
    std::string out(bytes);
    auto const hide = [&out](std::string const& secret) {
        constexpr std::string_view stars = "****";
        for (auto at = out.find(secret); at != out.npos; at = out.find(secret, at + stars.size()))
            out.replace(at, secret.size(), stars);
    };
    for (auto const* secret : {&c.password, &c.secret})
        if (secret->size() >= shortest_hidden)
            hide(*secret);
    if (c.type == health_check::kind::smtp && !c.password.empty()) // as AUTH PLAIN writes it
        hide(base64(std::string(1, '\0') + c.user + std::string(1, '\0') + c.password));
    return out;
}

check_result result_of(finding_out const& found, verdict const* expected, health_check const& c) {
    if (found.success && found.answer && expected != nullptr)
        if (auto const fault = expected->fault_of(*found.answer); !fault.empty())
            return failure(without_secrets(fault, c));
    auto const reason = without_secrets(found.reason, c);
    return found.success ? success(reason) : failure(reason);
}

dialogue_probe::dialogue_probe(asio::any_io_executor const& executor, std::shared_ptr<order const> o,
                               std::unique_ptr<dialogue> speaks, tls_contexts* tls, std::shared_ptr<verdict const> expected)
    : order_(std::move(o)), stream_(executor, order_, tls, core::traits_of(order_->check.type).late_tls),
      dialogue_(std::move(speaks)), expected_(std::move(expected)) {}

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
        if (dialogue_->wants_tls()) {
            if (auto refused = co_await stream_.secure(log()))
                co_return *refused;
            dialogue_->secured();
            continue;
        }
        auto const got = co_await stream_.read(asio::buffer(buffer_));
        std::string_view const bytes(buffer_.data(), got.size);
        log().received(without_secrets(bytes, order_->check));
        dialogue_->received(bytes);
        if (got.error == asio::error::eof)
            dialogue_->closed();
        else if (got.error && !dialogue_->outcome())
            co_return failure("waiting for the " + std::string(dialogue_->waiting_for()) + ": " + words_for(got.error));
    }
    auto const found = *dialogue_->outcome();
    co_await send(); // a goodbye, which nobody has to take
    auto result = result_of(found, expected_.get(), order_->check);
    if (result.success)
        result.reason = success(stream_.with_warning(result.reason)).reason;
    co_return result;
}

asio::awaitable<std::optional<check_result>> dialogue_probe::send() {
    sending_ = dialogue_->to_send();
    if (sending_.empty())
        co_return std::nullopt;
    log().sent(dialogue_->shown(sending_));
    if (auto const error = co_await stream_.write(sending_))
        co_return failure("sending: " + words_for(error));
    co_return std::nullopt;
}

void dialogue_probe::follow_step() {
    if (log().waiting_for() != dialogue_->waiting_for())
        log().step(dialogue_->waiting_for());
}

} // namespace balance::probe
