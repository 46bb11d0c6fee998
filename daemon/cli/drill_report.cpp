// SPDX-License-Identifier: Apache-2.0
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cli/drill_report.hpp>
#include <cli/table.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace dyad::cli {

namespace json = boost::json;
namespace fs = std::filesystem;

namespace {

std::string name_of_move(drill_move const& m) { return "to " + m.to; }

void print_targets(std::ostream& out, drill_record const& r, bool colours) {
    table rows({{"round", 8, true}, {"kind", 8}, {"move", 24}, {"took", 12, true}, {"seen from", 20}, {"target", 60}, {"attempts", 10, true},
                {"failed", 8, true}, {"slowest", 10, true}, {"longest gap", 12, true}});
    for (auto const& m : r.moves) {
        bool first = true;
        for (auto const& t : m.seen) {
            bool const named = std::exchange(first, false);
            rows.row({{named ? std::to_string(m.round) : ""},
                      {named ? std::string(to_string(m.kind)) : ""},
                      {named ? name_of_move(m) : ""},
                      {named ? std::to_string(m.took_ms) + " ms" : ""},
                      {t.seat},
                      {t.target},
                      {std::to_string(t.report.attempts)},
                      {std::to_string(t.report.failed), t.report.failed == 0 ? colour::green : colour::red},
                      {short_time(t.report.slowest)},
                      {short_time(t.report.longest_gap)}});
        }
    }
    out << (rows.empty() ? "" : rows.text(colours));
    for (auto const& m : r.moves) {
        for (auto const& t : m.seen) {
            for (auto const& [reason, times] : t.report.failures) {
                out << "round " << m.round << ", " << name_of_move(m) << ", " << t.target << ": " << times << " times " << reason << '\n';
            }
        }
    }
}

/// A row for each move and witness; of each address tell the document and the picture.
void print_owners(std::ostream& out, drill_record const& r, bool colours) {
    table rows({{"round", 8, true}, {"kind", 8}, {"move", 24}, {"asked by", 20}, {"addresses", 10, true}, {"questions", 10, true},
                {"unanswered", 10, true}, {"two owners", 12, true}, {"of", 40}});
    for (auto const& m : r.moves) {
        for (auto a = m.owners.begin(); a != m.owners.end();) {
            auto const next = std::find_if(a, m.owners.end(), [&](seen_address const& o) { return o.seat != a->seat; });
            auto const worst = std::max_element(a, next, [](seen_address const& x, seen_address const& y) {
                return x.report.two_owners < y.report.two_owners;
            });
            std::size_t questions = 0;
            std::size_t unanswered = 0;
            for (auto i = a; i != next; ++i) {
                questions += i->report.questions;
                unanswered += i->report.unanswered;
            }
            auto const two = worst->report.two_owners;
            rows.row({{std::to_string(m.round)},
                      {std::string(to_string(m.kind))},
                      {name_of_move(m)},
                      {a->seat},
                      {std::to_string(next - a)},
                      {std::to_string(questions)},
                      {std::to_string(unanswered)},
                      {short_time(two), two == 0 ? colour::green : colour::yellow},
                      {two == 0 ? "" : worst->address}});
            a = next;
        }
    }
    out << (rows.empty() ? "who owns the addresses was not asked on the wire; --witness does\n" : "\n" + rows.text(colours));
}

void print_verdict(std::ostream& out, drill_record const& r, bool colours) {
    for (auto const& m : r.moves) {
        for (auto const& fault : m.faults) {
            out << "round " << m.round << ", " << name_of_move(m) << ": " << fault << '\n';
        }
    }
    if (!r.aborted.empty()) {
        out << "aborted: " << r.aborted << '\n';
    }
    out << "verdict: " << painted(r.passed() ? "passed" : "failed", r.passed() ? colour::green : colour::red, colours) << '\n';
}

json::object target_json(seen_target const& t) {
    auto out = to_json(t.report);
    json::array spans;
    for (auto const& s : t.spans) {
        spans.push_back(json::object{{"from_us", s.from}, {"to_us", s.to}, {"how", to_string(s.how)}});
    }
    out["seen_from"] = t.seat;
    out["target"] = t.target;
    out["gap_from_us"] = t.gap_from;
    out["gap_to_us"] = t.gap_to;
    out["served_at_end"] = t.served_at_end;
    out["spans"] = std::move(spans);
    return out;
}

json::object address_json(seen_address const& a) {
    json::array spans;
    for (auto const& s : a.report.spans) {
        spans.push_back(json::object{{"from_us", s.from}, {"to_us", s.to}, {"owners", json::array(s.macs.begin(), s.macs.end())}});
    }
    return {{"asked_by", a.seat},
            {"address", a.address},
            {"questions", a.report.questions},
            {"unanswered", a.report.unanswered},
            {"two_owners_us", a.report.two_owners},
            {"spans", std::move(spans)}};
}

json::object move_json(drill_move const& m) {
    json::array seen;
    for (auto const& t : m.seen) {
        seen.push_back(target_json(t));
    }
    json::array owners;
    for (auto const& a : m.owners) {
        owners.push_back(address_json(a));
    }
    json::object out{{"round", m.round},
                     {"kind", to_string(m.kind)},
                     {"move", name_of_move(m)},
                     {"did", m.did},
                     {"when", m.when},
                     {"from", m.from},
                     {"to", m.to},
                     {"epoch_before", m.epoch_before},
                     {"epoch_after", m.epoch_after},
                     {"took_ms", m.took_ms},
                     {"begins_us", m.begins},
                     {"ends_us", m.ends},
                     {"clock_uncertain_us", m.uncertain},
                     {"seen", std::move(seen)},
                     {"owners", std::move(owners)},
                     {"faults", json::array(m.faults.begin(), m.faults.end())}};
    out["restored_us"] = m.restored ? json::value(*m.restored) : json::value(nullptr);
    return out;
}

json::object limits_json(drill_limits const& l) {
    json::object out{{"max_gap_us", l.max_gap}};
    out["max_errors"] = l.max_errors ? json::value(*l.max_errors) : json::value(nullptr);
    out["max_two_owners_us"] = l.max_two_owners ? json::value(*l.max_two_owners) : json::value(nullptr);
    return out;
}

balance::result<> write_file(fs::path const& file, std::string const& text) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << text << std::flush;
    if (!out) {
        return balance::make_error(balance::errc::io_error, file.string() + ": cannot be written: " + std::strerror(errno));
    }
    return {};
}

} // namespace

std::string drill_text(drill_record const& r, bool colours) {
    std::ostringstream out;
    print_targets(out, r, colours);
    print_owners(out, r, colours);
    for (auto const& note : r.notes) {
        out << "note: " << note << '\n';
    }
    print_verdict(out, r, colours);
    return out.str();
}

std::string drill_full_text(drill_record const& r) {
    std::ostringstream out;
    out << "Failover drill of " << r.node << " and " << r.peer << "\n\n"
        << "begun          " << r.begun << '\n'
        << "ended          " << r.ended << '\n'
        << "run on         " << r.node << ", by " << r.operated_by << '\n'
        << "release        dyad " << r.release << '\n'
        << "configuration  " << r.configuration << '\n'
        << "rounds         " << r.rounds << '\n';
    for (auto const& seat : r.seats) {
        out << "seen from      " << seat << '\n';
    }
    for (auto const& line : limit_lines(r.limits)) {
        out << "limit          " << line << '\n';
    }
    out << '\n';
    for (auto const& m : r.moves) {
        out << "round " << m.round << ", " << to_string(m.kind) << ", " << m.when << ": " << m.did << "; from " << m.from << " (epoch "
            << m.epoch_before << ") to " << m.to << " (epoch " << m.epoch_after << ")\n";
    }
    out << '\n' << drill_text(r, false);
    return out.str();
}

json::object to_json(drill_record const& r) {
    json::array moves;
    for (auto const& m : r.moves) {
        moves.push_back(move_json(m));
    }
    return {{"verdict", r.passed() ? "passed" : "failed"},
            {"aborted", r.aborted},
            {"begun", r.begun},
            {"ended", r.ended},
            {"node", r.node},
            {"peer", r.peer},
            {"release", r.release},
            {"by", r.operated_by},
            {"configuration", r.configuration},
            {"rounds", r.rounds},
            {"seats", json::array(r.seats.begin(), r.seats.end())},
            {"limits", limits_json(r.limits)},
            {"moves", std::move(moves)},
            {"notes", json::array(r.notes.begin(), r.notes.end())}};
}

balance::result<> prepare_report(fs::path const& directory) {
    std::error_code ec;
    fs::create_directories(directory, ec);
    if (ec) {
        return balance::make_error(balance::errc::io_error, directory.string() + ": cannot be made: " + ec.message());
    }
    if (!fs::is_empty(directory, ec) || ec) {
        return balance::make_error(balance::errc::already_exists,
                                   directory.string() + " is not empty; a report is written over nothing: name another directory");
    }
    return write_file(directory / "report.txt", "This drill has not ended.\n");
}

balance::result<> write_report(fs::path const& directory, drill_record const& r) {
    std::pair<char const*, std::string> const files[]{{"report.json", json::serialize(to_json(r)) + "\n"},
                                                      {"report.svg", drill_svg(r)},
                                                      {"report.txt", drill_full_text(r)}};
    for (auto const& [name, text] : files) {
        if (auto const written = write_file(directory / name, text); !written) {
            return written;
        }
    }
    return {};
}

} // namespace dyad::cli
