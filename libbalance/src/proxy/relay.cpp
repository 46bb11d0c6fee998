// SPDX-License-Identifier: Apache-2.0
#include "proxy/relay.hpp"

namespace balance::layer7 {
namespace {

/// Chunks moved in one turn, so that one fast connection does not starve the others of its thread.
constexpr int turn = 16;

transfer send_held(relay_lane& lane) noexcept {
    while (lane.begin != lane.end) {
        auto const [outcome, n] = send(*lane.to, {{{lane.held + lane.begin, lane.end - lane.begin}, {nullptr, 0}}});
        if (outcome != transfer::done)
            return outcome;
        lane.begin += n;
        lane.passed += n;
        for (auto* const counter : lane.counted)
            if (counter != nullptr)
                add(*counter, n);
    }
    lane.begin = lane.end = 0;
    return transfer::done;
}

} // namespace

relay_outcome relay(relay_lane& lane, buffer_pool& pool) noexcept {
    for (int chunk = 0; chunk < turn; ++chunk) {
        switch (send_held(lane)) {
        case transfer::done:
            break;
        case transfer::blocked:
            return relay_outcome::waiting;
        default:
            drop(lane, pool);
            return relay_outcome::to_reset;
        }
        if (lane.ended) {
            drop(lane, pool);
            return relay_outcome::ended;
        }
        if (lane.held == nullptr) {
            if (!lane.from->readable && lane.from->tls == nullptr)
                return relay_outcome::waiting;
            lane.held = pool.take();
        }
        auto const [outcome, n] = receive(*lane.from, lane.held, pool.buffer_size());
        lane.end = n;
        lane.ended = outcome == transfer::ended;
        if (outcome == transfer::blocked || outcome == transfer::failed) {
            drop(lane, pool);
            return outcome == transfer::blocked ? relay_outcome::waiting : relay_outcome::from_reset;
        }
    }
    return relay_outcome::more;
}

void drop(relay_lane& lane, buffer_pool& pool) noexcept {
    if (lane.held != nullptr)
        pool.give(lane.held);
    lane.held = nullptr;
    lane.begin = lane.end = 0;
}

} // namespace balance::layer7
