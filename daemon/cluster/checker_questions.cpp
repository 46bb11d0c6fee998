// SPDX-License-Identifier: Apache-2.0
#include "cluster/checker_questions.hpp"

#include "cluster/children.hpp"

#include <utility>

namespace dyad {

void checker_questions::ask(boost::json::object question, std::chrono::milliseconds patience, answer done) {
    if (open_.size() >= most_at_once) {
        done(balance::make_error(balance::errc::refused, "the health checks have " + std::to_string(most_at_once) +
                                                             " questions to answer already; try again in some seconds"));
        return;
    }
    auto const id = ++last_;
    question["id"] = id;
    if (!send_(question)) {
        done(balance::make_error(balance::errc::io_error, "the process of the health checks is not there at the moment; "
                                                          "try again in a second"));
        return;
    }
    auto& entry = open_.try_emplace(id, open_question{std::move(done), boost::asio::steady_timer(executor_)}).first->second;
    entry.limit.expires_after(patience);
    entry.limit.async_wait([this, id](boost::system::error_code ec) {
        if (!ec) {
            end(id, balance::make_error(balance::errc::timed_out, "the process of the health checks does not answer"));
        }
    });
}

void checker_questions::answered(boost::json::object const& m) {
    auto const id = static_cast<std::uint64_t>(number_of(m, "id"));
    if (auto const error = text_of(m, "error"); !error.empty()) {
        end(id, balance::make_error(balance::errc::not_found, error));
        return;
    }
    auto document = m;
    document.erase("type");
    document.erase("id");
    end(id, std::move(document));
}

void checker_questions::lost() {
    while (!open_.empty()) {
        end(open_.begin()->first,
            balance::make_error(balance::errc::io_error, "the process of the health checks died meanwhile; try again"));
    }
}

void checker_questions::end(std::uint64_t id, balance::result<boost::json::object> outcome) {
    auto found = open_.extract(id);
    if (!found.empty()) {
        found.mapped().limit.cancel();
        found.mapped().done(std::move(outcome));
    }
}

} // namespace dyad
