// SPDX-License-Identifier: Apache-2.0
#include "cluster/check_secrets.hpp"

#include "cluster/state_files.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <set>
#include <system_error>

namespace dyad {

namespace {

constexpr std::size_t longest_secret = 4096;

/// Text that goes from process to process and into protocols as it is: UTF-8 (RFC 3629) without control characters.
bool is_plain(std::string const& line) {
    bool const controls = std::any_of(line.begin(), line.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; });
    boost::system::error_code ec;
    boost::json::parse(boost::json::serialize(boost::json::string(line)), ec);
    return !controls && !ec;
}

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
        if (line.empty() || line.size() > longest_secret || !is_plain(line)) {
            out.fault += (out.fault.empty() ? "health checks lack their secrets: " : "; ") +
                         (text ? (folder / name).string() + ": its first line is empty, longer than 4 KiB, no UTF-8 text, or has control "
                                                            "characters"
                               : text.error().detail);
        } else {
            out.texts.emplace(name, line);
        }
    }
    return out;
}

} // namespace dyad
