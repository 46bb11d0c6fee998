// SPDX-License-Identifier: Apache-2.0
#include "guardian/last_will.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace dyad {

bool last_will::take_addresses_off() {
    if (addresses_.empty()) {
        return true;
    }
    auto const done = remove_(addresses_);
    if (!done) {
        spdlog::error("floating addresses stay until their lifetime ends: {}", done.error().detail);
    }
    return done.has_value();
}

void last_will::execute() {
    bool const off = take_addresses_off();
    auto const datagrams = std::exchange(goodbyes_, {});
    if (!off || datagrams.empty()) {
        return;
    }
    if (auto const sent = send_(datagrams); !sent) {
        spdlog::warn("the goodbye was not sent, the peer finds out by itself: {}", sent.error().detail);
    }
}

} // namespace dyad
