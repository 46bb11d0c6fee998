// SPDX-License-Identifier: Apache-2.0
#include "replicate/generation_rules.hpp"

#include <algorithm>
#include <vector>

namespace cluster::replicate {
namespace {

constexpr std::size_t max_name = 255;
constexpr std::size_t max_levels = 8;
constexpr std::size_t max_files = 4096;

/// UTF-8 passes, control characters do not.
bool is_printable(std::string_view s) noexcept {
    return std::none_of(s.begin(), s.end(), [](char c) {
        auto const byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

error unfit(config_version v, std::string what) {
    return balance::make_error(balance::errc::invalid_configuration,
                               "configuration of " + to_string(v) + ": " + std::move(what));
}

std::string big_endian(std::uint64_t value, std::size_t bytes) {
    std::string out;
    for (std::size_t i = bytes; i-- > 0;)
        out.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i))));
    return out;
}

} // namespace

bool is_file_name(std::string_view name) noexcept {
    if (name.empty() || name.size() > max_name || !is_printable(name) || name.find('\\') != std::string_view::npos)
        return false;
    std::size_t levels = 0;
    for (;;) {
        auto const slash = name.find('/');
        auto const part = name.substr(0, slash);
        // A leading dot covers "." and ".." too.
        if (part.empty() || part.front() == '.' || ++levels > max_levels)
            return false;
        if (slash == std::string_view::npos)
            return true;
        name.remove_prefix(slash + 1);
    }
}

result<> check(generation const& g) {
    if (g.version == config_version{})
        return unfit(g.version, "the version must be greater than zero");
    if (g.applied_by.size() > max_name || !is_printable(g.applied_by))
        return unfit(g.version, "who applied it must be one printable line of at most 255 bytes");
    if (g.files.size() > max_files)
        return unfit(g.version, "more than " + std::to_string(max_files) + " files");
    std::string_view before;
    for (auto const& [name, bytes] : g.files) {
        if (!is_file_name(name))
            return unfit(g.version, "\"" + name + "\" is no name for a file; use a relative path without hidden parts");
        if (!before.empty() && name <= before)
            return unfit(g.version, "files must be sorted by name, each once; see \"" + name + "\"");
        before = name;
    }
    for (auto const& [name, bytes] : g.files)
        for (auto slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
            auto const folder = name.substr(0, slash);
            auto const at = std::lower_bound(g.files.begin(), g.files.end(), folder,
                                             [](auto const& file, std::string const& n) { return file.first < n; });
            if (at != g.files.end() && at->first == folder)
                return unfit(g.version, "\"" + folder + "\" is a file and a folder");
        }
    return {};
}

void canonical_form(generation const& g, std::function<void(std::string_view)> const& sink) {
    std::vector<std::pair<std::string, std::string> const*> files;
    files.reserve(g.files.size());
    for (auto const& file : g.files)
        files.push_back(&file);
    std::stable_sort(files.begin(), files.end(), [](auto const* a, auto const* b) { return a->first < b->first; });

    sink("dyad generation 1");
    sink(big_endian(g.version.term, 4));
    sink(big_endian(g.version.generation, 8));
    sink(big_endian(files.size(), 4));
    for (auto const* file : files) {
        sink(big_endian(file->first.size(), 4));
        sink(file->first);
        sink(big_endian(file->second.size(), 8));
        sink(file->second);
    }
}

std::string to_string(config_version v) {
    return "term " + std::to_string(v.term) + " generation " + std::to_string(v.generation);
}

} // namespace cluster::replicate
