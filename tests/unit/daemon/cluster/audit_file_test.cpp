// SPDX-License-Identifier: Apache-2.0
#include "cluster/audit_file.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>
#include <spdlog/spdlog.h>

#include <sys/stat.h>

#include <fstream>

using dyad::audit_file;
using dyad::event_log;

namespace {

event_log::entry audited(std::string text) {
    return {0, "2026-11-22T10:00:00.000Z", "operator", std::move(text), "uid 1000 (anna)", true};
}

} // namespace

TEST_CASE("audit trail: what was written comes back, and is nobody else's to read") {
    test::temporary_directory const d;
    audit_file trail(d.path());
    CHECK(trail.load().empty());
    REQUIRE(trail.append(audited("web/rs1: online -> drain")));
    REQUIRE(trail.append(audited("line\nfeed \"quoted\"")));
    auto const back = audit_file(d.path()).load();
    REQUIRE(back.size() == 2);
    CHECK(back[0].text == "web/rs1: online -> drain");
    CHECK(back[0].who == "uid 1000 (anna)");
    CHECK(back[0].time == "2026-11-22T10:00:00.000Z");
    CHECK(back[0].audit);
    CHECK(back[1].text == "line\nfeed \"quoted\"");
    struct stat info {};
    REQUIRE(::stat((d.path() / "audit.log").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("audit trail: bounded, and the newest stay") {
    test::temporary_directory const d;
    audit_file trail(d.path(), 2000);
    for (int n = 0; n < 500; ++n) {
        REQUIRE(trail.append(audited(std::to_string(n))));
    }
    auto const kept = trail.load();
    REQUIRE(kept.size() > 10);
    CHECK(kept.back().text == "499");
    for (std::size_t i = 0; i < kept.size(); ++i) {
        CHECK(kept[i].text == std::to_string(500 - kept.size() + i));
    }
    CHECK(std::filesystem::file_size(d.path() / "audit.log") + std::filesystem::file_size(d.path() / "audit.log.1") <=
          4000);
}

TEST_CASE("audit trail: a line that a crash cut off spoils no other") {
    test::temporary_directory const d;
    audit_file trail(d.path());
    REQUIRE(trail.append(audited("first")));
    std::ofstream(d.path() / "audit.log", std::ios::app) << R"({"time":"2026-11-2)";
    REQUIRE(trail.append(audited("second")));
    auto const back = trail.load();
    REQUIRE(back.size() == 2);
    CHECK(back[1].text == "second");
}

TEST_CASE("audit trail: a place that cannot be written is an error that names it") {
    test::temporary_directory const d;
    auto const failed = audit_file(d.path() / "absent").append(audited("x"));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().detail.find("audit.log") != std::string::npos);
}

TEST_CASE("audited events are kept, and those of before come first") {
    spdlog::set_level(spdlog::level::off);
    event_log log;
    log.restore({audited("of an earlier process")});
    std::vector<std::string> kept;
    log.on_audit([&](event_log::entry const& e) { kept.push_back(e.text + " by " + e.who); });
    log.add("link", "data is down");
    log.audit("operator", "hand-over done", "uid 0 (root)");
    CHECK(kept == std::vector<std::string>{"hand-over done by uid 0 (root)"});
    auto const all = log.after(0);
    REQUIRE(all.size() == 3);
    CHECK(all[0].id == 1);
    CHECK(all[0].text == "of an earlier process");
    CHECK_FALSE(all[1].audit);
    CHECK(all[2].audit);
    CHECK(log.last() == 3);
}
