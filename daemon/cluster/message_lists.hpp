// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/event_log.hpp"
#include "ipc/values.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace dyad {

/// The list `m[member]`, or nothing when one of our own processes talks nonsense: that is logged, never acted on.
template <class T>
std::vector<T> list_of(boost::json::object const& m, std::string_view member, event_log& events) {
    auto list = ipc::unpack_all<T>(m, member);
    if (!list) {
        events.add("error", "a message of another process was not understood: " + list.error().detail, {}, true);
        return {};
    }
    return std::move(*list);
}

} // namespace dyad
