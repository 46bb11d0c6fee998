// SPDX-License-Identifier: Apache-2.0
#include <cli/applied_view.hpp>
#include <cli/document.hpp>
#include <cli/words.hpp>

#include <ostream>

namespace dyad::cli {

namespace json = boost::json;

void print_changes(std::ostream& out, json::array const& changes) {
    for (auto const& v : changes) {
        auto const& c = item(v);
        auto const change = text(c, "change");
        auto const detail = text(c, "text");
        out << (change == "add"      ? "+ "
                : change == "remove" ? "- "
                                     : "~ ")
            << text(c, "object") << (detail.empty() ? "" : ": ") << detail << '\n';
    }
}

void print_applied(std::ostream& out, json::object const& document) {
    print_changes(out, array(document, "changes"));
    auto const peer = text(document, "peer");
    out << "configuration " << text(document, "term") << '.' << text(document, "generation") << " is in force";
    if (peer == "committed") {
        out << " on both nodes\n";
    } else if (peer == "none" || peer.empty()) {
        out << " on this node, which has no peer\n";
    } else if (peer == "nothing to do") {
        out << " already; nothing changed\n";
    } else {
        out << " on this node; the peer gets it when it is back (" << peer << ")\n";
    }
    if (auto const missing = text(document, "missing"); !missing.empty()) {
        out << "this node does not serve all of it yet: " << missing << "; `dyad status` and `dyad events` say more\n";
    }
    if (auto const ms = number(document, "confirm_ms"); ms > 0) {
        out << "run `dyad confirm` within " << age_text(ms) << ", or the configuration before comes back by itself\n";
    }
}

} // namespace dyad::cli
