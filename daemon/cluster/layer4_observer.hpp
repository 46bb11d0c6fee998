// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/layer4_worker.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace dyad {

/// Decides when the kernel is looked at again for what somebody changed: soon after a change that is told of, and every
/// now and then for those that are not. Where changes are told, the latter takes half a per cent of a processor at most.
/// Telling that comes to nothing again and again (somebody's rules in motion, a service that the kernel refuses each
/// time) is looked into more and more rarely, at last as often as where nothing is told.
class layer4_observer {
public:
    /// `look` compares the kernel with what is wanted, and puts it right.
    layer4_observer(boost::asio::any_io_executor executor, layer4_worker& worker, std::function<void()> look);
    layer4_observer(layer4_observer const&) = delete;
    layer4_observer& operator=(layer4_observer const&) = delete;
    ~layer4_observer() { stop(); }

    /// After each look: what it cost, did it find anything to put right, and is there anything to be told of? Without,
    /// nothing is listened to.
    void looked(std::chrono::microseconds cost, bool found, bool wanted);
    /// Is it time to look although nothing was told?
    [[nodiscard]] bool due() const;
    void stop();

    /// Why changes are not told of; empty when they are, or when there is nothing to be told of.
    [[nodiscard]] std::string const& error() const noexcept { return error_; }

private:
    using clock = std::chrono::steady_clock;

    void begin();
    void end();
    void wait();
    void look_soon();

    layer4_worker& worker_;
    std::function<void()> look_;
    boost::asio::posix::stream_descriptor events_;
    boost::asio::steady_timer settle_;
    std::shared_ptr<balance::layer4_watch> watch_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true); ///< what the worker answers after our end is dropped
    bool opening_ = false;
    bool settling_ = false;
    bool told_ = false; ///< the look that goes on was asked for by what was told
    std::chrono::milliseconds settle_period_;
    clock::time_point told_at_;    ///< last
    clock::time_point again_;      ///< when to look although nothing was told
    clock::time_point open_again_; ///< not before
    std::string error_;
};

} // namespace dyad
