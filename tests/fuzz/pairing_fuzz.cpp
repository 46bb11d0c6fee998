// SPDX-License-Identifier: Apache-2.0
// Whatever somebody types as a token, and whatever comes from a node that knows it: no crash, and what is understood is
// written again and understood as the same.
#include "wire/pairing_codec.hpp"
#include "wire/pairing_token.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

namespace wp = cluster::wire::pairing;

void insist(bool ok) {
    if (!ok)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const bytes(reinterpret_cast<char const*>(data), size);
    if (auto const token = cluster::wire::parse_token(bytes))
        insist(cluster::wire::parse_token(cluster::wire::format_token(*token)).value() == *token);
    if (auto const m = wp::decode(bytes)) {
        auto const frame = wp::encode(*m);
        insist(frame.size() <= wp::max_frame + 4);
        insist(wp::decode(std::string_view(frame).substr(4)).value() == *m);
    }
    return 0;
}
