// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"
#include "watched_checker.hpp"

#include <catch2/catch.hpp>

#include <csignal>
#include <fstream>

using namespace balance;
using namespace test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

/// Scripts in a directory of their own and a checker that runs them.
struct scripts {
    temporary_directory dir;
    watched_checker c;

    explicit scripts(checker::settings s = {}) : c(s) {}

    std::string write(std::string const& name, std::string const& text, fs::perms mode = fs::perms::owner_all) {
        auto const path = dir.path() / name;
        std::ofstream(path) << text;
        fs::permissions(path, mode);
        return path.string();
    }
    std::string script(std::string const& text) { return write("check.sh", "#!/bin/sh\n" + text + "\n"); }

    check_result run(std::string const& command, std::chrono::milliseconds timeout = 10s) {
        auto check = check_of(health_check::kind::external);
        check.command = command;
        check.timeout = timeout;
        check.interval = 1h;
        c.apply({checked_service(check, 104)});
        return c.result();
    }
    std::string read(std::string const& name) const {
        std::ifstream file(dir.path() / name);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    /// The process whose number a script wrote to that file; 0 until then.
    pid_t pid_in(std::string const& name) const { return std::atoi(read(name).c_str()); }
};

/// Gone, or dead and waiting for whoever must reap it.
bool is_over(pid_t pid) {
    if (::kill(pid, 0) != 0)
        return true;
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string const stat{std::istreambuf_iterator<char>(file), {}};
    return stat.find(") Z ") != std::string::npos;
}

} // namespace

TEST_CASE("a program is told whom to check, and its exit status decides", "[checker]") {
    scripts s;
    auto const good =
        s.run(s.script("echo \"$# $1 $2 $3 $4 $PATH\" > " + s.dir.path().string() + "/arguments; echo fine"));
    CHECK(good.success);
    CHECK(good.reason == "exit status 0: \"fine\"");
    CHECK(s.read("arguments") ==
          "4 192.0.2.1 80 127.0.0.1 104 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
}

TEST_CASE("a program finds the names of what it checks in its environment", "[checker]") {
    scripts s;
    auto const good = s.run(s.script("env | grep ^DYAD_ | sort > " + s.dir.path().string() + "/environment"), 7s);
    CHECK(good.success);
    CHECK(s.read("environment") == "DYAD_ADDRESS=127.0.0.1\nDYAD_PORT=104\nDYAD_SERVER=one\nDYAD_SERVICE=web\n"
                                   "DYAD_SERVICE_ADDRESS=192.0.2.1\nDYAD_SERVICE_PORT=80\nDYAD_TIMEOUT_MS=7000\n");
}

TEST_CASE("programs that fail, and why", "[checker]") {
    scripts s;
    CHECK(s.run(s.script("exit 3")).reason == "exit status 3");
    s.c.events.clear();
    CHECK(scripts().run("/bin/false").reason == "exit status 1");
    CHECK(scripts().run(s.script("echo; echo ' no association' >&2; exit 1")).reason ==
          "exit status 1: \"no association\"");
    CHECK(scripts().run(s.script("kill -TERM $$")).reason == "killed by signal 15");
    CHECK(scripts().run("/no/such/program").reason == "\"/no/such/program\" does not exist");
    CHECK(scripts().run("/etc/passwd/x").reason == "\"/etc/passwd/x\" does not exist");
    CHECK(scripts().run("/tmp").reason == "\"/tmp\" may not be executed; make it a file with chmod +x");
    auto const plain = s.write("plain", "#!/bin/sh\nexit 0\n", fs::perms::owner_read);
    CHECK(scripts().run(plain).reason == "\"" + plain + "\" may not be executed; make it a file with chmod +x");
    auto const lost = s.write("lost", "#!/no/such/interpreter\n");
    CHECK(scripts().run(lost).reason ==
          "\"" + lost + "\" cannot start: the interpreter its first line names does not exist");
    auto const bare = s.write("bare", "exit 0\n");
    CHECK(scripts().run(bare).reason ==
          "\"" + bare + "\" is neither a program nor a script whose first line names an interpreter");
}

TEST_CASE("a program that hangs is killed with all it started", "[checker]") {
    scripts s;
    auto const dir = s.dir.path().string();
    std::string text = "echo $$ > " + dir + "/self; ";
    SECTION("with what it started") { text += "sleep 1000 & echo $! > " + dir + "/child; sleep 1000"; }
    SECTION("also when it ignores signals") {
        text += "echo $$ > " + dir + "/child; trap '' TERM INT HUP; while :; do sleep 1; done";
    }
    auto check = check_of(health_check::kind::external);
    check.command = s.script(text);
    check.timeout = 300ms;
    s.c.apply({checked_service(check, 104)}); // repeated, so that a slow machine gets further the next time
    REQUIRE(run_until(s.c.io, [&] { return s.pid_in("self") > 0 && s.pid_in("child") > 0; }));
    auto const self = s.pid_in("self");
    auto const child = s.pid_in("child");
    CHECK(run_until(s.c.io, [&] { return is_over(child) && ::kill(self, 0) != 0; }));
    CHECK(s.c.result().reason == "no end of the program within 300 ms");
}

TEST_CASE("what a program leaves behind neither delays the verdict nor lives on", "[checker]") {
    scripts s;
    auto const r = s.run(s.script("sleep 1000 & echo $! > " + s.dir.path().string() + "/child; echo done"));
    CHECK(r.reason == "exit status 0: \"done\"");
    CHECK(run_until(s.c.io, [&] { return is_over(s.pid_in("child")); }));
}

TEST_CASE("a program that writes without end fills no memory and does not block", "[checker]") {
    scripts s;
    CHECK(s.run(s.script("head -c 20000000 /dev/zero | tr '\\0' x")).reason ==
          "exit status 0: \"" + std::string(120, 'x') + "…\"");
    CHECK(scripts().run(s.script("exec yes"), 200ms).reason == "no end of the program within 200 ms");
}

TEST_CASE("a program gets no descriptor of ours and no blocked signals", "[checker]") {
    scripts s;
    int const leak = ::open("/etc/passwd", O_RDONLY); // without close-on-exec, as somebody else's code may do
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    CHECK(s.run(s.script("ls /proc/self/fd | wc -l; grep -E 'SigBlk|SigIgn' /proc/self/status > " +
                         s.dir.path().string() + "/signals"))
              .reason == "exit status 0: \"4\""); // 0, 1, 2 and the one ls reads the folder with
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::close(leak);
    CHECK_THAT(s.read("signals"), Catch::StartsWith("SigBlk:\t0000000000000000\nSigIgn:\t0000000") &&
                                      Catch::EndsWith("80000000\n")); // 32 and 33 are the C library's own
}

TEST_CASE("no more programs run at once than the limit", "[checker]") {
    scripts s({.max_external = 2});
    auto const dir = s.dir.path().string();
    auto const counting = s.script("mkdir " + dir + "/run.$$; ls -d " + dir + "/run.* | wc -l >> " + dir +
                                   "/counts; sleep 0.02; rmdir " + dir + "/run.$$");
    auto check = check_of(health_check::kind::external);
    check.command = counting;
    check.interval = 1h;
    std::vector<virtual_service> services;
    for (int i = 0; i < 8; ++i)
        services.push_back(checked_service(check, static_cast<std::uint16_t>(100 + i), "s" + std::to_string(i)));
    s.c.apply(services);
    REQUIRE(s.c.wait_for_events(8));
    auto const counts = s.read("counts");
    CHECK(std::count(counts.begin(), counts.end(), '\n') == 8);
    CHECK(counts.find_first_not_of("12\n") == std::string::npos);
    CHECK(counts.find('2') != std::string::npos);
}

TEST_CASE("a running program ends with its check", "[checker]") {
    auto s = std::make_unique<scripts>();
    auto const dir = s->dir.path().string();
    auto check = check_of(health_check::kind::external);
    check.command = s->script("echo $$ > " + dir + "/self; sleep 1000");
    s->c.apply({checked_service(check, 104)});
    REQUIRE(run_until(s->c.io, [&] { return s->pid_in("self") > 0; }));
    auto const pid = s->pid_in("self");
    SECTION("when the server is removed") {
        s->c.apply({});
        CHECK(run_until(s->c.io, [&] { return ::kill(pid, 0) != 0; }));
        CHECK(s->c.events.empty());
    }
    SECTION("when the checker stops, without an event loop") {
        s->c.subject.stop();
        CHECK(::kill(pid, 0) != 0);
    }
    SECTION("when the checker is destroyed") {
        s.reset();
        CHECK(::kill(pid, 0) != 0);
    }
}
