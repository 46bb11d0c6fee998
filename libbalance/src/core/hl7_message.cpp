// SPDX-License-Identifier: Apache-2.0
#include "core/hl7_message.hpp"

#include <algorithm>
#include <utility>

namespace balance::core::hl7 {
namespace {

constexpr char start_of_block = '\x0b';
constexpr char end_of_block = '\x1c';
constexpr char end_of_segment = '\r';

/// The part before the next `separator`; `rest` goes on behind it.
std::string_view take_up_to(std::string_view& rest, char separator) {
    auto const part = rest.substr(0, rest.find(separator));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    return part;
}

/// The n-th part of a segment: its name is number 0. Of MSH, part n is field n + 1, because its first field is the separator.
std::string_view part_of(std::string_view segment, char separator, std::size_t n) {
    for (; n > 0 && !segment.empty(); --n)
        take_up_to(segment, separator);
    return take_up_to(segment, separator);
}

bool begins_as_message(std::string_view message) {
    return message.size() > 3 && message.starts_with("MSH") && static_cast<unsigned char>(message[3]) > 0x20;
}

std::string_view header_of(std::string_view message) { return message.substr(0, message.find(end_of_segment)); }

} // namespace

std::string as_message(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        auto const line = text.substr(0, text.find_first_of("\r\n"));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (!line.empty())
            out.append(line).append(1, end_of_segment);
    }
    return out;
}

std::string_view control_id(std::string_view message) {
    return begins_as_message(message) ? part_of(header_of(message), message[3], 9) : std::string_view{};
}

std::string fault_of(std::string_view message) {
    if (!begins_as_message(message))
        return "it must begin with a segment MSH, like MSH|^~\\&|DYAD|...";
    if (message.size() > longest_message)
        return "it has " + std::to_string(message.size()) + " bytes; " + std::to_string(longest_message) + " are the most";
    bool const controls = std::any_of(message.begin(), message.end(), [](char c) {
        auto const u = static_cast<unsigned char>(c);
        return (u < 0x20 && c != end_of_segment && c != '\t') || u == 0x7f;
    });
    if (controls)
        return "it holds control characters; write segments as lines, and nothing else between them";
    if (part_of(header_of(message), message[3], 8).empty())
        return "MSH-9, its type, is empty; say for example ZZZ^Z99";
    if (control_id(message).empty())
        return "MSH-10, its control id, is empty; the acknowledgement is recognized by it: say for example DYAD1";
    return {};
}

std::string framed(std::string_view message) {
    return std::string(1, start_of_block).append(message).append(1, end_of_block).append(1, end_of_segment);
}

ack_reader::progress ack_reader::feed(std::string_view bytes) {
    if (progress_ != progress::reading || bytes.empty())
        return progress_;
    if (!std::exchange(begun_, true)) {
        if (bytes.front() != start_of_block) {
            fail("the answer is not MLLP");
            return progress_;
        }
        bytes.remove_prefix(1);
    }
    auto const end = bytes.find(end_of_block);
    message_ += bytes.substr(0, std::min(end, longest_message + 1));
    if (message_.size() > longest_message)
        fail("the answer is longer than " + std::to_string(longest_message) + " bytes");
    else if (end != bytes.npos)
        read_message();
    return progress_;
}

void ack_reader::read_message() {
    if (!begins_as_message(message_))
        return fail("the answer is no HL7 message: it does not begin with MSH");
    char const separator = message_[3];
    for (std::string_view rest = message_; !rest.empty();) {
        auto const segment = take_up_to(rest, end_of_segment);
        if (!segment.starts_with("MSA") || segment.size() < 4 || segment[3] != separator)
            continue;
        ack_.code = part_of(segment, separator, 1);
        ack_.control_id = part_of(segment, separator, 2);
        ack_.text = part_of(segment, separator, 3);
        progress_ = progress::complete;
        return;
    }
    fail("the answer is no acknowledgement: it has no segment MSA");
}

void ack_reader::fail(std::string why) {
    fault_ = std::move(why);
    progress_ = progress::failed;
}

} // namespace balance::core::hl7
