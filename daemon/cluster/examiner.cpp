// SPDX-License-Identifier: Apache-2.0
#include "cluster/examiner.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace dyad {

void examiner::examine(balance::configuration c, std::vector<balance::server_state> states, balance::examination how,
                       done answer) {
    busy_ = true;
    thread_ = std::jthread([this, c = std::move(c), states = std::move(states), how = std::move(how),
                            answer = std::move(answer)](std::stop_token stop) mutable {
        how.stop = stop;
        auto findings = balance::examine_layer4(c, states, how);
        if (stop.stop_requested()) {
            return;
        }
        boost::asio::post(home_, [this, answer = std::move(answer), findings = std::move(findings)]() mutable {
            busy_ = false;
            answer(std::move(findings));
        });
    });
}

} // namespace dyad
