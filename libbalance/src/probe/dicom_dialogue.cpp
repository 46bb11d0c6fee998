// SPDX-License-Identifier: Apache-2.0
#include "probe/dicom_dialogue.hpp"

#include <utility>

namespace balance::probe {

using dicom::pdu_type;

namespace {

constexpr std::uint16_t only_message = 1; ///< of its association

std::string in_hex(std::uint16_t n) {
    std::string out;
    for (int shift = 12; shift >= 0; shift -= 4)
        out += "0123456789ABCDEF"[n >> shift & 15];
    return out;
}

} // namespace

dicom_dialogue::dicom_dialogue(std::string_view calling, std::string_view called, std::optional<core::dicom_key> wanted)
    : found_(only_message), wanted_(std::move(wanted)),
      output_(dicom::associate_request(calling, called, dicom::our_implementation(), purpose())) {}

dicom::purpose dicom_dialogue::purpose() const noexcept {
    return wanted_ ? dicom::purpose::search : dicom::purpose::verification;
}

std::string dicom_dialogue::to_send() { return std::exchange(output_, {}); }

std::string_view dicom_dialogue::waiting_for() const noexcept {
    if (stage_ == stage::answer)
        return wanted_ ? "answer to C-FIND" : "answer to C-ECHO";
    return stage_ == stage::association ? "association" : "release";
}

void dicom_dialogue::received(std::string_view bytes) {
    if (outcome_)
        return;
    pdus_.feed(bytes);
    while (!outcome_) {
        auto const pdu = pdus_.next();
        if (!pdu)
            break;
        take(*pdu);
    }
    if (!outcome_ && !pdus_.fault().empty())
        give_up(pdus_.fault());
}

void dicom_dialogue::closed() {
    if (outcome_)
        return;
    if (stage_ == stage::release && pdus_.empty())
        return end(true, answered_ + "; closed without a release");
    end(false, "the connection was closed before the " + std::string(waiting_for()));
}

void dicom_dialogue::take(dicom::pdu const& p) {
    auto const type = static_cast<pdu_type>(p.type);
    if (type == pdu_type::abort)
        return end(false, "the association was aborted " + dicom::words_of_abort(p.body));
    if (type == pdu_type::release_request && stage_ != stage::association) {
        output_ += dicom::release_response(); // both at once: PS3.8 §7.2.2, release collision
        return stage_ == stage::release ? end(true, answered_)
                                        : end(false, std::string("released before ") + (wanted_ ? "C-FIND" : "C-ECHO") + " was answered");
    }
    if (type == pdu_type::associate_reject && stage_ == stage::association)
        return end(false, "the association was rejected: " + dicom::words_of_reject(p.body));
    if (type == pdu_type::associate_accept && stage_ == stage::association) {
        if (auto const why = dicom::refusal_in_accept(p.body, purpose()); !why.empty())
            return give_up("the association is of no use: " + why);
        output_ += wanted_ ? dicom::find_request(only_message, *wanted_) : dicom::echo_request(only_message);
        stage_ = stage::answer;
        return;
    }
    if (type == pdu_type::data && stage_ == stage::answer)
        return take_data(p.body);
    if (type == pdu_type::release_response && stage_ == stage::release)
        return end(true, answered_);
    give_up("a PDU of type " + std::to_string(p.type) + " came instead of the " + std::string(waiting_for()));
}

void dicom_dialogue::take_data(std::string_view body) { wanted_ ? take_found(body) : take_echo(body); }

void dicom_dialogue::take_echo(std::string_view body) {
    if (!response_.feed(body))
        return give_up(response_.fault());
    if (!response_.complete())
        return;
    auto const status = response_.status(only_message);
    if (!status)
        return give_up(response_.fault());
    if (*status != 0)
        return give_up("C-ECHO answered with status " + in_hex(*status));
    let_go("C-ECHO answered with status 0000");
}

void dicom_dialogue::take_found(std::string_view body) {
    if (!found_.feed(body))
        return give_up(found_.fault());
    if (!found_.status())
        return;
    if (*found_.status() != 0)
        return give_up("C-FIND answered with status " + in_hex(*found_.status()));
    auto const n = found_.matches();
    let_go("C-FIND answered with status 0000, " + std::to_string(n) + (n == 1 ? " study" : " studies") + " found");
}

void dicom_dialogue::let_go(std::string answered) {
    answered_ = std::move(answered);
    output_ += dicom::release_request();
    stage_ = stage::release;
}

void dicom_dialogue::give_up(std::string why) {
    output_ = dicom::abort();
    end(false, std::move(why));
}

void dicom_dialogue::end(bool success, std::string why) { outcome_ = {success, std::move(why)}; }

} // namespace balance::probe
