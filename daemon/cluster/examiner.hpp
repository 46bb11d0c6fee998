// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/doctor.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace dyad {

/// Runs `balance::examine_layer4`, which waits for real servers, on a thread of its own; one examination at a time. Lives
/// on the executor's only thread.
class examiner {
public:
    using done = std::function<void(std::vector<balance::finding>)>;
    using examination = std::function<std::vector<balance::finding>(
        balance::configuration const&, std::span<balance::server_state const>, balance::examination const&)>;

    explicit examiner(boost::asio::any_io_executor home, examination run = balance::examine_layer4)
        : home_(std::move(home)), run_(std::move(run)) {}

    [[nodiscard]] bool busy() const noexcept { return answer_ != nullptr; }
    /// Not while it is busy. An examination that fails, or cannot begin, is a finding. `answer` is called and destroyed
    /// on the executor. Destroying the object ends the examination early; `answer` is not called then.
    void examine(balance::configuration c, std::vector<balance::server_state> states, balance::examination how,
                 done answer);

private:
    boost::asio::any_io_executor home_;
    examination run_;
    std::shared_ptr<done> answer_; ///< null: not busy. Others know of it weakly, so it never outlives this object
    std::jthread thread_;          // goes first: it stops and is waited for
};

} // namespace dyad
