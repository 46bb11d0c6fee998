// SPDX-License-Identifier: Apache-2.0
#include "probe/dicom_find.hpp"

#include "probe/dicom_codec.hpp"

#include <utility>

namespace balance::probe::dicom {
namespace {

constexpr std::uint32_t c_find_response = 0x8020;
constexpr std::uint32_t pending = 0xff00, pending_in_part = 0xff01; ///< PS3.4 table C.4-1

} // namespace

bool find_reader::fail(std::string why) {
    fault_ = std::move(why);
    return false;
}

bool find_reader::feed(std::string_view body) {
    while (!body.empty() && !status_) {
        auto const part = take_fragment(body, fault_);
        if (!part)
            return false;
        taken_ += part->content.size();
        if (taken_ > longest_answers)
            return fail("the answers do not end");
        if (part->of_command == in_data_)
            return fail(in_data_ ? "the answer brings a command where a data set belongs" : "the answer brings data where a response belongs");
        if (in_data_) {
            in_data_ = !part->last;
            continue;
        }
        command_ += part->content;
        if (part->last && !take_command())
            return false;
    }
    return true;
}

bool find_reader::take_command() {
    auto const whole = read_command(std::exchange(command_, {}));
    if (!whole)
        return fail("the answer's command cannot be read");
    if (auto fault = whole->fault_as(c_find_response, "C-FIND", message_id_); !fault.empty())
        return fail(std::move(fault));
    if (*whole->status != pending && *whole->status != pending_in_part) {
        status_ = static_cast<std::uint16_t>(*whole->status);
        return true;
    }
    ++matches_;
    in_data_ = whole->brings_data();
    return true;
}

} // namespace balance::probe::dicom
