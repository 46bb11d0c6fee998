// SPDX-License-Identifier: Apache-2.0
// Whatever an HL7 server answers to a health check: bounded, and the same in whatever pieces it arrives. The first byte of
// the input says how large the pieces are; the rest is an answer, and also a message that an operator wrote.
#include "probe/hl7_dialogue.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using balance::probe::finding_out;
using balance::probe::hl7_dialogue;
namespace hl7 = balance::core::hl7;

void insist(bool ok) {
    if (!ok)
        std::abort();
}

finding_out talk(std::string_view bytes, std::size_t piece) {
    hl7_dialogue d("MSH|^~\\&|DYAD||||||ZZZ|DYAD1|P|2.5");
    insist(!d.to_send().empty());
    for (std::size_t at = 0; at < bytes.size() && !d.outcome(); at += piece)
        d.received(bytes.substr(at, piece));
    d.closed();
    insist(d.outcome().has_value());
    insist(!d.outcome()->reason.empty() && d.outcome()->reason.size() < 300);
    insist(d.to_send().empty());
    return *d.outcome();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0)
        return 0;
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    auto const whole = talk(bytes, std::max<std::size_t>(bytes.size(), 1));
    insist(whole == talk(bytes, 1 + data[0] % 32u));
    auto const message = hl7::as_message(bytes);
    insist(hl7::as_message(message) == message);
    if (hl7::fault_of(message).empty()) {
        insist(!hl7::control_id(message).empty());
        hl7::ack_reader echo; // what is sent can be read: it is only no acknowledgement
        insist(echo.feed(hl7::framed(message)) != hl7::ack_reader::progress::reading);
    }
    return 0;
}
