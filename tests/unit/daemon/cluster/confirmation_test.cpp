// SPDX-License-Identifier: Apache-2.0
#include "cluster/confirmation.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using dyad::boot_moment;
using dyad::confirmation;

namespace {

constexpr auto the_primary = cluster::node_id::primary;
constexpr auto the_secondary = cluster::node_id::secondary;
dyad::awaited_confirmation const a_minute{{1, 5}, {1, 4}, 60s};

boot_moment moment(std::int64_t ms, std::string boot = "one") { return {std::move(boot), ms}; }

} // namespace

TEST_CASE("confirmation: the time left runs out, and not below nothing") {
    confirmation c;
    CHECK(c.left(moment(0)) == 0ms);
    c.await(a_minute, moment(1'000), the_primary);
    CHECK(c.left(moment(1'000)) == 60s);
    CHECK(c.left(moment(31'000)) == 30s);
    CHECK(c.left(moment(61'000)) == 0ms);
    CHECK(c.left(moment(99'000)) == 0ms);
    c.settle(the_primary);
    CHECK_FALSE(c.awaited());
}

TEST_CASE("confirmation: goes on after a restart of the process, and is over after one of the machine") {
    test::temporary_directory const d;
    confirmation c;
    c.await(a_minute, moment(1'000), the_primary);
    REQUIRE(dyad::save(d.path(), c));
    auto const back = dyad::load_confirmation(d.path());
    CHECK(back == c);
    CHECK(back.left(moment(21'000)) == 40s);
    CHECK(back.awaited() == a_minute);
    CHECK(back.left(moment(5, "two")) == 0ms);
    CHECK_FALSE(dyad::load_confirmation(d.path() / "absent").awaited());
}

TEST_CASE("confirmation: the peer counts by its own clock, and hears when it is settled") {
    confirmation here;
    confirmation there;
    here.await(a_minute, moment(1'000), the_primary);
    CHECK(there.merge(here.document(), moment(500'000, "other")));
    CHECK(there.awaited() == a_minute);
    CHECK(there.left(moment(510'000, "other")) == 50s);
    CHECK_FALSE(there.merge(here.document(), moment(520'000, "other"))); // nothing new

    here.await(a_minute, moment(2'000), the_primary); // said again, when it is in force
    CHECK(there.merge(here.document(), moment(530'000, "other")));
    CHECK(there.left(moment(530'000, "other")) == 30s);

    auto const late = here.document();
    here.settle(the_primary);
    CHECK(there.merge(here.document(), moment(540'000, "other")));
    CHECK_FALSE(there.awaited());
    CHECK_FALSE(there.merge(late, moment(541'000, "other")));
}

TEST_CASE("confirmation: what is damaged waits for nothing, and is not merged") {
    confirmation c;
    c.await(a_minute, moment(1'000), the_secondary);
    auto const good = c.text();
    CHECK(confirmation::from_text(good) == c);
    for (std::size_t n = 0; n < good.size(); ++n) {
        CHECK_FALSE(confirmation::from_text(good.substr(0, n)).awaited());
    }
    for (auto const* text :
         {"", "[]", "3", R"({"term":1})",
          R"({"term":-1,"generation":5,"back_to_term":1,"back_to_generation":4,"period_ms":1})",
          R"({"term":1,"generation":5,"back_to_term":1,"back_to_generation":4,"period_ms":-1})",
          R"({"term":1,"generation":5,"back_to_term":1,"back_to_generation":4,"period_ms":99999999999999})",
          R"({"term":"1","generation":5,"back_to_term":1,"back_to_generation":4,"period_ms":1})"}) {
        CAPTURE(text);
        CHECK_FALSE(c.merge({confirmation::document_name, 99, the_primary, text}, moment(0)));
    }
    CHECK(c.awaited() == a_minute);
}
