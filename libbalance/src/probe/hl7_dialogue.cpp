// SPDX-License-Identifier: Apache-2.0
#include "probe/hl7_dialogue.hpp"

#include "probe/reason.hpp"

#include <utility>

namespace balance::probe {

using core::hl7::ack_reader;

hl7_dialogue::hl7_dialogue(std::string_view text) {
    auto const message = core::hl7::as_message(text);
    control_id_ = core::hl7::control_id(message);
    output_ = core::hl7::framed(message);
}

std::string hl7_dialogue::to_send() { return std::exchange(output_, {}); }

std::string_view hl7_dialogue::waiting_for() const noexcept {
    return answer_.silent() ? "acknowledgement" : "complete acknowledgement";
}

void hl7_dialogue::received(std::string_view bytes) {
    if (outcome_)
        return;
    switch (answer_.feed(bytes)) {
    case ack_reader::progress::reading:
        break;
    case ack_reader::progress::failed:
        outcome_ = {false, answer_.fault()};
        break;
    case ack_reader::progress::complete:
        outcome_ = judge();
        break;
    }
}

void hl7_dialogue::closed() {
    if (!outcome_)
        outcome_ = {false, "the connection was closed before the " + std::string(waiting_for())};
}

finding_out hl7_dialogue::judge() const {
    auto const& ack = answer_.ack();
    if (ack.control_id != control_id_)
        return {false, "the acknowledgement belongs to message " + excerpt(ack.control_id) + ", not " +
                           excerpt(control_id_)};
    std::string const said = ack.text.empty() ? "" : ": " + excerpt(ack.text);
    if (ack.code == "AA" || ack.code == "CA")
        return {true, "acknowledged with " + ack.code + said};
    return {false, "answered with " + excerpt(ack.code, 10) + " instead of AA or CA" + said};
}

} // namespace balance::probe
