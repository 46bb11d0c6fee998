// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"

#include <boost/json/serialize.hpp>

#include <catch2/catch.hpp>
#include <cli/drill_report.hpp>

#include <fstream>
#include <iterator>

using namespace dyad::cli;

namespace {

constexpr std::int64_t ms = 1000;

/// A new attempt every 10 ms from -100 to 400 ms of a move that begins at `mark`; none is served from 0 to 150 ms.
std::vector<attempt> an_outage(std::int64_t mark) {
    std::vector<attempt> out;
    for (std::int64_t at = -100 * ms; at < 400 * ms; at += 10 * ms) {
        bool const down = at >= 0 && at < 150 * ms;
        out.push_back({mark + at, mark + at + 1 * ms, down ? "refused" : ""});
    }
    out.push_back({mark + 155 * ms, mark + 300 * ms, ""}); // late
    return out;
}

drill_move a_move(drill_kind kind) {
    drill_move m;
    m.kind = kind;
    m.from = "lb1";
    m.to = "lb2";
    m.did = "lb1 handed the addresses over";
    m.begins = -100 * ms;
    m.ends = 400 * ms;
    auto seen = see_target(an_outage(7'000 * ms), 7'000 * ms, m.begins, m.ends);
    seen.seat = "viewer1";
    seen.target = "192.0.2.1:80";
    m.seen.push_back(seen);
    return m;
}

drill_record a_record(drill_kind kind, drill_limits const& limits) {
    drill_record r;
    r.node = "lb1";
    r.peer = "lb2";
    r.limits = limits;
    r.moves.push_back(a_move(kind));
    r.moves.front().faults = judge(r.moves.front(), limits);
    return r;
}

std::string slurped(std::filesystem::path const& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

TEST_CASE("a target's spans lie one behind the other, from the move's beginning on") {
    auto const seen = a_move(drill_kind::process).seen.front();
    REQUIRE(seen.spans.size() == 5);
    CHECK(seen.spans[0].from == -100 * ms);
    CHECK(seen.spans[0].to == 0);
    CHECK(seen.spans[1].how == served::not_at_all);
    CHECK(seen.spans[1].to == 150 * ms);
    CHECK(seen.spans[3].how == served::late);
    CHECK(seen.spans[3].from == 155 * ms);
    CHECK(seen.spans.back().to == 400 * ms);
    for (std::size_t i = 1; i < seen.spans.size(); ++i) {
        CHECK(seen.spans[i].from == seen.spans[i - 1].to);
    }
    CHECK(seen.report.failed == 15);
    CHECK(seen.gap_from == -9 * ms);
    CHECK(seen.gap_to == 151 * ms);
    CHECK(seen.served_at_end);
}

TEST_CASE("the verdict is what the limits say") {
    drill_limits limits;
    CHECK(a_record(drill_kind::process, limits).passed());
    CHECK_FALSE(a_record(drill_kind::planned, limits).passed()); // attempts failed
    limits.max_errors = 15;
    CHECK(a_record(drill_kind::planned, limits).passed());
    limits.max_errors = 14;
    CHECK_FALSE(a_record(drill_kind::process, limits).passed());
    limits = {};
    limits.max_gap = 159 * ms;
    auto const late = a_record(drill_kind::process, limits);
    CHECK_FALSE(late.passed());
    CHECK(late.moves.front().faults ==
          std::vector<std::string>{"192.0.2.1:80 from viewer1: nobody was served for 160 ms, and 159 ms is allowed"});
    limits.max_gap = 160 * ms;
    CHECK(a_record(drill_kind::process, limits).passed());
    auto aborted = a_record(drill_kind::process, limits);
    aborted.aborted = "the peer is silent";
    CHECK_FALSE(aborted.passed());
    CHECK_FALSE(drill_record{}.passed()); // nothing was tried
}

TEST_CASE("an echo lost between two owners is a gap, and no error unless the operator limits those") {
    auto m = a_move(drill_kind::planned);
    m.seen.front().target = "ping:192.0.2.1";
    CHECK(judge(m, {}).empty());
    drill_limits limits;
    limits.max_errors = 14;
    CHECK(judge(m, limits).size() == 1);
    limits = {};
    limits.max_gap = 159 * ms;
    CHECK(judge(m, limits).size() == 1);
    m.seen.front().target = "192.0.2.1:80";
    CHECK(judge(m, {}).size() == 1);
}

TEST_CASE("a target that nobody serves at the end fails the drill, whatever the limits") {
    auto m = a_move(drill_kind::process);
    auto attempts = an_outage(0);
    attempts.push_back({390 * ms, 399 * ms, "reset"});
    m.seen.front() = see_target(attempts, 0, m.begins, m.ends);
    CHECK(judge(m, {}).size() == 1);
    m.seen.front() = see_target({}, 0, m.begins, m.ends);
    CHECK(judge(m, {}).front().ends_with("no attempt ended"));
}

TEST_CASE("who answered is told by node, and two at once are counted") {
    std::vector<owner_sample> samples;
    for (std::int64_t at = -100 * ms; at < 400 * ms; at += 20 * ms) {
        auto& s = samples.emplace_back(owner_sample{at, {}});
        if (at < 100 * ms) {
            s.macs.emplace_back("02:00:00:00:00:01");
        }
        if (at >= 60 * ms) {
            s.macs.insert(s.macs.begin(), "02:00:00:00:00:02");
        }
    }
    auto m = a_move(drill_kind::freeze);
    m.owners.push_back(see_address(samples, 0, m.begins, m.ends));
    CHECK(m.owners.front().report.two_owners == 40 * ms);
    name_owners(m);
    auto const& spans = m.owners.front().report.spans;
    REQUIRE(spans.size() == 3);
    CHECK(spans[0].macs == std::vector<std::string>{"lb1"});
    CHECK(spans[1].macs.size() == 2);
    CHECK(spans[2].macs == std::vector<std::string>{"lb2"});
    CHECK(spans[2].to == 400 * ms);
    CHECK(judge(m, {}).empty());
    drill_limits limits;
    limits.max_two_owners = 39 * ms;
    CHECK(judge(m, limits).size() == 1);
    limits.max_two_owners = 40 * ms;
    CHECK(judge(m, limits).empty());
}

TEST_CASE("an address that nobody owns at the end fails the drill") {
    auto m = a_move(drill_kind::process);
    m.owners.push_back(see_address({{0, {"02:00:00:00:00:01"}}, {20 * ms, {}}}, 0, m.begins, m.ends));
    CHECK(m.owners.front().report.unanswered == 1);
    CHECK(judge(m, {}).size() == 1);
    m.owners.front() = see_address({}, 0, m.begins, m.ends);
    CHECK(judge(m, {}).front().ends_with("nobody was asked"));
}

TEST_CASE("reports say the same in text, JSON and picture, and no name breaks the picture") {
    auto r = a_record(drill_kind::process, {});
    r.node = "<lb1 & \"co\">\x01";
    r.notes.emplace_back("a note of <more> than one line: " + std::string(200, 'x') + " " + std::string(100, 'y'));
    auto const svg = drill_svg(r);
    CHECK(svg.find("<lb1") == std::string::npos);
    CHECK(svg.find('\x01') == std::string::npos);
    CHECK(svg.find("&lt;lb1 &amp; &quot;co&quot;&gt;?") != std::string::npos);
    CHECK(svg.find("data-from=\"0\" data-to=\"150000\"") != std::string::npos);
    CHECK(svg.find(">PASSED<") != std::string::npos);
    CHECK(svg.find("gap 160 ms") != std::string::npos);
    auto const text = drill_full_text(r);
    CHECK(text.find("limit          no gap longer than 2.0 s") != std::string::npos);
    CHECK(text.ends_with("verdict: passed\n"));
    auto const document = boost::json::serialize(to_json(r));
    CHECK(document.find(R"({"from_us":0,"to_us":150000,"how":"failed"})") != std::string::npos);
    CHECK(document.find(R"("verdict":"passed")") != std::string::npos);
    r.aborted = "the peer is silent";
    CHECK(drill_svg(r).find(">ABORTED<") != std::string::npos);
    CHECK(drill_full_text(r).ends_with("aborted: the peer is silent\nverdict: failed\n"));
}

TEST_CASE("a report is written over nothing") {
    test::temporary_directory const place;
    auto const where = place.path() / "a" / "b";
    REQUIRE(prepare_report(where).has_value());
    REQUIRE(write_report(where, a_record(drill_kind::planned, {})).has_value());
    CHECK(slurped(where / "report.txt").ends_with("verdict: failed\n"));
    CHECK(slurped(where / "report.json").starts_with("{\"verdict\":\"failed\""));
    CHECK(slurped(where / "report.svg").ends_with("</svg>\n"));
    auto const again = prepare_report(where);
    REQUIRE(again.has_error());
    CHECK(again.error().code == balance::errc::already_exists);
    std::ofstream(place.path() / "file") << "x";
    CHECK(prepare_report(place.path() / "file" / "report").has_error());
}
