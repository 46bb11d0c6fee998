// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <thread>

namespace test {

/// Runs the context until `condition` holds. False when it still does not after `limit`.
template <class Condition>
bool run_until(boost::asio::io_context& io, Condition condition,
               std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    auto const deadline = std::chrono::steady_clock::now() + limit;
    io.restart();
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline)
            return false;
        io.run_one_until(std::min(deadline, std::chrono::steady_clock::now() + std::chrono::milliseconds(20)));
        if (io.stopped())
            io.restart();
    }
    return true;
}

/// Waits for something other threads bring about. False when it still does not hold after `limit`.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    auto const deadline = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

} // namespace test
