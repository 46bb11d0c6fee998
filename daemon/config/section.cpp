// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <algorithm>
#include <cassert>
#include <config/section.hpp>
#include <config/words.hpp>

namespace dyad::config {

using balance::in_quotes;

void fault_list::add(key_path const& path, place at, std::string_view message, bool warning) {
    diagnostic d{file_, at.line, at.column, one_line(message), warning};
    // A check that several services use would be blamed once for each.
    if (!said_.emplace(at, d.message).second) {
        return;
    }
    if (!warning) {
        faulty_.insert(path);
    }
    diagnostics_.push_back(std::move(d));
}

bool fault_list::touches(key_path const& path) const {
    for (key_path above; above.size() < path.size(); above.push_back(path[above.size()])) {
        if (faulty_.contains(above)) {
            return true;
        }
    }
    auto const below = faulty_.lower_bound(path); // the first that is not smaller: `path` itself or one below it
    return below != faulty_.end() && below->size() >= path.size() &&
           std::equal(path.begin(), path.end(), below->begin());
}

std::vector<diagnostic> fault_list::sorted() const {
    auto out = diagnostics_;
    std::stable_sort(out.begin(), out.end(), [](diagnostic const& a, diagnostic const& b) {
        return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return out;
}

section::section(value const& table, place at, std::vector<std::string_view> path, table_schema const& schema,
                 fault_list& faults)
    : table_(&table), at_(at), path_(std::move(path)), schema_(&schema), faults_(&faults) {
    for (auto const& e : table.entries) {
        if (std::find(schema.keys.begin(), schema.keys.end(), e.key) != schema.keys.end()) {
            continue;
        }
        auto const close = nearest(e.key, schema.keys);
        faults.add(path_to(e.key), e.at,
                   "unknown key " + in_quotes(e.key) +
                       (close.empty() ? "; " + std::string(schema.table) + " knows " + join(schema.keys)
                                      : "; did you mean " + in_quotes(close) + "?"));
    }
}

entry const* section::find(std::string_view key) const {
    assert(std::find(schema_->keys.begin(), schema_->keys.end(), key) != schema_->keys.end());
    return table_->find(key);
}

key_path section::path_to(std::string_view key) const {
    auto out = path();
    out.emplace_back(key);
    return out;
}

std::vector<std::string_view> section::names_to(std::string_view key) const {
    std::vector<std::string_view> out;
    out.reserve(path_.size() + 2);
    out = path_;
    out.push_back(key);
    return out;
}

void section::wrong(std::string_view key, std::string message, bool warning) const {
    auto const* e = find(key);
    faults_->add(path_to(key), e != nullptr ? e->content.at : at_, std::move(message), warning);
}

void section::missing(std::string_view key, std::string example) const {
    faults_->add(path_to(key), at_, std::string(key) + " is missing; say for example " + example);
}

entry const* section::typed(std::string_view key, value::kind kind, std::string_view expected) const {
    auto const* e = find(key);
    if (e != nullptr && e->content.type != kind) {
        wrong_type(key, expected);
        return nullptr;
    }
    return e;
}

void section::wrong_type(std::string_view key, std::string_view expected) const {
    wrong(key, std::string(key) + " is " + std::string(describe(find(key)->content.type)) + ", but must be " +
                   std::string(expected));
}

std::optional<std::string> section::text(std::string_view key) const {
    auto const* e = text_at(key);
    return e == nullptr ? std::nullopt : std::optional(e->content.text);
}

std::optional<bool> section::flag(std::string_view key) const {
    auto const* e = typed(key, value::kind::boolean, "true or false, without quotes");
    return e == nullptr ? std::nullopt : std::optional(e->content.boolean);
}

std::optional<std::int64_t> section::integer(std::string_view key, std::int64_t least, std::int64_t most) const {
    auto const* e = find(key);
    if (e == nullptr) {
        return std::nullopt;
    }
    bool const is_integer = e->content.type == value::kind::integer;
    if (is_integer && e->content.integer >= least && e->content.integer <= most) {
        return e->content.integer;
    }
    auto const range = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
    if (is_integer) {
        wrong(key, std::string(key) + " is " + std::to_string(e->content.integer) + ", but must be " + range);
    } else {
        wrong_type(key, range + ", without quotes");
    }
    return std::nullopt;
}

std::optional<std::uint16_t> section::port(std::string_view key) const {
    auto const n = integer(key, 1, 65535);
    return n ? std::optional(static_cast<std::uint16_t>(*n)) : std::nullopt;
}

std::optional<std::chrono::milliseconds> section::duration(std::string_view key, std::chrono::milliseconds least,
                                                           std::chrono::milliseconds most) const {
    auto const* e = typed(key, value::kind::text, "a time in quotes with its unit (ms, s, m or h), like \"100ms\"");
    if (e == nullptr) {
        return std::nullopt;
    }
    auto const d = parse_duration(e->content.text);
    if (!d) {
        wrong(key, std::string(key) + ": " + d.error().detail);
        return std::nullopt;
    }
    if (*d < least || *d > most) {
        wrong(key, std::string(key) + " is " + format_duration(*d) + ", but must be " + format_duration(least) +
                       " to " + format_duration(most));
        return std::nullopt;
    }
    return *d;
}

std::optional<balance::address> section::address(std::string_view key) const {
    return word(key, &balance::parse_address);
}

std::vector<balance::port_range> section::port_list(std::string_view key) const {
    std::vector<balance::port_range> out;
    auto const* e = typed(key, value::kind::list, "a list, like [80] or [80, \"4100-4110\"] or [\"*\"]");
    if (e == nullptr) {
        return out;
    }
    for (auto const& item : e->content.items) {
        auto const said = item.type == value::kind::integer ? std::to_string(item.integer) : item.text;
        if (item.type != value::kind::integer && item.type != value::kind::text) {
            faults_->add(path_to(key), item.at,
                         std::string(key) + " holds " + std::string(describe(item.type)) +
                             "; it must hold ports, like [80] or [80, \"4100-4110\"] or [\"*\"]");
        } else if (auto const r = balance::parse_ports(said); r) {
            out.push_back(*r);
        } else {
            faults_->add(path_to(key), item.at, std::string(key) + ": " + r.error().detail);
        }
    }
    return out;
}

std::vector<balance::address> section::address_list(std::string_view key) const {
    std::vector<balance::address> out;
    std::set<balance::address> seen;
    auto const* e = typed(key, value::kind::list, "a list, like [\"192.0.2.1\"]");
    if (e == nullptr) {
        return out;
    }
    for (auto const& item : e->content.items) {
        if (item.type != value::kind::text) {
            faults_->add(path_to(key), item.at,
                         std::string(key) + " holds " + std::string(describe(item.type)) +
                             "; it must hold addresses in quotes");
        } else if (auto const a = balance::parse_address(item.text); !a) {
            faults_->add(path_to(key), item.at, std::string(key) + ": " + a.error().detail);
        } else if (!seen.insert(*a).second) {
            faults_->add(path_to(key), item.at,
                         std::string(key) + " holds " + a->to_string() + " twice; leave one out");
        } else {
            out.push_back(*a);
        }
    }
    return out;
}

std::vector<balance::subnet> section::subnet_list(std::string_view key) const {
    std::vector<balance::subnet> out;
    auto const* e = typed(key, value::kind::list, "a list, like [\"192.0.2.0/24\", \"198.51.100.7\"]");
    if (e == nullptr) {
        return out;
    }
    for (auto const& item : e->content.items) {
        if (item.type != value::kind::text) {
            faults_->add(path_to(key), item.at,
                         std::string(key) + " holds " + std::string(describe(item.type)) + "; it must hold networks or addresses in quotes");
        } else if (auto const s = balance::parse_subnet(item.text); s) {
            out.push_back(*s);
        } else {
            faults_->add(path_to(key), item.at, std::string(key) + ": " + s.error().detail);
        }
    }
    return out;
}

std::vector<std::string> section::text_list(std::string_view key) const {
    std::vector<std::string> out;
    auto const* e = typed(key, value::kind::list, "a list of words in quotes");
    if (e == nullptr) {
        return out;
    }
    for (auto const& item : e->content.items) {
        if (item.type == value::kind::text) {
            out.push_back(item.text);
        } else {
            faults_->add(path_to(key), item.at,
                         std::string(key) + " holds " + std::string(describe(item.type)) +
                             "; it must hold words in quotes");
        }
    }
    return out;
}

std::vector<std::string> section::text_or_list(std::string_view key) const {
    auto const* e = find(key);
    if (e != nullptr && e->content.type == value::kind::text) {
        return {e->content.text};
    }
    return text_list(key);
}

std::span<entry const> section::own_table(std::string_view key, std::string_view example) const {
    auto const* e = typed(key, value::kind::table, "a table like " + std::string(example));
    return e == nullptr ? std::span<entry const>() : std::span<entry const>(e->content.entries);
}

std::optional<section> section::table(std::string_view key, table_schema const& schema) const {
    auto const* e = find(key);
    if (e == nullptr) {
        return std::nullopt;
    }
    if (e->content.type != value::kind::table) {
        wrong_type(key, "a table with " + join(schema.keys));
        return std::nullopt;
    }
    return section(e->content, e->at, names_to(key), schema, *faults_);
}

std::vector<std::pair<std::string, section>> section::named(std::string_view key, table_schema const& schema) const {
    std::vector<std::pair<std::string, section>> out;
    auto const* e = find(key);
    if (e == nullptr) {
        return out;
    }
    if (e->content.type != value::kind::table) {
        wrong_type(key, "named tables, like " + std::string(schema.table));
        return out;
    }
    out.reserve(e->content.entries.size());
    for (auto const& child : e->content.entries) {
        auto path = names_to(key);
        path.push_back(child.key);
        if (child.content.type == value::kind::table) {
            out.emplace_back(child.key, section(child.content, child.at, std::move(path), schema, *faults_));
        } else {
            faults_->add({path.begin(), path.end()}, child.content.at,
                         std::string(key) + ' ' + in_quotes(child.key) + " is " +
                             std::string(describe(child.content.type)) + ", but must be a table, like " +
                             std::string(schema.table));
        }
    }
    return out;
}

place locate(value const& root, key_path const& path) {
    value const* here = &root;
    place at = root.at.line == 0 ? place{1, 1} : root.at;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (here->type == value::kind::text && i > 0 && path[i - 1] == "check") {
            auto const* checks = root.find("check");
            auto const* named = checks == nullptr ? nullptr : checks->content.find(here->text);
            if (named == nullptr) {
                return at;
            }
            here = &named->content;
            at = named->at;
        }
        auto const* e = here->find(path[i]);
        if (e == nullptr) {
            return at;
        }
        here = &e->content;
        // A table is named by its key; anything else by its value.
        at = here->type == value::kind::table ? e->at : here->at;
    }
    return at;
}

bool read_format(value const& root, fault_list& faults) {
    auto const* e = root.find("format");
    auto const known = std::to_string(newest_format);
    if (e == nullptr) {
        faults.add({"format"}, {1, 1}, "format is missing; say format = " + known + " in the first line");
    } else if (e->content.type != value::kind::integer) {
        faults.add({"format"}, e->content.at,
                   "format is " + std::string(describe(e->content.type)) + ", but must be the number " + known);
    } else if (e->content.integer > newest_format) {
        faults.add({"format"}, e->content.at,
                   "format " + std::to_string(e->content.integer) +
                       " is newer than this version of Dyad, which knows format " + known +
                       "; upgrade Dyad on this node, or write the file in format " + known);
        return false;
    } else if (e->content.integer < 1) {
        faults.add({"format"}, e->content.at,
                   "format is " + std::to_string(e->content.integer) + ", but must be " + known);
    }
    return true;
}

} // namespace dyad::config
