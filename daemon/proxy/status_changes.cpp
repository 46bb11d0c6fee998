// SPDX-License-Identifier: Apache-2.0
#include "proxy/status_changes.hpp"

#include <algorithm>
#include <utility>

namespace dyad {

status_changes::news status_changes::pick(std::vector<balance::service_status> now) {
    bool const same_services =
        !told_.empty() && std::ranges::equal(now, told_, {}, &balance::service_status::name, &balance::service_status::name);
    news out;
    if (same_services) {
        for (std::size_t i = 0; i < now.size(); ++i) {
            if (now[i] != told_[i]) {
                out.services.push_back(now[i]);
            }
        }
    } else {
        out = {.whole = true, .services = now};
    }
    told_ = std::move(now);
    return out;
}

} // namespace dyad
