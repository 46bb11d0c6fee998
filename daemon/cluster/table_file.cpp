// SPDX-License-Identifier: Apache-2.0
#include "cluster/table_file.hpp"

#include "cluster/state_files.hpp"
#include "ipc/records.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <vector>

namespace dyad {

namespace {

constexpr std::string_view magic = "dyad tables 1";
constexpr char const* file_name = "tables";

/// Takes a line off the front; nothing where none is whole.
std::optional<std::string_view> line_of(std::string_view& bytes) {
    auto const end = bytes.find('\n');
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    auto const line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    return line;
}

template <class T>
std::optional<T> number_of(std::optional<std::string_view> text) {
    T n{};
    if (!text || text->empty()) {
        return std::nullopt;
    }
    auto const [end, error] = std::from_chars(text->data(), text->data() + text->size(), n);
    return error == std::errc{} && end == text->data() + text->size() ? std::optional(n) : std::nullopt;
}

balance::error damaged(std::string const& what) {
    return balance::make_error(balance::errc::protocol_error, "the kept persistence tables: " + what);
}

} // namespace

kept_since kept_since::now() {
    auto const wall = std::chrono::system_clock::now().time_since_epoch();
    return {boot_moment::now(), std::chrono::duration_cast<std::chrono::milliseconds>(wall).count()};
}

std::string pack_tables(balance::persistence_copy const& tables, kept_since const& at, std::int64_t now_ms) {
    std::string out(magic);
    out += '\n' + at.boot.boot + '\n' + std::to_string(at.boot.ms) + '\n' + std::to_string(at.wall_ms) + '\n';
    tables.write_all(ipc::records_in_a_message, now_ms, [&](std::string const& piece) {
        out += std::to_string(piece.size()) + '\n' + piece;
        return true;
    });
    return out;
}

balance::result<> unpack_tables(std::string_view bytes, kept_since const& now, std::int64_t now_ms, balance::persistence_copy& tables) {
    if (line_of(bytes) != magic) {
        return damaged("another format");
    }
    auto const boot = line_of(bytes);
    auto const boot_ms = number_of<std::int64_t>(line_of(bytes));
    auto const wall_ms = number_of<std::int64_t>(line_of(bytes));
    if (!boot || !boot_ms || !wall_ms) {
        return damaged("no time");
    }
    auto const passed = std::max<std::int64_t>(0, *boot == now.boot.boot ? now.boot.ms - *boot_ms : now.wall_ms - *wall_ms);
    while (!bytes.empty()) {
        auto const size = number_of<std::size_t>(line_of(bytes));
        if (!size || *size > bytes.size()) {
            return damaged("the end is missing");
        }
        auto records = balance::read_persistence(bytes.substr(0, *size));
        if (!records) {
            return damaged(records.error().detail);
        }
        for (auto& r : *records) {
            r.remaining -= balance::milliseconds(passed); // what has expired is not taken
        }
        tables.merge(*records, balance::persistence_copy::source::here, now_ms);
        bytes.remove_prefix(*size);
    }
    return {};
}

balance::result<> save_tables(std::filesystem::path const& state_dir, balance::persistence_copy const& tables, std::int64_t now_ms) {
    return replace_file(state_dir / file_name, pack_tables(tables, kept_since::now(), now_ms), 0600);
}

balance::result<> load_tables(std::filesystem::path const& state_dir, std::int64_t now_ms, balance::persistence_copy& tables) {
    std::error_code ec;
    if (!std::filesystem::exists(state_dir / file_name, ec)) {
        return {};
    }
    auto const bytes = read_file(state_dir / file_name);
    return bytes ? unpack_tables(*bytes, kept_since::now(), now_ms, tables) : balance::result<>(bytes.error());
}

} // namespace dyad
