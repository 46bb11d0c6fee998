// SPDX-License-Identifier: Apache-2.0
#include "cluster/confirmation.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using dyad::boot_moment;
using dyad::confirmation;

namespace {

constexpr auto first = cluster::node_id::primary;
constexpr auto second = cluster::node_id::secondary;
dyad::awaited_confirmation const minute{{1, 5}, {1, 4}, 60s};

boot_moment at(std::int64_t ms, std::string boot = "one") { return {std::move(boot), ms}; }

} // namespace

TEST_CASE("confirmation: the time left runs out, and not below nothing") {
    confirmation c;
    CHECK(c.left(at(0)) == 0ms);
    c.await(minute, at(1'000), first);
    CHECK(c.left(at(1'000)) == 60s);
    CHECK(c.left(at(31'000)) == 30s);
    CHECK(c.left(at(61'000)) == 0ms);
    CHECK(c.left(at(99'000)) == 0ms);
    c.settle(first);
    CHECK_FALSE(c.awaited());
}

TEST_CASE("confirmation: goes on after a restart of the process, and is over after one of the machine") {
    test::temporary_directory const d;
    confirmation c;
    c.await(minute, at(1'000), first);
    REQUIRE(dyad::save(d.path(), c));
    auto const back = dyad::load_confirmation(d.path());
    CHECK(back == c);
    CHECK(back.left(at(21'000)) == 40s);
    CHECK(back.awaited() == minute);
    CHECK(back.left(at(5, "two")) == 0ms);
    CHECK_FALSE(dyad::load_confirmation(d.path() / "absent").awaited());
}

TEST_CASE("confirmation: the peer counts by its own clock, and hears when it is settled") {
    confirmation here;
    confirmation there;
    here.await(minute, at(1'000), first);
    CHECK(there.merge(here.document(), at(500'000, "other")));
    CHECK(there.awaited() == minute);
    CHECK(there.left(at(510'000, "other")) == 50s);
    CHECK_FALSE(there.merge(here.document(), at(520'000, "other"))); // nothing new

    here.await(minute, at(2'000), first); // said again, when it is in force
    CHECK(there.merge(here.document(), at(530'000, "other")));
    CHECK(there.left(at(530'000, "other")) == 30s);

    auto const late = here.document();
    here.settle(first);
    CHECK(there.merge(here.document(), at(540'000, "other")));
    CHECK_FALSE(there.awaited());
    CHECK_FALSE(there.merge(late, at(541'000, "other")));
}

TEST_CASE("confirmation: what is damaged waits for nothing, and is not merged") {
    confirmation c;
    c.await(minute, at(1'000), second);
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
        CHECK_FALSE(c.merge({confirmation::document_name, 99, first, text}, at(0)));
    }
    CHECK(c.awaited() == minute);
}
