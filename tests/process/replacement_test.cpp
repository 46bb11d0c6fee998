// SPDX-License-Identifier: Apache-2.0
#include "guardian_lab.hpp"
#include "ipc/values.hpp"
#include "loopback.hpp"

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/stat.h>

#include <fstream>

using namespace std::chrono_literals;
using test::ask;
using test::guardian_lab;
using test::within;
namespace json = boost::json;

namespace {

test::cluster_manners listening_on(std::vector<balance::endpoint> const& where, std::string manner = "serves") {
    test::cluster_manners out;
    out.says = {{{"type", "listen"}, {"sockets", dyad::ipc::pack_all(where)}}};
    out.program_manner = std::move(manner);
    return out;
}

/// Asks for another proxy; what the guardian says of it.
json::object replace(guardian_lab& lab, std::chrono::milliseconds limit = 10s) {
    auto const before = lab.log().count("cluster got proxy_replaced");
    ::kill(lab.guardian(), SIGHUP);
    REQUIRE(within(limit, [&] { return lab.log().count("cluster got proxy_replaced") > before; }));
    return json::parse(lab.log().last("cluster got proxy_replaced ")).as_object();
}

std::string error_of(json::object const& answer) { return std::string(answer.at("error").as_string()); }

/// Are all of so many clients served by this process?
bool serves(pid_t pid, balance::endpoint const& where) {
    for (int i = 0; i < 20; ++i) {
        if (ask(where) != std::to_string(pid)) {
            return false;
        }
    }
    return true;
}

void write_program(std::filesystem::path const& path, std::string const& bytes, mode_t mode) {
    std::ofstream(path) << bytes;
    ::chmod(path.c_str(), mode);
}

} // namespace

TEST_CASE("another program takes the proxy's place, and the one before goes on with what it has") {
    auto const where = test::free_endpoints(2);
    guardian_lab lab(listening_on(where));
    lab.start();
    REQUIRE(lab.complete());
    REQUIRE(within(5s, [&] { return lab.log().count("proxy has 2 listeners") == 1; }));
    auto const first = lab.pid_of("proxy");
    auto const answer = replace(lab);
    auto const second = lab.pid_of("program");
    CHECK(error_of(answer).empty());
    CHECK(answer.at("id") == 7);
    CHECK(answer.at("was") == first);
    CHECK(answer.at("pid") == second);
    CHECK(answer.at("connections") == 17);
    CHECK(answer.at("version") == "4.5.6");
    CHECK(serves(second, where[0]));
    CHECK(serves(second, where[1]));
    CHECK(test::alive(first));
    CHECK(lab.log().last("proxy got retire ") == "{\"finish_within_ms\":60000}");
    CHECK(within(5s, [&] { return lab.log().count("proxy got accept_anew") == 1; }));
    CHECK(lab.log().last("cluster got proxies ").starts_with("{\"serving\":" + std::to_string(second) + ",\"retiring\":[{\"pid\":" +
                                                             std::to_string(first)));
    CHECK(lab.log().last("cluster got process ").find("\"restarts\":0") != std::string::npos);

    SECTION("it is gone from the list when it has ended") {
        ::kill(first, SIGKILL);
        CHECK(within(5s, [&] {
            return lab.log().last("cluster got proxies ") == "{\"serving\":" + std::to_string(second) + ",\"retiring\":[]}";
        }));
        CHECK(serves(second, where[0]));
        CHECK(lab.log().count("proxy started") == 2);
    }
    SECTION("both end with the guardian") {
        ::kill(lab.guardian(), SIGTERM);
        CHECK(lab.exit_code() == 0);
        CHECK_FALSE(test::alive(first));
        CHECK_FALSE(test::alive(second));
    }
    SECTION("when the new one dies, it is started again from its own program") {
        ::kill(second, SIGKILL);
        REQUIRE(within(5s, [&] { return lab.log().count("program started") == 2; }));
        CHECK(within(5s, [&] { return ask(where[0]) == std::to_string(lab.pid_of("program")); }));
        CHECK(test::alive(first));
        CHECK(within(5s, [&] { return lab.log().last("cluster got process ").find("\"restarts\":1") != std::string::npos; }));
    }
    SECTION("another cluster process is connected to both") {
        auto const linked = lab.log().count("cluster linked to proxy");
        ::kill(lab.pid_of("cluster"), SIGKILL);
        CHECK(within(5s, [&] { return lab.log().count("cluster linked to proxy") == linked + 2; }));
        CHECK(within(5s, [&] { return lab.log().last("cluster got proxies ").find(std::to_string(first)) != std::string::npos; }));
        CHECK(test::alive(first));
        CHECK(serves(second, where[0]));
    }
}

TEST_CASE("a proxy that cannot take another's place leaves all as it was, and why is said") {
    auto const where = test::free_endpoints(1);
    test::temporary_directory const directory;
    auto const file = directory.path() / "program";
    auto manners = listening_on(where);
    std::string why;
    SECTION("it dies") {
        manners.program_manner = "dies";
        why = "ended with exit code 3 before it served";
    }
    SECTION("it does not serve") {
        manners.program_manner = "mute";
        why = "did not serve within 1000 ms";
    }
    SECTION("there is none") {
        manners.program = file;
        why = "the program " + file.string() + " cannot be started: No such file";
    }
    SECTION("it may not be executed") {
        write_program(file, "data", 0644);
        manners.program = file;
        why = "the program " + file.string() + " cannot be started: Permission denied";
    }
    SECTION("it is no program") {
        write_program(file, "half of one", 0755);
        manners.program = file;
        why = "cannot execute " + file.string() + ": Exec format error";
    }
    guardian_lab lab(manners);
    lab.start();
    REQUIRE(lab.complete());
    REQUIRE(within(5s, [&] { return lab.log().count("proxy has 1 listeners") == 1; }));
    auto const first = std::stoi(ask(where[0]));
    for (int i = 0; i < 2; ++i) { // it may be tried again
        auto const said = error_of(replace(lab));
        CAPTURE(said);
        CHECK(said.find(why) != std::string::npos);
        CHECK(within(5s, [&] { return lab.log().count("program started") == 0 || !test::alive(lab.pid_of("program")); }));
        CHECK(within(5s, [&] { return serves(first, where[0]); }));
    }
    CHECK(lab.log().count("proxy got retire") == 0);
}

TEST_CASE("no more than eight replaced proxies finish at the same time") {
    auto const where = test::free_endpoints(1);
    guardian_lab lab(listening_on(where));
    lab.start();
    REQUIRE(lab.complete());
    auto const first = lab.pid_of("proxy");
    for (int i = 0; i < 8; ++i) {
        REQUIRE(error_of(replace(lab)).empty());
    }
    CHECK(error_of(replace(lab)).find("8 proxies that were replaced still finish") == 0);
    ::kill(first, SIGKILL);
    CHECK(within(5s, [&] { return error_of(replace(lab)).empty(); }));
    CHECK(serves(lab.pid_of("program"), where[0]));
    ::kill(lab.guardian(), SIGTERM);
    CHECK(lab.exit_code() == 0);
}
