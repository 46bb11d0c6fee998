// SPDX-License-Identifier: Apache-2.0
// The report's picture: a block for each move, in it a row for each target and address, over the move's time.
#include <cli/drill_report.hpp>
#include <cli/words.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace dyad::cli {
namespace {

constexpr double page_width = 1180;
constexpr double page_edge = 36;
constexpr double bars_left = 330;
constexpr double bars_right = 955;
constexpr double row_height = 26;
constexpr double bar_height = 14;
constexpr double line_height = 20;
constexpr double least_width = 1.5; ///< of a bar: what happened is seen
constexpr std::size_t longest_label = 40;
constexpr std::size_t longest_line = 150;
constexpr std::size_t note_line = 140; ///< columns, then a note goes on in another line

/// Colours in full: many a viewer knows no CSS variables.
constexpr auto style = R"(
  svg { background: #ffffff; }
  text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1b2330; font-variant-numeric: tabular-nums; }
  .title { font-size: 24px; font-weight: 600; } .head { font-size: 15px; font-weight: 600; }
  .small { font-size: 11px; } .end { text-anchor: end; } .mid { text-anchor: middle; }
  .paper { fill: #ffffff; } .soft { fill: #5d6878; } .bad { fill: #b92c2c; font-weight: 600; }
  .verdict { font-size: 15px; font-weight: 700; fill: #ffffff; text-anchor: middle; }
  .passed { fill: #2c8a5b; } .notpassed { fill: #c23030; }
  .served { fill: #8fd0ae; } .late { fill: #e2a72e; } .failed { fill: #cf3a3a; }
  .node { fill: #4c78b8; } .peer { fill: #9a78bd; } .other { fill: #98a2b0; } .two { fill: url(#two); }
  .nobody { fill: none; stroke: #98a2b0; stroke-dasharray: 2 3; }
  .grid { stroke: #e3e7ec; } .rule { stroke: #c3cad4; } .gap { stroke: #b92c2c; stroke-width: 3; }
  .mark { stroke: #1b2330; stroke-width: 1.5; } .restored { stroke: #1b2330; stroke-dasharray: 5 4; }
  @media screen and (prefers-color-scheme: dark) {
    svg { background: #12161d; }
    text { fill: #e7ebf1; }
    .paper { fill: #12161d; } .soft { fill: #9aa5b4; } .bad { fill: #ff7b72; }
    .served { fill: #3f8f68; } .late { fill: #d0a03a; } .failed { fill: #e05a5a; }
    .node { fill: #6f9bdb; } .peer { fill: #b08ad6; } .other { fill: #6b7686; }
    .nobody { stroke: #6b7686; }
    .grid { stroke: #262d38; } .rule { stroke: #465061; } .gap { stroke: #ff7b72; }
    .mark { stroke: #e7ebf1; } .restored { stroke: #e7ebf1; }
  }
)";

std::string xml_text(std::string_view s) {
    std::string out;
    for (char const c : s) {
        auto const byte = static_cast<unsigned char>(c);
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        default:
            out += byte < 0x20 || byte == 0x7f ? '?' : c; // no control character is XML text (XML 1.0 §2.2)
        }
    }
    return out;
}

std::string coordinate(double v) {
    std::array<char, 32> out{};
    std::snprintf(out.data(), out.size(), "%.1f", v);
    return out.data();
}

/// "-0.5 s", "320 ms": for axis and tips.
std::string axis_time(std::int64_t us) {
    return (us < 0 ? "−" : "") + (us == 0 ? "0" : short_time(std::abs(us)));
}

/// Times of one move on the page.
struct scale {
    std::int64_t begins;
    std::int64_t ends;

    [[nodiscard]] double x(std::int64_t at) const {
        auto const part = static_cast<double>(std::clamp(at, begins, ends) - begins) / static_cast<double>(std::max<std::int64_t>(ends - begins, 1));
        return bars_left + part * (bars_right - bars_left);
    }
};

/// 1, 2 or 5 times a power of ten, for about eight ticks.
std::int64_t tick_of(scale const& s) {
    std::int64_t step = 1000;
    for (int i = 0; (s.ends - s.begins) / step > 9; ++i) {
        step = i % 3 == 1 ? step / 2 * 5 : step * 2;
    }
    return step;
}

class picture {
public:
    explicit picture(drill_record const& r) : r_(r) {}

    [[nodiscard]] std::string whole() {
        head();
        for (auto const& m : r_.moves) {
            block(m);
        }
        tail();
        std::ostringstream out;
        auto const height = coordinate(y_ + page_edge / 2);
        out << R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 )" << coordinate(page_width) << ' ' << height << R"(" width=")"
            << coordinate(page_width) << R"(" height=")" << height << "\" role=\"img\">\n<title>"
            << xml_text("Failover drill of " + r_.node + " and " + r_.peer + ", " + r_.begun) << "</title>\n<style>" << style
            << "</style>\n<defs><pattern id=\"two\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">"
               "<rect class=\"failed\" width=\"6\" height=\"6\"/><rect class=\"paper\" width=\"2\" height=\"6\"/></pattern></defs>\n"
            << R"(<rect class="paper" width=")" << coordinate(page_width) << R"(" height=")" << height << "\"/>\n"
            << body_.str() << "</svg>\n";
        return out.str();
    }

private:
    void words(double x, double y, std::string const& style_of, std::string_view s, std::size_t most = longest_line) {
        auto const shown = shortened(s, most);
        body_ << R"(<text x=")" << coordinate(x) << R"(" y=")" << coordinate(y) << R"(" class=")" << style_of << "\">" << xml_text(shown);
        if (shown != s) {
            body_ << "<title>" << xml_text(s) << "</title>";
        }
        body_ << "</text>\n";
    }

    void line(double x1, double y1, double x2, double y2, std::string const& style_of) {
        body_ << R"(<line x1=")" << coordinate(x1) << R"(" y1=")" << coordinate(y1) << R"(" x2=")" << coordinate(x2) << R"(" y2=")"
              << coordinate(y2) << R"(" class=")" << style_of << "\"/>\n";
    }

    void bar(scale const& s, double y, std::int64_t from, std::int64_t to, std::string const& style_of, std::string const& tip) {
        auto const left = s.x(from);
        body_ << R"(<rect x=")" << coordinate(left) << R"(" y=")" << coordinate(y) << R"(" width=")"
              << coordinate(std::max(s.x(to) - left, least_width)) << R"(" height=")" << coordinate(bar_height) << R"(" class=")" << style_of
              << R"(" data-from=")" << from << R"(" data-to=")" << to << "\"><title>"
              << xml_text(tip + ", " + axis_time(from) + " to " + axis_time(to)) << "</title></rect>\n";
    }

    void head() {
        words(page_edge, 48, "title", "Failover drill of " + r_.node + " and " + r_.peer, 60);
        auto const verdict = r_.passed() ? "PASSED" : r_.aborted.empty() ? "FAILED" : "ABORTED";
        body_ << R"(<rect x="1034" y="24" width="110" height="32" rx="16" class=")" << (r_.passed() ? "passed" : "notpassed") << "\"/>\n";
        words(1089, 45, "verdict", verdict);
        y_ = 78;
        para("soft", r_.begun + " to " + r_.ended);
        para("soft", "run on " + r_.node + " by " + r_.operated_by + " · dyad " + r_.release + " · configuration " + r_.configuration);
        for (auto const& seat : r_.seats) {
            para("soft", "seen from " + seat);
        }
        for (auto const& limit : limit_lines(r_.limits)) {
            para("", "limit: " + limit);
        }
        legend();
    }

    void para(std::string const& style_of, std::string const& s) {
        words(page_edge, y_, style_of, s);
        y_ += line_height;
    }

    /// In as many lines as it takes.
    void wrapped(std::string const& style_of, std::string s) {
        while (width(s) > note_line) {
            auto const space = s.rfind(' ', note_line);
            auto const cut = space == std::string::npos || space == 0 ? s.size() : space;
            para(style_of, s.substr(0, cut));
            s.erase(0, std::min(cut + 1, s.size()));
        }
        para(style_of, s);
    }

    void legend() {
        y_ += 6;
        double x = page_edge;
        std::vector<std::pair<char const*, std::string>> keys{{"served", "served"},
                                                              {"late", "late, after " + short_time(late_after)},
                                                              {"failed", "failed"}};
        bool const witnessed = std::any_of(r_.moves.begin(), r_.moves.end(), [](auto const& m) { return !m.owners.empty(); });
        if (witnessed) {
            keys.insert(keys.end(), {{"node", r_.node + " owns"}, {"peer", r_.peer + " owns"}, {"two", "two owners"}, {"nobody", "nobody answers"}});
        }
        for (auto const& [style_of, meaning] : keys) {
            body_ << R"(<rect x=")" << coordinate(x) << R"(" y=")" << coordinate(y_ - 10) << R"(" width="22" height="11" class=")" << style_of
                  << "\"/>\n";
            words(x + 29, y_, "soft", meaning);
            x += 50 + 7.2 * static_cast<double>(width(meaning));
        }
        line(x, y_ - 4, x + 22, y_ - 4, "gap");
        words(x + 29, y_, "soft", "longest gap");
        y_ += line_height;
    }

    void block(drill_move const& m) {
        line(page_edge, y_, page_width - page_edge, y_, "rule");
        y_ += 26;
        words(page_edge, y_, "head",
              "Round " + std::to_string(m.round) + " · " + std::string(to_string(m.kind)) + " · " + m.from + " → " + m.to);
        y_ += line_height;
        auto const after = m.kind == drill_kind::planned ? " · moved after " : " · pair whole again after ";
        wrapped("soft", m.when + " · " + m.did + " · epoch " + m.epoch_before + " → " + m.epoch_after + after + std::to_string(m.took_ms) + " ms");
        scale const s{m.begins, m.ends};
        auto const top = y_ + 8;
        auto const bottom = top + row_height * static_cast<double>(m.seen.size() + m.owners.size());
        axis(s, m, top, bottom);
        y_ = top;
        for (auto const& t : m.seen) {
            target_row(s, t);
        }
        for (auto const& a : m.owners) {
            owner_row(s, a);
        }
        line(s.x(0), top - 6, s.x(0), bottom, "mark");
        if (m.restored) {
            line(s.x(*m.restored), top - 6, s.x(*m.restored), bottom, "restored");
        }
        y_ = bottom + 18 + line_height;
        for (auto const& fault : m.faults) {
            wrapped("bad", "✗ " + fault);
        }
        y_ += 8;
    }

    void axis(scale const& s, drill_move const& m, double top, double bottom) {
        auto const step = tick_of(s);
        for (auto at = s.begins / step * step; at <= s.ends; at += step) {
            if (at < s.begins) {
                continue;
            }
            line(s.x(at), top - 4, s.x(at), bottom, "grid");
            words(s.x(at), bottom + 15, "soft small mid", axis_time(at));
        }
        words(s.x(0), top - 9, "small mid", m.kind == drill_kind::planned ? "move begins" : "failure");
        if (m.restored && s.x(*m.restored) - s.x(0) > 70) {
            words(s.x(*m.restored), top - 9, "small mid", "put right");
        }
    }

    void label(std::string const& what, std::string const& seat) {
        words(page_edge, y_ + 14, "", what, longest_label);
        words(bars_left - 12, y_ + 14, "soft small end", seat, 16);
    }

    void target_row(scale const& s, seen_target const& t) {
        label(t.target, t.seat);
        body_ << "<g class=\"target\">\n";
        for (auto const& span : t.spans) {
            auto const how = std::string(to_string(span.how));
            bar(s, y_ + 3, span.from, span.to, how, how);
        }
        body_ << "</g>\n";
        if (t.report.longest_gap >= late_after) { // shorter ones are a client's waiting between two attempts
            line(s.x(t.gap_from), y_ + 3 + bar_height + 3, s.x(t.gap_to), y_ + 3 + bar_height + 3, "gap");
        }
        bool const bad = t.report.longest_gap > r_.limits.max_gap || !t.served_at_end;
        words(bars_right + 12, y_ + 14, bad ? "bad" : "", "gap " + short_time(t.report.longest_gap));
        words(page_width - page_edge, y_ + 14, t.report.failed != 0 ? "end" : "soft end", std::to_string(t.report.failed) + " failed", 18);
        y_ += row_height;
    }

    void owner_row(scale const& s, seen_address const& a) {
        label(a.address + " owner", a.seat);
        body_ << "<g class=\"address\">\n";
        for (auto const& span : a.report.spans) {
            std::string who;
            for (auto const& mac : span.macs) {
                who += (who.empty() ? "" : " and ") + mac;
            }
            auto const* style_of = span.macs.empty() ? "nobody" : span.macs.size() > 1 ? "two" : who == r_.node ? "node" : who == r_.peer ? "peer" : "other";
            bar(s, y_ + 3, span.from, span.to, style_of, who.empty() ? "nobody answers" : who);
        }
        body_ << "</g>\n";
        bool const bad = r_.limits.max_two_owners && a.report.two_owners > *r_.limits.max_two_owners;
        words(bars_right + 12, y_ + 14, bad ? "bad" : "soft", "two " + short_time(a.report.two_owners));
        y_ += row_height;
    }

    void tail() {
        line(page_edge, y_, page_width - page_edge, y_, "rule");
        y_ += 24;
        for (auto const& note : r_.notes) {
            wrapped("soft", "note: " + note);
        }
        if (!r_.aborted.empty()) {
            wrapped("bad", "aborted: " + r_.aborted);
        }
    }

    drill_record const& r_;
    std::ostringstream body_;
    double y_ = 0;
};

} // namespace

std::string drill_svg(drill_record const& r) { return picture(r).whole(); }

} // namespace dyad::cli
