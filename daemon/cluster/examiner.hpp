// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/doctor.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <thread>
#include <vector>

namespace dyad {

/// Runs `balance::examine_layer4`, which waits for real servers, on a thread of its own; one examination at a time.
class examiner {
public:
    explicit examiner(boost::asio::any_io_executor home) : home_(std::move(home)) {}

    using done = std::function<void(std::vector<balance::finding>)>;

    [[nodiscard]] bool busy() const noexcept { return busy_; }
    /// Not while it is busy. Destroying the object ends it early; `answer` is not called then.
    void examine(balance::configuration c, std::vector<balance::server_state> states, balance::examination how,
                 done answer);

private:
    boost::asio::any_io_executor home_;
    bool busy_ = false;
    std::jthread thread_; // goes first: it stops and is waited for
};

} // namespace dyad
