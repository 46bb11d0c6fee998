// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/probe.hpp"
#include "probe/program.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <functional>
#include <memory>
#include <string>

namespace balance::probe {

/// Runs the operator's program with VIP, VIP port, RIP and RIP port; exit status 0 is up.
///
/// The caller has taken a slot for it; it is given back when the program is gone, which is later than `abort`.
class external_probe final : public probe, public std::enable_shared_from_this<external_probe> {
public:
    external_probe(boost::asio::any_io_executor const& executor, std::shared_ptr<order const> o);
    ~external_probe() override;

    /// Called once, when no process of it is left or it could not start; may be called within `start` or `abort`.
    void on_gone(std::function<void()> gone) { gone_ = std::move(gone); }

    void start(done report) override;
    void abort() override;

    /// Kills and reaps without an event loop, waiting a moment for the kernel to finish it.
    void abandon() override;

private:
    void read_output();
    void drain_output();
    void await_end();
    void ended(ending const& e);
    void release();

    boost::asio::posix::stream_descriptor output_;
    boost::asio::posix::stream_descriptor pidfd_;
    std::shared_ptr<order const> order_;
    program program_;
    std::string said_; ///< the beginning of what it wrote
    std::array<char, 4096> buffer_{};
    done report_;
    std::function<void()> gone_;
};

} // namespace balance::probe
