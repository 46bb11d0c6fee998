// SPDX-License-Identifier: Apache-2.0
#include "run_dyad.hpp"
#include "scripted_daemon.hpp"

#include <catch2/catch.hpp>

using test::dyad_in;
using test::scripted_daemon;

namespace {

std::string const good = R"({"grade":"fine","service":"","server":"","text":"kernel 6.1.0 has IPVS","remedy":""})";
std::string const unknown =
    R"({"grade":"untested","service":"Web","server":"web2","text":"192.0.2.22 does not answer","remedy":""})";
std::string const better =
    R"({"grade":"warning","service":"Web","server":"web2","text":"192.0.2.22 is on two cards","remedy":""})";
std::string const bad = R"({"grade":"fault","service":"Web","server":"web1","text":"192.0.2.21 answers ARP for 192.0.2.100",)"
                          R"("remedy":"set arp_ignore = 1 there"})";

scripted_daemon that_found(std::string const& list) {
    return scripted_daemon({{"POST /v1/doctor", {200, R"({"findings":[)" + list + "]}"}}});
}

} // namespace

TEST_CASE("dyad doctor: by service, the worst first, with remedies, and exit code 1 when there is a fault") {
    auto const daemon = that_found(unknown + ',' + good + ',' + bad + ',' + better);
    auto const got = dyad_in(daemon.run_dir(), {"doctor"});
    CHECK(got.code == 1);
    CHECK(got.err.empty());
    std::string const web = "service Web\n"
                            "  fault     web1 192.0.2.21 answers ARP for 192.0.2.100\n"
                            "            remedy: set arp_ignore = 1 there\n"
                            "  warning   web2 192.0.2.22 is on two cards\n"
                            "  untested  web2 192.0.2.22 does not answer\n";
    CHECK(got.out == web + "\n1 fault, 1 warning, 1 not tested, 1 fine (hidden without --all)\n");
    CHECK(dyad_in(daemon.run_dir(), {"doctor", "--all"}).out == web + "this node and the pair\n"
                                                                      "  fine      kernel 6.1.0 has IPVS\n"
                                                                      "\n1 fault, 1 warning, 1 not tested, 1 fine\n");
    CHECK(daemon.asked() == std::vector<std::string>{"POST /v1/doctor {}", "POST /v1/doctor {}"});
}

TEST_CASE("dyad doctor: all is fine") {
    auto const daemon = that_found(good + ',' + good);
    auto const got = dyad_in(daemon.run_dir(), {"doctor"});
    CHECK(got.code == 0);
    CHECK(got.out == "\n2 fine (hidden without --all)\n");
}

TEST_CASE("dyad doctor: one service, and success without a fault") {
    auto const daemon = that_found(unknown);
    auto const got = dyad_in(daemon.run_dir(), {"doctor", "Web"});
    CHECK(got.code == 0);
    CHECK(daemon.asked() == std::vector<std::string>{R"(POST /v1/doctor {"service":"Web"})"});
    CHECK(dyad_in(daemon.run_dir(), {"doctor", "--json"}).out == R"({"findings":[)" + unknown + "]}\n");
}

TEST_CASE("dyad doctor: nothing to look at, and a daemon that refuses") {
    auto const nothing = that_found("");
    CHECK(dyad_in(nothing.run_dir(), {"doctor"}).out == "\nnothing to look at\n");
    scripted_daemon const busy({{"POST /v1/doctor", {409, R"({"error":"an examination is under way already"})"}}});
    auto const got = dyad_in(busy.run_dir(), {"doctor"});
    CHECK(got.code == 1);
    CHECK(got.err == "an examination is under way already\n");
}
