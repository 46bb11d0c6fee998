// SPDX-License-Identifier: Apache-2.0
#include "run_dyad.hpp"
#include "scripted_daemon.hpp"

#include <catch2/catch.hpp>

using test::dyad_in;
using test::scripted_daemon;

namespace {

constexpr auto failed = R"json({"check":"http","timeout_ms":5000,"target":{"address":"192.0.2.9","port":80},
  "success":false,"reason":"status 503 \u001b[31mOh","latency_ms":2,"steps":[
  {"name":"connection","took_us":312,"sent":"","sent_bytes":0,"received":"","received_bytes":0,"note":""},
  {"name":"answer","took_us":1650,"sent":"GET / HTTP/1.1\\r\\n\\r\\n","sent_bytes":18,"received":"HTTP/1.1 503","received_bytes":4000,
   "note":"a note"}]})json";

} // namespace

TEST_CASE("dyad test: each step with its bytes, and exit code 1 when it is down") {
    scripted_daemon const d({{"POST /v1/test", {200, failed}}});
    auto const got = dyad_in(d.run_dir(), {"test", "Web/w1"});
    CHECK(got.code == 1);
    CHECK(got.err.empty());
    CHECK(got.out == "Web/w1: check of type http, 192.0.2.9 port 80, within 5000 ms\n"
                     "  connection          0.3 ms\n"
                     "  answer              1.6 ms\n"
                     "    a note\n"
                     "    sent 18 bytes\n"
                     "      GET / HTTP/1.1\\r\\n\n"
                     "      \\r\\n\n"
                     "    received 4000 bytes, of which the first 1024\n"
                     "      HTTP/1.1 503\n"
                     "down, after 2 ms: status 503 ?[31mOh\n");
    CHECK(d.asked() == std::vector<std::string>{R"(POST /v1/test {"service":"Web","server":"w1"})"});
}

TEST_CASE("dyad test: exit code 0 when it is up, also with --json") {
    constexpr auto up = R"({"check":"on","target":{"address":"192.0.2.9","port":0},"timeout_ms":50,"success":true,)"
                        R"("reason":"taken for up without a check","latency_ms":0,"steps":[]})";
    scripted_daemon const d({{"POST /v1/test", {200, up}}});
    auto const words = dyad_in(d.run_dir(), {"test", "Web/w1"});
    CHECK(words.code == 0);
    CHECK(words.out == "Web/w1: check of type on, 192.0.2.9, within 50 ms\nup, after 0 ms: taken for up without a check\n");
    auto const document = dyad_in(d.run_dir(), {"--json", "test", "Web/w1"});
    CHECK(document.code == 0);
    CHECK(document.out == std::string(up) + "\n");
}

TEST_CASE("dyad test: wrong usage, and a daemon that refuses") {
    for (auto const* target : {"Web", "Web/", "/w1", "a/b/c"}) {
        CAPTURE(target);
        auto const got = dyad_in("/nonexistent", {"test", target});
        CHECK(got.code == 2);
        CHECK(got.err.find("names no server") != std::string::npos);
    }
    CHECK(dyad_in("/nonexistent", {"test"}).code == 2);
    CHECK(dyad_in("/nonexistent", {"test", "a/b"}).code == 3);
    scripted_daemon const d({{"POST /v1/test", {404, R"({"error":"there is no server"})"}}});
    auto const refused = dyad_in(d.run_dir(), {"test", "a/b"});
    CHECK(refused.code == 1);
    CHECK(refused.err == "there is no server\n");
}
