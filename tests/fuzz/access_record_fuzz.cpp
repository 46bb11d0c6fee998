// SPDX-License-Identifier: Apache-2.0
// Whatever a client calls its method, host and path: one line of visible ASCII, bounded, in which nothing but ours stands
// outside the quotes. The input is the three, with zero bytes between.
#include "core/access_record.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace balance;

void insist(bool ok) {
    if (!ok)
        std::abort();
}

/// What stands between two zero bytes.
std::string_view cut_off(std::string_view& rest) {
    auto const end = std::min(rest.find('\0'), rest.size());
    auto const out = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return out;
}

std::string without_quoted(std::string_view line) {
    std::string out;
    bool within = false;
    for (char const c : line) {
        if (c == '"')
            within = !within;
        else if (!within)
            out += c;
    }
    insist(!within);
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view rest(reinterpret_cast<char const*>(data), size);
    core::access_record r;
    r.service = "Web";
    r.http = true;
    r.method = cut_off(rest);
    r.host = cut_off(rest);
    r.target = rest;
    std::array<char, core::longest_record> bytes;
    auto const n = core::write(bytes, r);
    insist(n > 0 && n <= bytes.size());
    std::string_view const line(bytes.data(), n);
    insist(line.back() == '\n');
    insist(std::all_of(line.begin(), line.end() - 1, [](char c) { return c >= 0x20 && c < 0x7f; }));
    auto ours = without_quoted(line);
    for (auto at = ours.find("..."); at != ours.npos; at = ours.find("..."))
        ours.erase(at, 3);
    insist(ours == "1970-01-01T00:00:00.000Z client=0.0.0.0:0 service= server=- method= host= path= status=- in=0 out=0 queue=- "
                   "connect=- answer=- total=0.000 ended=\n");
    return 0;
}
