// SPDX-License-Identifier: Apache-2.0
#include "ipc/values.hpp"

namespace dyad::ipc {

namespace json = boost::json;

json::object pack(balance::check_run const& r) {
    return {{"success", r.last.success},
            {"reason", r.last.reason},
            {"latency_ms", r.last.latency.count()},
            {"received", r.last.received},
            {"count", r.count},
            {"longest_ms", r.longest.count()},
            {"since_first_ms", r.since_first.count()},
            {"since_last_ms", r.since_last.count()}};
}

json::object pack(balance::check_step const& s) {
    return {{"name", s.name},
            {"took_us", s.took.count()},
            {"sent", s.sent},
            {"sent_bytes", s.sent_bytes},
            {"received", s.received},
            {"received_bytes", s.received_bytes},
            {"note", s.note}};
}

json::object pack(balance::check_trial const& t) {
    return {{"target", pack(t.target)},
            {"success", t.result.success},
            {"reason", t.result.reason},
            {"latency_ms", t.result.latency.count()},
            {"steps", pack_all(t.steps)}};
}

} // namespace dyad::ipc
