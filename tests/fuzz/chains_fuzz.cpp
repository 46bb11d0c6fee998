// SPDX-License-Identifier: Apache-2.0
// Anything at all as what nft lists: no crash, findings of chains that stand there, and words that can be shown. Any part
// of a listing is one, so each is read cut off, too.
#include "doctor/chains.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace {

using balance::doctor::filter_chain;

void insist(bool ok) {
    if (!ok) {
        std::abort();
    }
}

bool can_be_shown(std::string_view text) {
    return text.size() < 400 && std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

void judge(std::string_view listing) {
    for (auto const& f : balance::doctor::dropping_chains(listing)) {
        insist(f.family == "ip" || f.family == "ip6" || f.family == "inet");
        insist(f.hook == "input" || f.hook == "forward");
        insist(listing.find("hook") != listing.npos);
        insist(f.only.size() <= 3 && (f.only.size() == 3 || !f.more) && (f.only.empty() || f.by.empty()));
        insist(can_be_shown(f.name) && can_be_shown(f.by) && std::all_of(f.only.begin(), f.only.end(), can_be_shown));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const listing(reinterpret_cast<char const*>(data), size);
    judge(listing);
    judge(listing.substr(0, size / 2));
    return 0;
}
