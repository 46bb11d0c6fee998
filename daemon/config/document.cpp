// SPDX-License-Identifier: Apache-2.0
#include <toml++/toml.h>

#include <algorithm>
#include <config/document.hpp>
#include <config/words.hpp>
#include <new>
#include <numeric>
#include <utility>

namespace dyad::config {
namespace {

place place_of(toml::source_region const& r) { return {r.begin.line, r.begin.column}; }

/// Up to so many entries are looked through quicker than searched.
constexpr std::size_t small_table = 16;

void convert(toml::node& n, value& out);

void convert_entries(toml::table& t, value& out) {
    struct item {
        place at;
        toml::key const* key;
        toml::node* content;
    };
    std::vector<item> items;
    items.reserve(t.size());
    for (auto&& [key, content] : t) {
        items.push_back({place_of(key.source()), &key, &content});
    }
    // toml++ sorts by name; the order of the keys in the file is the order of servers and services.
    std::sort(items.begin(), items.end(), [](item const& a, item const& b) {
        return a.at == b.at ? a.key->str() < b.key->str() : a.at < b.at;
    });
    out.entries.reserve(items.size());
    for (auto const& i : items) {
        auto& e = out.entries.emplace_back();
        e.key = i.key->str();
        e.at = i.at;
        convert(*i.content, e.content);
    }
    if (out.entries.size() > small_table) {
        out.by_name.resize(out.entries.size());
        std::iota(out.by_name.begin(), out.by_name.end(), std::size_t{0});
        std::sort(out.by_name.begin(), out.by_name.end(),
                  [&](std::size_t a, std::size_t b) { return out.entries[a].key < out.entries[b].key; });
    }
}

/// Takes the texts out of `n`.
void convert(toml::node& n, value& out) {
    out.at = place_of(n.source());
    switch (n.type()) {
    case toml::node_type::string:
        out.type = value::kind::text;
        out.text = std::move(n.as_string()->get());
        break;
    case toml::node_type::integer:
        out.type = value::kind::integer;
        out.integer = n.as_integer()->get();
        break;
    case toml::node_type::floating_point:
        out.type = value::kind::real;
        break;
    case toml::node_type::boolean:
        out.type = value::kind::boolean;
        out.boolean = n.as_boolean()->get();
        break;
    case toml::node_type::array:
        out.type = value::kind::list;
        out.items.resize(n.as_array()->size());
        for (std::size_t i = 0; i < out.items.size(); ++i) {
            convert(*n.as_array()->get(i), out.items[i]);
        }
        break;
    case toml::node_type::table:
        convert_entries(*n.as_table(), out);
        break;
    default:
        out.type = value::kind::date;
        break;
    }
}

/// toml++ names the token; what the reader probably meant is added here.
std::string explain(std::string_view description) {
    constexpr std::string_view redefined = "cannot redefine existing ";
    if (auto const at = description.find(redefined); at != std::string_view::npos) {
        auto const what = description.substr(at + redefined.size());
        auto const quote = what.find('\'');
        auto const name = std::string(quote == std::string_view::npos ? what : what.substr(quote));
        return description.find("table header") != std::string_view::npos
                   ? name +
                         " is defined twice; a name is an identity, so give one of the two another name or merge them"
                   : name + " is set twice; keep one of the two";
    }
    if (description.find("utf-8") != std::string_view::npos) {
        return "this is not UTF-8, which TOML is written in; save the file as UTF-8 text";
    }
    std::string out = "syntax error: " + std::string(description);
    for (std::string_view const token :
         {"decimal integer", "floating-point", "determine value type", "boolean", "date"}) {
        if (description.find(token) != std::string_view::npos) {
            return out + "; texts, times and addresses are written in quotes";
        }
    }
    return out;
}

outcome<value> refused(std::string const& file, place at, std::string_view message) {
    return {std::nullopt, {{file, at.line, at.column, one_line(message)}}};
}

} // namespace

entry const* value::find(std::string_view key) const noexcept {
    if (by_name.empty()) {
        auto const it = std::find_if(entries.begin(), entries.end(), [key](entry const& e) { return e.key == key; });
        return it == entries.end() ? nullptr : &*it;
    }
    auto const it = std::lower_bound(by_name.begin(), by_name.end(), key,
                                     [this](std::size_t i, std::string_view k) { return entries[i].key < k; });
    return it == by_name.end() || entries[*it].key != key ? nullptr : &entries[*it];
}

std::span<entry const> value::below(std::string_view key) const noexcept {
    auto const* e = find(key);
    return e == nullptr ? std::span<entry const>() : e->content.entries;
}

std::string_view describe(value::kind k) noexcept {
    switch (k) {
    case value::kind::text:
        return "a text";
    case value::kind::integer:
        return "a whole number";
    case value::kind::real:
        return "a number with a fraction";
    case value::kind::boolean:
        return "true or false";
    case value::kind::date:
        return "a date or time of day";
    case value::kind::list:
        return "a list";
    case value::kind::table:
        return "a table";
    }
    return "something else";
}

outcome<value> parse_document(std::string_view text, std::string const& file) {
    if (text.size() > max_file_size) {
        return refused(file, {},
                       "the file has " + std::to_string(text.size()) + " bytes; a configuration file has at most " +
                           std::to_string(max_file_size));
    }
    if (auto r = prescan(text); r.at.line != 0) {
        return refused(file, r.at, r.message);
    }
    try {
        auto parsed = toml::parse(text);
        value root;
        convert(parsed, root);
        if (root.entries.empty()) {
            return refused(file, {1, 1}, "the file is empty; it must at least say format = 1");
        }
        return {std::move(root), {}};
    } catch (toml::parse_error const& e) {
        return refused(file, place_of(e.source()), explain(e.description()));
    } catch (std::bad_alloc const&) {
        return refused(file, {}, "there is not enough memory to read the file");
    }
}

} // namespace dyad::config
