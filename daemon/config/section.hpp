// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <chrono>
#include <config/document.hpp>
#include <config/schema.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dyad::config {

using key_path = std::vector<std::string>;

/// The diagnostics of one file while it is read.
class fault_list {
public:
    explicit fault_list(std::string file) : file_(std::move(file)) {}

    void add(key_path const& path, place at, std::string_view message, bool warning = false);

    /// Was there a fault at this path, above it or below it? Then a second one there may only follow from the first.
    [[nodiscard]] bool touches(key_path const& path) const;
    [[nodiscard]] bool any_fault() const noexcept { return !faulty_.empty(); }
    /// No warning either.
    [[nodiscard]] bool empty() const noexcept { return diagnostics_.empty(); }
    /// In the order of the file.
    [[nodiscard]] std::vector<diagnostic> sorted() const;

private:
    std::string file_;
    std::vector<diagnostic> diagnostics_;
    std::set<std::pair<place, std::string>> said_;
    std::set<key_path> faulty_;
};

/// One table of a file: typed access to its keys. What is wrong goes to the list; the reader goes on without the value.
class section {
public:
    /// Reports every key that `schema` does not know. `table` must be a table and outlive the section, like `faults`
    /// and the names in `path`.
    section(value const& table, place at, std::vector<std::string_view> path, table_schema const& schema,
            fault_list& faults);

    [[nodiscard]] entry const* find(std::string_view key) const;
    [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
    [[nodiscard]] key_path path_to(std::string_view key) const;
    [[nodiscard]] key_path path() const { return {path_.begin(), path_.end()}; }
    [[nodiscard]] place at() const noexcept { return at_; }
    [[nodiscard]] fault_list& faults() const noexcept { return *faults_; }

    std::optional<std::string> text(std::string_view key) const;
    std::optional<bool> flag(std::string_view key) const;
    std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most) const;
    std::optional<std::uint16_t> port(std::string_view key) const;
    std::optional<std::chrono::milliseconds> duration(std::string_view key, std::chrono::milliseconds least,
                                                      std::chrono::milliseconds most) const;
    std::optional<balance::address> address(std::string_view key) const;
    /// Numbers, "first-last" and "*".
    std::vector<balance::port_range> port_list(std::string_view key) const;
    std::vector<balance::address> address_list(std::string_view key) const;
    /// Networks, and addresses alone.
    std::vector<balance::subnet> subnet_list(std::string_view key) const;
    std::vector<std::string> text_list(std::string_view key) const;
    /// A text alone, or a list of them.
    std::vector<std::string> text_or_list(std::string_view key) const;

    /// A table whose keys are the operator's own, like { "X-Probe" = "1" }. Something else: none, and a fault.
    [[nodiscard]] std::span<entry const> own_table(std::string_view key, std::string_view example) const;
    /// A fault at a value within that of `key`.
    void wrong_within(std::string_view key, place at, std::string message) const { faults_->add(path_to(key), at, message); }

    /// A text that one of balance's parsers understands.
    template <class T>
    std::optional<T> word(std::string_view key, balance::result<T> (*parse)(std::string_view)) const {
        auto const* e = text_at(key);
        if (e == nullptr) {
            return std::nullopt;
        }
        auto const r = parse(e->content.text);
        if (!r) {
            wrong(key, std::string(key) + ": " + r.error().detail);
            return std::nullopt;
        }
        return *r;
    }

    /// The table at `key`; absent or something else: nothing, and a fault in the latter case.
    std::optional<section> table(std::string_view key, table_schema const& schema) const;
    /// The named tables below `key` ("service" -> one for each service), in the file's order.
    std::vector<std::pair<std::string, section>> named(std::string_view key, table_schema const& schema) const;

    /// A fault at the value of `key`, or at the table when the key is absent.
    void wrong(std::string_view key, std::string message, bool warning = false) const;
    /// A fault for an absent key that must be there.
    void missing(std::string_view key, std::string example) const;

private:
    entry const* typed(std::string_view key, value::kind kind, std::string_view expected) const;
    entry const* text_at(std::string_view key) const { return typed(key, value::kind::text, "a text in quotes"); }
    void wrong_type(std::string_view key, std::string_view expected) const;
    /// The path of what is below, with room for one name more.
    [[nodiscard]] std::vector<std::string_view> names_to(std::string_view key) const;

    value const* table_;
    place at_;
    std::vector<std::string_view> path_; ///< into the document and the schema: made texts of when there is a fault
    table_schema const* schema_;
    fault_list* faults_;
};

/// Where a path of `balance::validate` stands in the file: the value itself, else the innermost table that is there. A
/// service's check may be the name of one in [check.*].
place locate(value const& root, key_path const& path);

/// Checks `format`. False when the file is of a newer format, so that nothing else in it can be judged.
bool read_format(value const& root, fault_list& faults);

} // namespace dyad::config
