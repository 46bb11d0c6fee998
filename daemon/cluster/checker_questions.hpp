// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>

namespace dyad {

/// Questions that the checker answers one by one, each under a number of its own. Lives on the executor's only thread.
class checker_questions {
public:
    using send = std::function<bool(boost::json::object const&)>; ///< false: there is no checker, or it takes nothing
    using answer = std::function<void(balance::result<boost::json::object>)>;

    static constexpr std::size_t most_at_once = 16;

    checker_questions(boost::asio::any_io_executor executor, send to_checker)
        : executor_(std::move(executor)), send_(std::move(to_checker)) {}

    /// Sends `question` with its number as "id"; `done` is called once. Errors: `refused` when too many are open,
    /// `io_error` without a checker, `timed_out` after `patience`, and what the checker itself says.
    void ask(boost::json::object question, std::chrono::milliseconds patience, answer done);

    /// The checker said something with an "id": the answer, or "error" with a sentence. Late ones are dropped.
    void answered(boost::json::object const& m);

    /// The checker that was asked is gone.
    void lost();

private:
    struct open_question {
        answer done;
        boost::asio::steady_timer limit;
    };
    void end(std::uint64_t id, balance::result<boost::json::object> outcome);

    boost::asio::any_io_executor executor_;
    send send_;
    std::map<std::uint64_t, open_question> open_;
    std::uint64_t last_ = 0;
};

} // namespace dyad
