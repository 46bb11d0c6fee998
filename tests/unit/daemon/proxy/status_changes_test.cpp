// SPDX-License-Identifier: Apache-2.0
#include "proxy/status_changes.hpp"

#include <catch2/catch.hpp>

using balance::service_status;
using dyad::status_changes;

namespace {

service_status serving(std::string name, std::uint64_t connections = 0) {
    service_status out;
    out.name = std::move(name);
    out.counters.connections = connections;
    out.servers.push_back({"a", 0, 0, {}});
    return out;
}

} // namespace

TEST_CASE("the status of all services is told once, then that of those which do something") {
    status_changes s;
    auto const first = s.pick({serving("web"), serving("pacs")});
    CHECK(first.whole);
    CHECK(first.services.size() == 2);
    CHECK(s.pick({serving("web"), serving("pacs")}).services.empty());
    auto const then = s.pick({serving("web"), serving("pacs", 1)});
    CHECK_FALSE(then.whole);
    CHECK(then.services == std::vector{serving("pacs", 1)});
    auto busy = serving("web");
    busy.servers[0].active_connections = 3;
    CHECK(s.pick({busy, serving("pacs", 1)}).services == std::vector{busy});
}

TEST_CASE("services that come, go or change places are told with all others") {
    status_changes s;
    s.pick({serving("web"), serving("pacs")});
    CHECK(s.pick({serving("pacs"), serving("web")}).whole);
    CHECK(s.pick({serving("pacs"), serving("web"), serving("hl7")}).whole);
    auto const less = s.pick({serving("web")});
    CHECK(less.whole);
    CHECK(less.services.size() == 1);
    auto const none = s.pick({});
    CHECK(none.whole);
    CHECK(none.services.empty());
}

TEST_CASE("a new listener is told all of the status") {
    status_changes s;
    s.pick({serving("web")});
    s.forget();
    CHECK(s.pick({serving("web")}).whole);
}
