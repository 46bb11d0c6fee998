// SPDX-License-Identifier: Apache-2.0
// Whatever a DICOM server answers to a health check: bounded, and the same in whatever pieces it arrives. The first byte of
// the input says how large the pieces are.
#include "probe/dicom_dialogue.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using balance::probe::dicom_dialogue;
using balance::probe::finding_out;

void insist(bool ok) {
    if (!ok)
        std::abort();
}

finding_out talk(std::string_view bytes, std::size_t piece, bool searches) {
    auto const key = searches ? std::optional(balance::core::dicom_key{0x0010, 0x0020, "NOBODY"}) : std::nullopt;
    dicom_dialogue d("DYAD", "ANY-SCP", key);
    std::size_t sent = d.to_send().size();
    for (std::size_t at = 0; at < bytes.size() && !d.outcome(); at += piece) {
        d.received(bytes.substr(at, piece));
        sent += d.to_send().size();
    }
    d.closed();
    insist(d.outcome().has_value());
    insist(!d.outcome()->reason.empty() && d.outcome()->reason.size() < 200);
    insist(sent < 500); // an association request, C-ECHO or C-FIND, and a release at most
    return *d.outcome();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0)
        return 0;
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    for (bool const searches : {false, true}) {
        auto const whole = talk(bytes, std::max<std::size_t>(bytes.size(), 1), searches);
        insist(whole == talk(bytes, 1 + data[0] % 32u, searches));
    }
    return 0;
}
