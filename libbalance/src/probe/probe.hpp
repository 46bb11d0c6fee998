// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/order.hpp"
#include "probe/transcript.hpp"

#include <balance/checker.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>

namespace balance::probe {

class environment;

/// One check on its way. Started once; it keeps itself alive until it has reported or was aborted.
class probe {
public:
    using done = std::function<void(check_result)>;

    probe() = default;
    probe(probe const&) = delete;
    probe& operator=(probe const&) = delete;
    virtual ~probe() = default;

    /// Calls `report` once, never from within `start`, unless `abort` came first.
    virtual void start(done report) = 0;

    /// Gives up at once: sockets are closed, programs killed. No report follows.
    virtual void abort() = 0;

    /// The same when no event loop will run any more to clean up.
    virtual void abandon() { abort(); }

    /// What it did until now. Its step names what is waited for, for the reason of a check that ran out of time:
    /// "no <connection> within 5 s".
    [[nodiscard]] transcript& log() noexcept { return log_; }

private:
    transcript log_;
};

/// Makes a fresh probe for each run of a check; holds what is prepared once (a compiled expression). Outlives neither
/// the environment nor its executor.
using probe_maker = std::function<std::shared_ptr<probe>()>;

/// Connects, and does no more.
[[nodiscard]] probe_maker prepare_connect(environment& env, endpoint const& target);

/// Never for `on` and `off`, which need no probe.
[[nodiscard]] probe_maker prepare(environment& env, order const& o);

} // namespace balance::probe
