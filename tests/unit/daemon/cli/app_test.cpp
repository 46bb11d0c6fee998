// SPDX-License-Identifier: Apache-2.0
#include "run_dyad.hpp"
#include "scripted_daemon.hpp"

#include <catch2/catch.hpp>

#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

using namespace dyad::cli;
using test::dyad_in;
using test::scripted_daemon;

namespace {

std::string slurp(std::filesystem::path const& file) {
    std::ifstream in(file, std::ios::binary);
    REQUIRE(in.good());
    return {std::istreambuf_iterator<char>(in), {}};
}

std::filesystem::path const source = DYAD_SOURCE_DIR;
std::string const good_cluster = "format = 1\n";

} // namespace

TEST_CASE("dyad: exit code 2 for wrong usage, with the reason") {
    auto const wrong = [](std::vector<std::string> arguments) {
        auto const got = dyad_in("/nonexistent", std::move(arguments));
        CHECK(got.code == 2);
        CHECK(got.out.empty());
        return got.err;
    };
    CHECK_FALSE(wrong({}).empty());
    CHECK(wrong({"statsu"}) == "there is no command \"statsu\"; did you mean \"status\"?\n");
    CHECK(wrong({"frobnicate"}) == "there is no command \"frobnicate\"; `dyad --help` lists them\n");
    CHECK_FALSE(wrong({"status", "--colour"}).empty());
    CHECK_FALSE(wrong({"maintenance"}).empty());
    CHECK_FALSE(wrong({"maintenance", "maybe"}).empty());
    CHECK(wrong({"drain"}) ==
          "drain needs a server; write SERVICE/SERVER, or --server ADDRESS for a machine wherever it serves\n");
    for (auto const* target : {"Web", "Web/", "/web1", "a/b/c", "/"}) {
        CAPTURE(target);
        CHECK(wrong({"halt", target}).find("names no server") != std::string::npos);
    }
    CHECK_FALSE(wrong({"online", "Web/web1", "--server", "192.0.2.1"}).empty());
    CHECK(wrong({"online", "--server", "web1"}) ==
          "\"web1\" is not an IP address; it must look like 192.0.2.1 or 2001:db8::1\n");
}

TEST_CASE("dyad: help goes to stdout and is success") {
    auto const got = dyad_in("/nonexistent", {"--help"});
    CHECK(got.code == 0);
    CHECK(got.err.empty());
    for (auto const* word :
         {"init", "validate", "plan", "apply", "status", "drain", "halt", "online", "takeover", "handover",
          "replace-proxy", "maintenance", "events", "keygen", "Exit codes: 0 done, 1 refused", "DYAD_RUN_DIR", "Examples:"}) {
        CAPTURE(word);
        CHECK(got.out.find(word) != std::string::npos);
    }
    CHECK(dyad_in("/nonexistent", {"apply", "--help"}).code == 0);
}

TEST_CASE("dyad: exit code 3 when no daemon answers") {
    test::temporary_directory const empty;
    for (auto const& arguments : std::vector<std::vector<std::string>>{{"status"},
                                                                       {"events"},
                                                                       {"plan"},
                                                                       {"apply"},
                                                                       {"drain", "a/b"},
                                                                       {"takeover"},
                                                                       {"handover"},
                                                                       {"maintenance", "on"}}) {
        CAPTURE(arguments);
        auto const got = dyad_in(empty.path(), arguments);
        CHECK(got.code == 3);
        CHECK(got.out.empty());
        CHECK(got.err == "no daemon answers on " + (empty.path() / "dyad.sock").string() +
                             "; start it with `systemctl start dyadd`, or name its directory with --run-dir\n");
    }
    std::ofstream(empty.path() / "dyad.sock") << ""; // left behind, and nobody listens
    CHECK(dyad_in(empty.path(), {"status"}).code == 3);
}

TEST_CASE("dyad: exit code 1 when the daemon refuses, its faults first") {
    scripted_daemon const d(
        {{"POST /v1/takeover", {409, R"({"error":"the peer is in maintenance"})"}},
         {"POST /v1/servers", {404, R"({"error":"no such server","faults":["a:1:2: x","b:3:4: y"]})"}},
         {"POST /v1/handover", {500, "no JSON"}},
         {"GET /v1/status", {200, "[1]"}},
         {"POST /v1/maintenance", {200, ""}}});
    auto const takeover = dyad_in(d.run_dir(), {"takeover"});
    CHECK(takeover.code == 1);
    CHECK(takeover.err == "the peer is in maintenance\n");
    auto const drain = dyad_in(d.run_dir(), {"drain", "a/b"});
    CHECK(drain.code == 1);
    CHECK(drain.err == "a:1:2: x\nb:3:4: y\nno such server\n");
    CHECK(dyad_in(d.run_dir(), {"handover"}).err == "the daemon answered HTTP 500 without a reason\n");
    CHECK(dyad_in(d.run_dir(), {"status"}).code == 1);
    auto const broken = dyad_in(d.run_dir(), {"maintenance", "on"});
    CHECK(broken.code == 1);
    CHECK(broken.err.starts_with("the daemon broke the connection off: "));
}

TEST_CASE("dyad: operating commands ask what they should and say what was done") {
    scripted_daemon const d({{"POST /v1/takeover", {200, R"({"state":"active","took_ms":120})"}},
                             {"POST /v1/handover", {200, R"({"state":"passive","took_ms":1500})"}},
                             {"POST /v1/maintenance", {200, "{}"}},
                             {"POST /v1/servers", {200, R"({"changed":[{"service":"Web","server":"w1"}]})"}}});
    CHECK(dyad_in(d.run_dir(), {"takeover"}).out == "this node is active, after 120 ms\n");
    CHECK(dyad_in(d.run_dir(), {"handover"}).out == "this node is passive, after 1 s\n");
    CHECK(dyad_in(d.run_dir(), {"maintenance", "on"}).code == 0);
    CHECK(dyad_in(d.run_dir(), {"maintenance", "off"}).code == 0);
    CHECK(dyad_in(d.run_dir(), {"drain", "Web/w1"}).out == "Web/w1: drains, gets no new connections\n");
    CHECK(dyad_in(d.run_dir(), {"halt", "--server", "2001:DB8::1"}).out == "Web/w1: halted, out of service\n");
    CHECK(dyad_in(d.run_dir(), {"online", "Web/w1"}).out == "Web/w1: online\n");
    CHECK(dyad_in(d.run_dir(), {"online", "Web/w1", "--json"}).out ==
          "{\"changed\":[{\"service\":\"Web\",\"server\":\"w1\"}]}\n");
    CHECK(d.asked() ==
          std::vector<std::string>{"POST /v1/takeover {}", "POST /v1/handover {}",
                                   R"(POST /v1/maintenance {"on":true})", R"(POST /v1/maintenance {"on":false})",
                                   R"(POST /v1/servers {"action":"drain","service":"Web","server":"w1"})",
                                   R"(POST /v1/servers {"action":"halt","address":"2001:db8::1"})",
                                   R"(POST /v1/servers {"action":"online","service":"Web","server":"w1"})",
                                   R"(POST /v1/servers {"action":"online","service":"Web","server":"w1"})"});
}

TEST_CASE("dyad: a replaced proxy is told with what it still has") {
    auto const said = [](std::string const& body, std::vector<std::string> arguments = {"replace-proxy"}) {
        scripted_daemon const d({{"POST /v1/replace-proxy", {200, body}}});
        return dyad_in(d.run_dir(), std::move(arguments)).out;
    };
    std::string const body = R"({"was":812,"pid":9173,"connections":17,"finish_within_ms":3600000,"version":"1.3.0"})";
    CHECK(said(body) == "replaced: pid 812 -> 9173, dyadd 1.3.0; 17 connections finish in the old one, within 1h\n");
    CHECK(said(body, {"--json", "replace-proxy"}) == body + "\n");
    CHECK(said(R"({"was":812,"pid":9173,"connections":1,"finish_within_ms":90000,"version":"1.3.0"})") ==
          "replaced: pid 812 -> 9173, dyadd 1.3.0; 1 connection finishes in the old one, within 90s\n");
    CHECK(said(R"({"was":-1,"pid":9173,"connections":0,"finish_within_ms":90000,"version":"1.3.0"})") ==
          "replaced: pid none -> 9173, dyadd 1.3.0\n");
    scripted_daemon const refusing({{"POST /v1/replace-proxy", {409, R"({"error":"it ended; the one before goes on"})"}}});
    auto const got = dyad_in(refusing.run_dir(), {"replace-proxy"});
    CHECK(got.code == 1);
    CHECK(got.err == "it ended; the one before goes on\n");
}

TEST_CASE("dyad: the environment names the run directory, an option overrides it") {
    scripted_daemon const d({{"POST /v1/takeover", {200, R"({"state":"active","took_ms":1})"}}});
    ::setenv("DYAD_RUN_DIR", d.run_dir().c_str(), 1);
    CHECK(dyad_in("/nonexistent", {"takeover"}).code == 0);
    CHECK(dyad_in("/nonexistent", {"--run-dir", "/nonexistent", "takeover"}).code == 3);
    ::unsetenv("DYAD_RUN_DIR");
    CHECK(dyad_in("/nonexistent", {"takeover", "--run-dir", d.run_dir().string()}).code == 0);
}

TEST_CASE("dyad status: table, document, one service, one server") {
    auto const document = slurp(source / "tests/golden/cli/status.json");
    scripted_daemon const d({{"GET /v1/status", {200, document}}});
    CHECK(dyad_in(d.run_dir(), {"status"}).out.starts_with("lb1 (primary) is active"));
    auto const json = dyad_in(d.run_dir(), {"status", "--json"}).out;
    CHECK(json.starts_with("{\"node\":{\"name\":\"lb1\""));
    CHECK(dyad_in(d.run_dir(), {"status", "Viewer"}).out.find("v1") != std::string::npos);
    CHECK(dyad_in(d.run_dir(), {"status", "Viewer"}).out.find("Archive") == std::string::npos);
    CHECK(dyad_in(d.run_dir(), {"status", "Viewer/v1", "--json"}).out.starts_with("{\"name\":\"v1\""));
    auto const unknown = dyad_in(d.run_dir(), {"status", "Viewer/v9"});
    CHECK(unknown.code == 1);
    CHECK(unknown.err == "there is no server \"Viewer/v9\" in the running configuration; `dyad status` lists them\n");
}

TEST_CASE("dyad status: one server with the last results of its check") {
    auto const document = slurp(source / "tests/golden/cli/status.json");
    constexpr auto history = R"json({"history":[
      {"success":false,"reason":"status 503 Oh","latency_ms":2,"received":"HTTP/1.1 503 Oh\\r\\n","count":12,"longest_ms":40,
       "since_first_ms":48000,"since_last_ms":900},
      {"success":true,"reason":"200 OK","latency_ms":1,"received":"","count":4711,"longest_ms":5,"since_first_ms":7200000,
       "since_last_ms":52000}]})json";
    scripted_daemon const d({{"GET /v1/status", {200, document}}, {"GET /v1/results?service=Viewer&server=v1", {200, history}}});
    auto const words = dyad_in(d.run_dir(), {"status", "Viewer/v1"}).out;
    CHECK(words.starts_with("SERVER"));
    CHECK(words.ends_with("\nCHECKS  TIMES  FIRST     LAST        LATENCY  LONGEST  REASON         RECEIVED\n"
                          "failed     12  48 s ago  900 ms ago     2 ms    40 ms  status 503 Oh  HTTP/1.1 503 Oh\\r\\n\n"
                          "good     4711  2 h ago   52 s ago       1 ms     5 ms  200 OK\n"));
    auto const json = dyad_in(d.run_dir(), {"status", "Viewer/v1", "--json"}).out;
    CHECK(json.find(R"("history":[{"success":false,"reason":"status 503 Oh")") != std::string::npos);
    // Without an answer the rest is shown all the same.
    auto const other = dyad_in(d.run_dir(), {"status", "Archive/a1"});
    CHECK(other.code == 0);
    CHECK(other.out.find("the last checks are not known: ") != std::string::npos);
    CHECK(d.asked().back() == "GET /v1/results?service=Archive&server=a1");
}

TEST_CASE("dyad: whoever may not use the socket reads on the readers' one, and is told when that is not enough") {
    scripted_daemon const d({{"GET /v1/status", {200, R"({"node":{"name":"lb1"}})"}}}, "dyad-ro.sock");
    namespace local = boost::asio::local;
    boost::asio::io_context io;
    local::stream_protocol::acceptor const closed(io, {(d.run_dir() / "dyad.sock").string()});
    ::chmod((d.run_dir() / "dyad.sock").c_str(), 0);
    ::chmod((d.run_dir() / "dyad-ro.sock").c_str(), 0666);
    ::chmod(d.run_dir().c_str(), 0755);
    ::setfsuid(65534); // as root too: file access as somebody else
    auto const read = dyad_in(d.run_dir(), {"status"});
    auto const write = dyad_in(d.run_dir(), {"takeover"});
    ::setfsuid(::geteuid());
    CHECK(read.code == 0);
    CHECK(read.out.starts_with("lb1"));
    CHECK(write.code == 1);
    CHECK(write.err ==
          "you may not use " + (d.run_dir() / "dyad.sock").string() + "; run as root, or join the group dyad\n");
}

TEST_CASE("dyad events: in order, with who did it") {
    scripted_daemon const d(
        {{"GET /v1/events?after=0",
          {200,
           R"json({"events":[{"id":1,"time":"2026-11-21T20:30:00.123Z","kind":"state","text":"became active","who":""},
                                 {"id":2,"time":"2026-11-21T20:30:01.000Z","kind":"operator","text":"drained\u001b[31m","who":"uid 0 (root)"}],
                                 "last":2})json"}}});
    CHECK(dyad_in(d.run_dir(), {"events"}).out ==
          "2026-11-21T20:30:00.123Z  state: became active\n"
          "2026-11-21T20:30:01.000Z  operator: drained?[31m (by uid 0 (root))\n");
    // The daemon has nothing to say after 2 any more: following ends with its refusal.
    auto const follow = dyad_in(d.run_dir(), {"events", "--follow", "--json"});
    CHECK(follow.code == 1);
    CHECK(std::count(follow.out.begin(), follow.out.end(), '\n') == 2);
    CHECK(d.asked().back() == "GET /v1/events?after=2&wait_ms=30000");
}

TEST_CASE("dyad plan and apply: the file is sent as it is, from the daemon's own directory when none is named") {
    test::temporary_directory const config;
    std::ofstream(config.path() / "cluster.toml") << good_cluster;
    scripted_daemon const d(
        {{"GET /v1/directory", {200, R"({"config_dir":")" + config.path().string() + R"("})"}},
         {"POST /v1/plan", {200, R"({"changes":[{"object":"service Web","change":"add","text":"tcp 192.0.2.9"},
                                                {"object":"service Old","change":"remove","text":""},
                                                {"object":"heartbeat","change":"change","text":"deadtime: 500 ms -> 1 s"}]})"}},
         {"POST /v1/apply", {200, R"({"term":1,"generation":8,"peer":"committed","changes":[]})"}}});
    auto const plan = dyad_in(d.run_dir(), {"plan"});
    CHECK(plan.code == 0);
    CHECK(plan.out == "+ service Web: tcp 192.0.2.9\n- service Old\n~ heartbeat: deadtime: 500 ms -> 1 s\n"
                      "3 changes on both nodes; `dyad apply` makes them\n");
    CHECK(dyad_in(d.run_dir(), {"apply", config.path().string()}).out ==
          "configuration 1.8 is in force on both nodes\n");
    CHECK(d.asked() == std::vector<std::string>{"GET /v1/directory", R"(POST /v1/plan {"cluster_toml":"format = 1\n"})",
                                                R"(POST /v1/apply {"cluster_toml":"format = 1\n"})"});
}

TEST_CASE("dyad apply: what the daemon refuses is told with the file's own place") {
    test::temporary_directory const config;
    auto const file = (config.path() / "cluster.toml").string();
    std::ofstream(file) << "format = 1\nheartbeet = 5\n";
    scripted_daemon const d({{"POST /v1/apply", {400, R"({"error":"nothing was applied","faults":["cluster.toml:2:1: unknown"]})"}}});
    auto const got = dyad_in(d.run_dir(), {"apply", config.path().string()});
    CHECK(got.code == 1);
    CHECK(got.err == file + ":2:1: unknown key \"heartbeet\"; did you mean \"heartbeat\"?\nnothing was applied\n");
}

TEST_CASE("dyad apply: a refusal that is not about the file stays as the daemon said it") {
    test::temporary_directory const config;
    std::ofstream(config.path() / "cluster.toml") << good_cluster;
    scripted_daemon const d({{"POST /v1/apply", {409, R"({"error":"this node is the secondary"})"}}});
    CHECK(dyad_in(d.run_dir(), {"apply", config.path().string()}).err == "this node is the secondary\n");
}

TEST_CASE("dyad apply: says what is not served yet") {
    test::temporary_directory const config;
    std::ofstream(config.path() / "cluster.toml") << good_cluster;
    scripted_daemon const d(
        {{"POST /v1/apply", {200, R"({"term":1,"generation":8,"changes":[],"peer":"none","missing":"layer 4"})"}}});
    CHECK(dyad_in(d.run_dir(), {"apply", config.path().string()}).out ==
          "configuration 1.8 is in force on this node, which has no peer\n"
          "this node does not serve all of it yet: layer 4; `dyad status` and `dyad events` say more\n");
}

TEST_CASE("dyad apply: says when the peer is not there") {
    test::temporary_directory const config;
    std::ofstream(config.path() / "cluster.toml") << good_cluster;
    auto const say = [&](std::string const& peer) {
        scripted_daemon const d(
            {{"POST /v1/apply", {200, R"({"term":1,"generation":8,"changes":[],"peer":")" + peer + "\"}"}}});
        return dyad_in(d.run_dir(), {"apply", config.path().string()}).out;
    };
    CHECK(say("absent: no connection") ==
          "configuration 1.8 is in force on this node; the peer gets it when it is back (absent: no connection)\n");
    CHECK(say("none") == "configuration 1.8 is in force on this node, which has no peer\n");
    CHECK(say("nothing to do") == "configuration 1.8 is in force already; nothing changed\n");
}

TEST_CASE("dyad validate: a file, a directory, faults one a line") {
    auto const good = dyad_in("/nonexistent", {"validate", (source / "conf/mckesson-dr.toml").string()});
    CHECK(good.code == 0);
    CHECK(good.err.empty());
    CHECK(good.out.find("5 services, 6 servers, 5 floating addresses") != std::string::npos);

    test::temporary_directory const config;
    auto const missing = dyad_in("/nonexistent", {"validate"}, config.path());
    CHECK(missing.code == 1);
    CHECK(missing.err ==
          (config.path() / "node.toml").string() + ": the file is missing; `dyad init` writes a first one\n" +
              (config.path() / "cluster.toml").string() + ": the file is missing; `dyad init` writes a first one\n");
    auto const file = config.path() / "later.toml";
    std::ofstream(file) << "format = 1\n[service.Web]\nmode = \"http\"\naddress = \"192.0.2.1\"\nports = [80]\ntransparent = true\n"
                           "check = { type = \"connect\" }\nserver.a.address = \"192.0.2.2\"\n";
    auto const json = dyad_in("/nonexistent", {"--json", "validate", file.string()});
    CHECK(json.code == 0);
    CHECK(json.out.starts_with("{\"ok\":true,\"diagnostics\":["));
    CHECK(json.out.find("\"not_served\":[]") != std::string::npos);
}

TEST_CASE("dyad init, keygen, validate: a first configuration without a daemon") {
    test::temporary_directory const parent;
    auto const config = parent.path() / "etc/dyad";
    auto const first = dyad_in("/nonexistent", {"init"}, config);
    CHECK(first.code == 0);
    CHECK(first.err.empty());
    CHECK(first.out.find("what comes next") != std::string::npos);
    auto const node = slurp(config / "node.toml");
    auto const good = dyad_in("/nonexistent", {"validate"}, config);
    CHECK(good.code == 0);
    CHECK(good.err.empty());

    auto const again = dyad_in("/nonexistent", {"init"}, config);
    CHECK(again.code == 0);
    CHECK(again.out.find("node.toml is there already and stays as it is") != std::string::npos);
    CHECK(slurp(config / "node.toml") == node);
    CHECK(dyad_in("/nonexistent", {"init", "--json"}, config).out == "{\"written\":[]}\n");

    auto const key = dyad_in("/nonexistent", {"keygen"}, config);
    CHECK(key.code == 0);
    auto const secret = slurp(config / "cluster.key");
    CHECK(secret.size() == 65);
    CHECK(key.out.find(secret.substr(0, 16)) == std::string::npos);
    struct stat info {};
    REQUIRE(::stat((config / "cluster.key").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    CHECK(dyad_in("/nonexistent", {"keygen"}, config).code == 1);
    CHECK(slurp(config / "cluster.key") == secret);

    // A key without links: the fault that leads on.
    auto const next = dyad_in("/nonexistent", {"validate"}, config);
    CHECK(next.code == 1);
    CHECK(next.err.find("no heartbeat link") != std::string::npos);
}

TEST_CASE("dyad init: a directory that cannot be made") {
    test::temporary_directory const parent;
    std::ofstream(parent.path() / "file") << "";
    auto const got = dyad_in("/nonexistent", {"init", (parent.path() / "file/dyad").string()});
    CHECK(got.code == 1);
    CHECK(got.err.find("cannot be made") != std::string::npos);
}

TEST_CASE("dyad: history is a table, the newest marked") {
    scripted_daemon const daemon({{"GET /v1/history", {200, R"json({"generations":[
        {"term":1,"generation":8,"hash":"00112233445566778899","applied_by":"uid 1000 (anna)","applied_at":1790000000,"changes":"+ service a"},
        {"term":1,"generation":7,"hash":"ff","applied_by":"uid 0 (root)","applied_at":0,"changes":"\u001b[2Jx"}]})json"}}});
    auto const got = dyad_in(daemon.run_dir(), {"history"});
    CHECK(got.code == 0);
    CHECK(got.out.find("1.8 *       2026-09-21 14:13:20Z  uid 1000 (anna)  001122334455  + service a\n") != std::string::npos);
    CHECK(got.out.find("1.7         1970-01-01 00:00:00Z") != std::string::npos);
    CHECK(got.out.find('\x1b') == std::string::npos);
}

TEST_CASE("dyad: events --audit asks for the audit trail alone") {
    scripted_daemon const daemon({{"GET /v1/events?after=0&audit=1", {200, R"({"events":[],"last":3})"}}});
    CHECK(dyad_in(daemon.run_dir(), {"events", "--audit"}).code == 0);
}

TEST_CASE("dyad: rollback names the generation, and says what came of it") {
    scripted_daemon const daemon(
        {{"POST /v1/rollback",
          {200, R"({"term":1,"generation":9,"peer":"committed","changes":[{"object":"service a","change":"remove","text":""}]})"}}});
    auto const got = dyad_in(daemon.run_dir(), {"rollback", "1.7"});
    CHECK(got.code == 0);
    CHECK(got.out == "- service a\nconfiguration 1.9 is in force on both nodes\n");
    CHECK(daemon.asked() == std::vector<std::string>{R"(POST /v1/rollback {"to":"1.7"})"});
    CHECK(dyad_in(daemon.run_dir(), {"rollback"}).code == 2);
}

TEST_CASE("dyad: apply --confirm says until when, and confirm that it stays") {
    test::temporary_directory const config;
    std::ofstream(config.path() / "cluster.toml") << good_cluster;
    scripted_daemon const daemon(
        {{"POST /v1/apply", {200, R"({"term":1,"generation":9,"peer":"committed","confirm_ms":90000,"changes":[]})"}},
         {"POST /v1/confirm", {200, R"({"term":1,"generation":9,"peer_told":true})"}}});
    auto const applied = dyad_in(daemon.run_dir(), {"apply", config.path().string(), "--confirm", "90s"});
    CHECK(applied.code == 0);
    CHECK(applied.out == "configuration 1.9 is in force on both nodes\n"
                         "run `dyad confirm` within 1 min 30 s, or the configuration before comes back by itself\n");
    CHECK(dyad_in(daemon.run_dir(), {"confirm"}).out == "configuration 1.9 is confirmed and stays\n");
    REQUIRE(daemon.asked().size() == 2);
    CHECK(daemon.asked()[0].find("\"confirm_ms\":90000") != std::string::npos);

    auto const wrong = dyad_in(daemon.run_dir(), {"apply", config.path().string(), "--confirm", "soon"});
    CHECK(wrong.code == 2);
    CHECK(wrong.err.find("--confirm: ") == 0);
    CHECK(daemon.asked().size() == 2);
}

TEST_CASE("dyad: pair-token prints the token alone on stdout") {
    scripted_daemon const daemon({{"POST /v1/pair-token", {200, R"({"token":"0000-0000","life_ms":600000})"}}});
    auto const got = dyad_in(daemon.run_dir(), {"pair-token"});
    CHECK(got.code == 0);
    CHECK(got.out == "0000-0000\n");
    CHECK(got.err.find("for 10 min: run `dyad pair ADDRESS` on the primary") != std::string::npos);
}

TEST_CASE("dyad: pair shows the steps, and the reason when it fails") {
    std::string const failed = R"({"state":"failed","steps":["connected to 192.0.2.2"],"error":"the token is wrong"})";
    scripted_daemon const daemon({{"GET /v1/status", {200, "{}"}},
                                  {"POST /v1/pair", {200, R"({"state":"working","steps":[]})"}},
                                  {"GET /v1/pairing", {200, failed}}});
    std::istringstream in("k3qx-0000\nsomething else\n");
    std::ostringstream out;
    std::ostringstream err;
    environment env{out, err};
    env.run_dir = daemon.run_dir();
    env.in = &in;
    CHECK(run({"pair", "192.0.2.2"}, env) == 1);
    CHECK(out.str() == "connected to 192.0.2.2\n");
    CHECK(err.str() == "not paired: the token is wrong\n");
    CHECK(daemon.asked()[1] == R"(POST /v1/pair {"address":"192.0.2.2","token":"k3qx-0000"})");
}

TEST_CASE("dyad: pair ends when the nodes hear each other and agree") {
    std::string const status = R"({"peer":{"alive":true},"config":{"in_sync":true}})";
    scripted_daemon const daemon(
        {{"GET /v1/status", {200, status}}, {"POST /v1/pair", {200, R"({"state":"done","steps":["made"]})"}}});
    auto const got = dyad_in(daemon.run_dir(), {"pair", "192.0.2.2"});
    CHECK(got.code == 0);
    CHECK(got.out.find("made\nthe nodes hear each other's heartbeats\nboth have the same configuration") == 0);
    CHECK(dyad_in(daemon.run_dir(), {"pair"}).code == 2);
    CHECK(dyad_in(daemon.run_dir(), {"pair", "lb2"}).code == 2);
}

TEST_CASE("dyad rotate-key shows the steps, and what is left to do when it does not end") {
    std::string const begun = R"({"state":"working","steps":["made"],"error":"","waits_for":"the peer"})";
    SECTION("it ends") {
        scripted_daemon const daemon(
            {{"POST /v1/rotate-key", {200, begun}},
             {"GET /v1/rotation", {200, R"({"state":"done","steps":["made","sent"],"error":"","waits_for":""})"}}});
        auto const said = dyad_in(daemon.run_dir(), {"rotate-key"});
        CHECK(said.code == 0);
        CHECK(said.out == "made\nsent\nthe pair's key is replaced\n");
        auto const document = dyad_in(daemon.run_dir(), {"--json", "rotate-key"});
        CHECK(document.out == R"({"state":"done","steps":["made","sent"],"error":"","waits_for":""})" "\n");
    }
    SECTION("the peer does not take it") {
        scripted_daemon const daemon(
            {{"POST /v1/rotate-key", {200, begun}},
             {"GET /v1/rotation", {200, R"({"state":"failed","steps":["made"],"error":"no space","waits_for":""})"}}});
        auto const said = dyad_in(daemon.run_dir(), {"rotate-key"});
        CHECK(said.code == 1);
        CHECK(said.err == "the key was not replaced: no space\n");
    }
    SECTION("dyadd was started again, and goes on") {
        scripted_daemon const daemon(
            {{"POST /v1/rotate-key", {200, begun}},
             {"GET /v1/rotation", {200, R"({"state":"idle","steps":[],"error":"","waits_for":""})"}}});
        auto const said = dyad_in(daemon.run_dir(), {"rotate-key"});
        CHECK(said.code == 1);
        CHECK(said.err.find("started again") != std::string::npos);
    }
    SECTION("it is refused") {
        scripted_daemon const daemon({{"POST /v1/rotate-key", {409, R"({"error":"this node has no pair"})"}}});
        auto const said = dyad_in(daemon.run_dir(), {"rotate-key"});
        CHECK(said.code == 1);
        CHECK(said.err.find("no pair") != std::string::npos);
    }
}

TEST_CASE("dyad: unpair and promote say what became of both nodes") {
    scripted_daemon const daemon({{"POST /v1/unpair", {200, R"({"stays":true,"peer_told":true})"}},
                                  {"POST /v1/promote", {200, R"({"term":2,"generation":9,"peer":"absent: gone"})"}}});
    CHECK(dyad_in(daemon.run_dir(), {"unpair"}).out == "the pair is left: this node goes on alone with all services\n");
    CHECK(dyad_in(daemon.run_dir(), {"promote", "--force"}).out ==
          "this node is the primary, in term 2; the peer becomes the secondary when it is back\n");
    CHECK(daemon.asked() ==
          std::vector<std::string>{R"(POST /v1/unpair {"force":false})", R"(POST /v1/promote {"force":true})"});
}
