// SPDX-License-Identifier: Apache-2.0
#include "cluster/layer4_worker.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace dyad {

void layer4_worker::apply(balance::configuration desired, std::vector<balance::server_state> states, applied done) {
    auto work = [this, desired = std::move(desired), states = std::move(states), done = std::move(done)]() mutable {
        auto outcome = layer4_.apply(desired, states);
        boost::asio::post(
            home_, [done = std::move(done), outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
    };
    boost::asio::post(thread_, std::move(work));
}

void layer4_worker::status(status_read done) {
    auto work = [this, done = std::move(done)]() mutable {
        auto outcome = layer4_.status();
        boost::asio::post(
            home_, [done = std::move(done), outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
    };
    boost::asio::post(thread_, std::move(work));
}

} // namespace dyad
