// SPDX-License-Identifier: Apache-2.0
#include "run_dyad.hpp"
#include "scripted_daemon.hpp"

#include <catch2/catch.hpp>

using test::dyad_in;
using test::scripted_daemon;

namespace {

constexpr auto a_page = R"({"entries":[{"service":"My web","client":"192.0.2.7","server":"web1","remaining_ms":90000},
 {"service":"viewer","client":"0.0.0.0","server":"w\u001b2","remaining_ms":4398046511104}],"more":true,"layer4":["DB","IMS"]})";

} // namespace

TEST_CASE("dyad persistence show: a table, the way to the next page, and what the kernel has") {
    scripted_daemon const d({{"GET /v1/persistence?limit=2", {200, a_page}}});
    auto const got = dyad_in(d.run_dir(), {"persistence", "show", "--limit", "2"});
    CHECK(got.code == 0);
    CHECK(got.out == "SERVICE  CLIENT     SERVER  EXPIRES IN\n"
                     "My web   192.0.2.7  web1    1 min 30 s\n"
                     "viewer   0.0.0.0    w?2          never\n"
                     "there are more: `dyad persistence show --after \"viewer/0.0.0.0\"` goes on\n"
                     "layer 4 is the kernel's: `ipvsadm -Lnc` on the active node shows where clients go of DB, IMS\n");
}

TEST_CASE("dyad persistence show: one service, further pages, documents") {
    scripted_daemon const d({{"GET /v1/persistence?limit=100&service=My%20web&after_service=My%20web&after_client=192.0.2.7",
                              {200, R"({"entries":[],"more":false,"layer4":["DB"]})"}}});
    auto const got = dyad_in(d.run_dir(), {"persistence", "show", "My web", "--after", "My web/192.0.2.7"});
    CHECK(got.out == "no client is remembered\n");
    auto const document = dyad_in(d.run_dir(), {"--json", "persistence", "show", "My web", "--after", "My web/192.0.2.7"});
    CHECK(document.out == "{\"entries\":[],\"more\":false,\"layer4\":[\"DB\"]}\n");
    CHECK(dyad_in(d.run_dir(), {"persistence", "show", "--after", "nonsense"}).code == 2);
    CHECK(dyad_in(d.run_dir(), {"persistence", "show", "--limit", "0"}).code == 2);
    CHECK(dyad_in(d.run_dir(), {"persistence"}).code == 2);
}

TEST_CASE("dyad persistence clear: one client, or all, and whether the peer knows") {
    scripted_daemon const d({{"POST /v1/persistence", {200, R"({"cleared":1,"peer_told":true})"}}});
    CHECK(dyad_in(d.run_dir(), {"persistence", "clear", "web", "192.0.2.7"}).out == "1 entry cleared, on the peer too\n");
    CHECK(dyad_in(d.run_dir(), {"persistence", "clear", "web"}).code == 0);
    CHECK(d.asked() == std::vector<std::string>{R"(POST /v1/persistence {"service":"web","client":"192.0.2.7"})",
                                                R"(POST /v1/persistence {"service":"web"})"});
    CHECK(dyad_in(d.run_dir(), {"persistence", "clear"}).code == 2);
    CHECK(dyad_in(d.run_dir(), {"persistence", "clear", "web", "300.1.1.1"}).code == 2);
    scripted_daemon const alone({{"POST /v1/persistence", {200, R"({"cleared":3,"peer_told":false})"}}});
    CHECK(dyad_in(alone.run_dir(), {"persistence", "clear", "web"}).out == "3 entries cleared; no peer was told\n");
}
