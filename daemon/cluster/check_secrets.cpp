// SPDX-License-Identifier: Apache-2.0
#include "cluster/check_secrets.hpp"

#include "cluster/state_files.hpp"

#include <set>
#include <system_error>

namespace dyad {

namespace {

constexpr std::size_t longest_secret = 4096;

std::string first_line(std::string const& text) { return text.substr(0, text.find_first_of("\r\n")); }

} // namespace

check_secrets read_secrets(std::filesystem::path const& folder, std::span<balance::virtual_service const> services) {
    std::set<std::string> names;
    for (auto const& service : services) {
        names.insert(service.check.password_file);
        names.insert(service.check.secret_file);
    }
    names.erase("");
    check_secrets out;
    for (auto const& name : names) {
        auto const text = read_file(folder / name);
        auto const line = text ? first_line(*text) : std::string();
        if (line.empty() || line.size() > longest_secret) {
            out.fault += (out.fault.empty() ? "health checks lack their secrets: " : "; ") +
                         (text ? (folder / name).string() + ": its first line is empty or longer than 4 KiB" : text.error().detail);
        } else {
            out.texts.emplace(name, line);
        }
    }
    return out;
}

} // namespace dyad
