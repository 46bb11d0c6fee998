// SPDX-License-Identifier: Apache-2.0
#include "cluster/process.hpp"
#include "guardian/listeners.hpp"
#include "guardian_lab.hpp"
#include "ipc/values.hpp"
#include "loopback.hpp"

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>

#include <signal.h>

#include <thread>

using namespace std::chrono_literals;
using test::ask;
using test::free_endpoints;
using test::guardian_lab;
using test::within;
namespace json = boost::json;

namespace {

balance::endpoint at(char const* address, std::uint16_t port) { return {boost::asio::ip::make_address(address), port}; }

json::object listen_on(std::vector<balance::endpoint> const& sockets) {
    return {{"type", "listen"}, {"sockets", dyad::ipc::pack_all(sockets)}};
}

json::object floating() {
    cluster::floating_address const vip{boost::asio::ip::make_address("192.0.2.1"), "lo"};
    return {{"type", "floating"}, {"addresses", dyad::ipc::pack_all(std::vector{vip})}};
}

json::object goodbye() {
    cluster::sealed_datagram const d{at("127.0.0.1", 1), at("127.0.0.1", 2), "lo", {1, 2, 3}};
    return {{"type", "goodbye"}, {"datagrams", dyad::ipc::pack_all(std::vector{d, d})}};
}

} // namespace

TEST_CASE("three processes start and are connected") {
    guardian_lab lab;
    lab.start();
    REQUIRE(lab.complete());
    CHECK(within(5s, [&] { return lab.log().count("cluster linked to") == 2; }));
    CHECK(lab.log().count("cluster got process {\"name\":\"guardian\",\"pid\":" + std::to_string(lab.guardian())) == 1);
    CHECK(lab.log().count("cluster got process {\"name\":\"proxy\"") == 1);
    ::kill(lab.guardian(), SIGTERM);
    CHECK(lab.exit_code() == 0);
}

TEST_CASE("a killed proxy is back with its listeners, and clients who came meanwhile are served") {
    auto const where = free_endpoints(1);
    test::cluster_manners manners;
    manners.says = {listen_on(where)};
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    REQUIRE(within(5s, [&] { return lab.log().count("proxy has 1 listeners") == 1; }));
    auto const first = lab.pid_of("proxy");
    CHECK(ask(where[0]) == std::to_string(first));

    auto const killed = std::chrono::steady_clock::now();
    ::kill(first, SIGKILL);
    auto answer = ask(where[0]); // may still meet the dying one
    while (answer.empty() || answer == std::to_string(first)) {
        REQUIRE(std::chrono::steady_clock::now() - killed < 5s);
        answer = ask(where[0]);
    }
    CHECK(answer == std::to_string(lab.pid_of("proxy")));
    CHECK(within(5s, [&] { return lab.log().count("proxy linked") == 2; }));
    CHECK(within(5s, [&] { return lab.log().count("cluster linked to proxy") == 2; }));
    CHECK(lab.log().last("cluster got process ").find("\"restarts\":1") != std::string::npos);
    CHECK(lab.log().last("cluster got process ").find("was killed by signal 9") != std::string::npos);
    CHECK(lab.log().count("checker started") == 1);
    CHECK(lab.log().count("cluster started") == 1);
}

TEST_CASE("a worker that dies again and again is started more and more slowly") {
    guardian_lab lab;
    lab.start();
    REQUIRE(lab.complete());
    auto const begin = std::chrono::steady_clock::now();
    for (std::size_t started = 2; started <= 4; ++started) {
        ::kill(lab.pid_of("checker"), SIGKILL);
        REQUIRE(within(5s, [&] { return lab.log().count("checker started") == started; }));
    }
    CHECK(std::chrono::steady_clock::now() - begin >= 300ms); // 0 + 100 + 200
    CHECK(lab.log().count("proxy started") == 1);
}

TEST_CASE("when the cluster process dies, its addresses are off before its goodbye is said, and it is back") {
    test::cluster_manners manners;
    manners.says = {floating(), goodbye()};
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    ::kill(lab.pid_of("cluster"), SIGKILL);
    REQUIRE(within(5s, [&] { return lab.log().count("cluster started") == 2; }));
    CHECK(lab.log().count("remove 192.0.2.1%lo") == 1);
    CHECK(lab.log().count("goodbye 2") == 1);
    CHECK(lab.log().place("remove") < lab.log().place("goodbye"));
    CHECK(lab.log().count("cluster ended") == 0);
    CHECK(within(5s, [&] { return lab.log().count("proxy linked") == 2 && lab.log().count("checker linked") == 2; }));
    CHECK(lab.log().count("proxy started") == 1);
}

TEST_CASE("a cluster process that leaves in good order needs no last will") {
    test::cluster_manners manners;
    manners.says = {floating(), goodbye()};
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    ::kill(lab.guardian(), SIGTERM);
    CHECK(lab.exit_code() == 0);
    CHECK(lab.log().count("cluster ended") == 1);
    CHECK(lab.log().count("remove") == 0);
    CHECK(lab.log().count("goodbye") == 0);
}

TEST_CASE("a cluster process that stands still is killed and replaced") {
    test::cluster_manners manners;
    manners.deadtime = 500ms;
    manners.says = {floating(), goodbye()};
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    REQUIRE_FALSE(within(700ms, [&] { return lab.log().count("cluster started") > 1; }));
    auto const stopped = lab.pid_of("cluster");
    auto const begin = std::chrono::steady_clock::now();
    ::kill(stopped, SIGSTOP);
    REQUIRE(within(5s, [&] { return lab.log().count("remove 192.0.2.1%lo") >= 1; }));
    auto const took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
    CHECK(took >= 250ms);
    REQUIRE(within(5s, [&] { return lab.log().count("cluster started") == 2; }));
    CHECK_FALSE(test::alive(stopped));
    CHECK(lab.log().count("goodbye 2") == 1);
}

TEST_CASE("a guardian that was asleep does not blame its child") {
    test::cluster_manners manners;
    manners.deadtime = 500ms;
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    SECTION("the guardian alone") {
        ::kill(lab.guardian(), SIGSTOP);
        std::this_thread::sleep_for(700ms);
        ::kill(lab.guardian(), SIGCONT);
    }
    SECTION("both, and the child wakes a little later") {
        auto const child = lab.pid_of("cluster");
        ::kill(lab.guardian(), SIGSTOP);
        ::kill(child, SIGSTOP);
        std::this_thread::sleep_for(700ms);
        ::kill(lab.guardian(), SIGCONT);
        ::kill(child, SIGCONT);
    }
    CHECK_FALSE(within(700ms, [&] { return lab.log().count("cluster started") > 1; }));
}

TEST_CASE("a second guardian on the same directories is refused in one sentence") {
    guardian_lab lab;
    lab.start();
    REQUIRE(lab.complete());
    auto const first = lab.guardian();
    lab.start(); // the second one
    auto const second_code = lab.exit_code();
    CHECK(second_code == 1);
    CHECK(lab.complaints().find("another dyadd (pid " + std::to_string(first) + ") runs on") != std::string::npos);
    CHECK(lab.log().count("cluster started") == 1);
    ::kill(first, SIGTERM);
    CHECK(within(10s, [&] { return !test::alive(first); }));
}

TEST_CASE("stopping ends the cluster process first, then the workers") {
    guardian_lab lab;
    lab.start();
    REQUIRE(lab.complete());
    auto const proxy = lab.pid_of("proxy");
    auto const checker = lab.pid_of("checker");
    ::kill(lab.guardian(), SIGSTOP); // so that we see the cluster process end before anything else may
    ::kill(lab.guardian(), SIGTERM);
    ::kill(lab.guardian(), SIGCONT);
    CHECK(lab.exit_code() == 0);
    CHECK(lab.log().count("cluster got stop") == 1);
    CHECK(lab.log().count("cluster ended") == 1);
    CHECK_FALSE(test::alive(proxy));
    CHECK_FALSE(test::alive(checker));
    CHECK(lab.log().count("proxy started") == 1);
    auto const said = lab.complaints();
    CHECK(said.find("cluster process (pid") < said.find("proxy process (pid"));
    CHECK(said.find("cluster process (pid") < said.find("checker process (pid"));
}

TEST_CASE("a cluster process that does not stop is killed in time") {
    test::cluster_manners manners;
    manners.ignores_stop = true;
    manners.says = {floating(), goodbye()};
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    auto const begin = std::chrono::steady_clock::now();
    ::kill(lab.guardian(), SIGTERM);
    CHECK(lab.exit_code() == 0);
    CHECK(std::chrono::steady_clock::now() - begin < 5500ms);
    CHECK(lab.log().count("remove 192.0.2.1%lo") == 1);
    CHECK(lab.log().count("goodbye 2") == 1);
}

TEST_CASE("when the guardian is killed, the cluster process leaves by itself and the workers die") {
    guardian_lab lab;
    lab.start();
    REQUIRE(lab.complete());
    auto const pids = {lab.pid_of("cluster"), lab.pid_of("checker"), lab.pid_of("proxy")};
    ::kill(lab.guardian(), SIGKILL);
    CHECK(lab.exit_code() == -1);
    for (auto const pid : pids) {
        CHECK(within(5s, [&] { return !test::alive(pid); }));
    }
    CHECK(lab.log().count("cluster lost its guardian") == 1);
    lab.start();
    CHECK(within(10s, [&] { return lab.log().count("cluster started") == 2; }));
}

TEST_CASE("a start that cannot succeed is not repeated") {
    test::cluster_manners manners;
    manners.ends_at_once = GENERATE(dyad::exit_refused, dyad::exit_configuration);
    guardian_lab lab(manners);
    lab.start();
    CHECK(lab.exit_code() == 1);
    CHECK(lab.log().count("cluster started") == 1);
    CHECK_FALSE(test::alive(lab.pid_of("proxy")));
}

TEST_CASE("a start that fails for another reason is repeated") {
    test::cluster_manners manners;
    manners.ends_at_once = 1;
    guardian_lab lab(manners);
    lab.start();
    CHECK(within(5s, [&] { return lab.log().count("cluster started") >= 3; }));
}

TEST_CASE("SIGHUP asks the cluster process to read its files again") {
    guardian_lab lab;
    lab.start();
    REQUIRE(lab.complete());
    ::kill(lab.guardian(), SIGHUP);
    CHECK(within(5s, [&] { return lab.log().count("cluster got reload") == 1; }));
    CHECK(lab.log().count("cluster started") == 1);
}

TEST_CASE("any number of listeners reaches the proxy, also the next one") {
    auto const where = free_endpoints(200);
    test::cluster_manners manners;
    manners.says = {listen_on(where)};
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    CHECK(within(5s, [&] { return lab.log().count("proxy has 200 listeners") == 1; }));
    CHECK(lab.log().last("cluster got listen_result ") == "{\"failed\":[]}");
    ::kill(lab.pid_of("proxy"), SIGKILL);
    CHECK(within(5s, [&] { return lab.log().count("proxy has 200 listeners") == 2; }));
    CHECK_FALSE(ask(where[199]).empty());
}

TEST_CASE("only what changed is passed to the proxy") {
    auto const where = free_endpoints(3);
    test::cluster_manners manners;
    manners.says = {listen_on({where[0], where[1]}), listen_on({where[1], where[0]}), listen_on({where[1], where[2]})};
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    REQUIRE(within(5s, [&] { return lab.log().count("cluster got listen_result") == 3; }));
    REQUIRE(within(5s, [&] { return lab.log().count("proxy got listeners") == 2; }));
    CHECK(lab.log().last("proxy got listeners ") ==
          json::serialize(json::object{{"add", dyad::ipc::pack_all(std::vector{where[2]})},
                                       {"remove", dyad::ipc::pack_all(std::vector{where[0]})},
                                       {"failed", json::array()}}));
    CHECK(ask(where[0]).empty());
    CHECK_FALSE(ask(where[2]).empty());
}

TEST_CASE("a port that is taken is reported, and had as soon as it is free") {
    auto const where = free_endpoints(2);
    auto other_program = *dyad::open_listener(where[0]);
    test::cluster_manners manners;
    manners.says = {listen_on(where)};
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    REQUIRE(within(5s, [&] { return lab.log().count("cluster got listen_result") == 1; }));
    CHECK(lab.log().last("cluster got listen_result ").find("another program has this port") != std::string::npos);
    CHECK(within(5s, [&] { return lab.log().count("proxy has 1 listeners") == 1; }));
    other_program.reset();
    CHECK(within(5s, [&] { return lab.log().last("cluster got listen_result ") == "{\"failed\":[]}"; }));
    CHECK(within(5s, [&] { return lab.log().count("proxy has 2 listeners") == 1; }));
    CHECK_FALSE(ask(where[0]).empty());
}
