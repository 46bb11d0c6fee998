// SPDX-License-Identifier: Apache-2.0
#include "probe/tls_probe.hpp"

#include "probe/reason.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace balance::probe {

tls_probe::tls_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<order const> o, tls_contexts& tls)
    : stream_(executor, std::move(o), &tls) {}

void tls_probe::start(done report) {
    report_ = std::move(report);
    auto conversation = [self = shared_from_this()]() -> boost::asio::awaitable<void> {
        auto const unopened = co_await self->stream_.open(self->log());
        auto const result = unopened ? *unopened : success(self->stream_.with_warning(self->stream_.session()));
        self->stream_.close();
        if (auto const report_now = std::exchange(self->report_, nullptr))
            report_now(result);
    };
    boost::asio::co_spawn(stream_.get_executor(), std::move(conversation), boost::asio::detached);
}

void tls_probe::abort() {
    report_ = nullptr;
    stream_.close();
}

} // namespace balance::probe
