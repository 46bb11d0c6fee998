// SPDX-License-Identifier: Apache-2.0
#include "probe/dicom_codec.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>
#include <vector>

namespace balance::probe::dicom {
namespace {

constexpr std::string_view application_context = "1.2.840.10008.3.1.1.1"; // PS3.7 annex A.2.1
constexpr std::string_view verification = "1.2.840.10008.1.1";            // PS3.4 annex A.4
constexpr std::string_view study_search = "1.2.840.10008.5.1.4.1.2.2.1";  // PS3.4 annex C.6.2
constexpr std::string_view implicit_little_endian = "1.2.840.10008.1.2";  // PS3.5 annex A.1

constexpr char context_number = 1;
constexpr std::size_t pdu_head = 6;
constexpr std::size_t longest_title = 16;
constexpr std::size_t fixed_part = 68; ///< of an association's request and answer, before the items (PS3.8 §9.3.2)
constexpr std::size_t longest_command = 4096;

enum item : std::uint8_t { // PS3.8 §9.3.2, annex D
    item_application_context = 0x10,
    item_context_proposed = 0x20,
    item_context_answered = 0x21,
    item_abstract_syntax = 0x30,
    item_transfer_syntax = 0x40,
    item_user_information = 0x50,
    item_longest_pdu = 0x51,
    item_class_uid = 0x52,
    item_version = 0x55
};

enum element : std::uint16_t { // of group 0000 (PS3.7 annex E.1)
    group_length = 0x0000,
    affected_class = 0x0002,
    command_field = 0x0100,
    own_message_id = 0x0110,
    answered_message_id = 0x0120,
    priority = 0x0700,
    data_set_type = 0x0800,
    status_field = 0x0900
};

constexpr std::uint16_t c_echo_request = 0x0030;
constexpr std::uint16_t c_echo_response = 0x8030;
constexpr std::uint16_t c_find_request = 0x0020;
constexpr std::uint16_t medium_priority = 0;
constexpr std::uint16_t no_data_set = 0x0101;
constexpr std::uint16_t any_data_set = 0x0001;
constexpr std::uint8_t last_of_command = 3, last_of_data = 2; ///< PS3.8 annex E.2

std::string_view class_for(purpose p) { return p == purpose::search ? study_search : verification; }

std::uint8_t octet(std::string_view s, std::size_t at) { return static_cast<std::uint8_t>(s[at]); }

// Of PDUs: the greatest byte first.
std::uint32_t be16(std::string_view s, std::size_t at) { return octet(s, at) * 256u + octet(s, at + 1); }
std::uint32_t be32(std::string_view s, std::size_t at) { return be16(s, at) * 65536u + be16(s, at + 2); }
// Of commands: the least byte first.
std::uint32_t le16(std::string_view s, std::size_t at) { return octet(s, at) + octet(s, at + 1) * 256u; }
std::uint32_t le32(std::string_view s, std::size_t at) { return le16(s, at) + le16(s, at + 2) * 65536u; }

void put_be16(std::string& to, std::size_t n) {
    to += static_cast<char>(n >> 8 & 0xff);
    to += static_cast<char>(n & 0xff);
}
void put_be32(std::string& to, std::size_t n) {
    put_be16(to, n >> 16 & 0xffff);
    put_be16(to, n & 0xffff);
}
void put_le16(std::string& to, std::size_t n) {
    to += static_cast<char>(n & 0xff);
    to += static_cast<char>(n >> 8 & 0xff);
}
void put_le32(std::string& to, std::size_t n) {
    put_le16(to, n & 0xffff);
    put_le16(to, n >> 16 & 0xffff);
}

std::string of_pdu(pdu_type type, std::string const& body) {
    std::string out{static_cast<char>(type), '\0'};
    put_be32(out, body.size());
    return out + body;
}

std::string of_item(item type, std::string_view content) {
    std::string out{static_cast<char>(type), '\0'};
    put_be16(out, content.size());
    return out.append(content);
}

std::string padded(std::string_view title) {
    std::string out(title.substr(0, longest_title));
    out.resize(longest_title, ' ');
    return out;
}

std::string of_element(std::uint16_t group, std::uint16_t number, std::string_view content) {
    std::string out;
    put_le16(out, group);
    put_le16(out, number);
    put_le32(out, content.size());
    return out.append(content);
}

std::string of_element(element number, std::string_view content) { return of_element(0, number, content); }

std::string of_element(element number, std::uint16_t content) {
    std::string value;
    put_le16(value, content);
    return of_element(number, value);
}

/// PS3.5 §6.2: values have an even length.
std::string even(std::string_view text, char padding) {
    std::string out(text);
    out.append(text.size() % 2, padding);
    return out;
}

std::string of_fragment(std::uint8_t control, std::string const& content) {
    std::string body;
    put_be32(body, content.size() + 2);
    body += context_number;
    body += static_cast<char>(control);
    return of_pdu(pdu_type::data, body + content);
}

std::string of_command(std::string const& elements) {
    std::string length;
    put_le32(length, elements.size());
    return of_fragment(last_of_command, of_element(group_length, length) + elements);
}

/// The next item of `rest`, which is shortened by it; nothing when it does not fit.
std::optional<std::pair<std::uint8_t, std::string_view>> take_item(std::string_view& rest) {
    if (rest.size() < 4)
        return std::nullopt;
    std::size_t const size = be16(rest, 2);
    if (rest.size() - 4 < size)
        return std::nullopt;
    std::pair const out{octet(rest, 0), rest.substr(4, size)};
    rest.remove_prefix(4 + size);
    return out;
}

/// A UID of a command ends with a null byte where its length would be odd; some write spaces.
std::string_view without_padding(std::string_view uid) {
    auto const last = uid.find_last_not_of(std::string_view("\0 ", 2));
    return uid.substr(0, last == uid.npos ? 0 : last + 1);
}

std::string unknown(std::string_view what, std::uint8_t n) { return std::string(what) + " " + std::to_string(n); }

std::string context_refused(std::uint8_t result, purpose p) { // PS3.8 table 9-18
    std::array<std::string_view, 4> const words{
        "by its user", "without a reason",
        p == purpose::search ? "the search for studies is not supported" : "verification is not supported",
        "implicit VR little endian is not supported"};
    return result >= 1 && result <= words.size() ? std::string(words[result - 1u]) : unknown("with result", result);
}

std::string judge_context(std::string_view content, purpose p) {
    if (content.size() < 4)
        return "its presentation context is cut off";
    if (content[0] != context_number)
        return "it answers a presentation context that nobody proposed";
    if (auto const result = octet(content, 2); result != 0)
        return "the presentation context was refused: " + context_refused(result, p);
    content.remove_prefix(4);
    auto const syntax = take_item(content);
    if (!syntax || syntax->first != item_transfer_syntax)
        return "it accepts without a transfer syntax";
    if (without_padding(syntax->second) != implicit_little_endian)
        return "it chose a transfer syntax that nobody proposed";
    return {};
}

} // namespace

implementation const& our_implementation() {
    static implementation const ours{"2.25.12339060262375261487563102697352121114", "DYAD"};
    return ours;
}

std::string associate_request(std::string_view calling, std::string_view called, implementation const& who, purpose p) {
    std::string body;
    put_be16(body, 1); // protocol version
    put_be16(body, 0);
    body += padded(called);
    body += padded(calling);
    body.append(32, '\0');
    body += of_item(item_application_context, application_context);
    std::string context{context_number, '\0', '\0', '\0'};
    context += of_item(item_abstract_syntax, class_for(p));
    context += of_item(item_transfer_syntax, implicit_little_endian);
    body += of_item(item_context_proposed, context);
    std::string longest;
    put_be32(longest, longest_pdu);
    body += of_item(item_user_information, of_item(item_longest_pdu, longest) + of_item(item_class_uid, who.class_uid) +
                                               of_item(item_version, who.version));
    return of_pdu(pdu_type::associate_request, body);
}

std::string echo_request(std::uint16_t message_id) {
    return of_command(of_element(affected_class, even(verification, '\0')) + of_element(command_field, c_echo_request) +
                      of_element(own_message_id, message_id) + of_element(data_set_type, no_data_set));
}

std::string find_request(std::uint16_t message_id, core::dicom_key const& key) {
    constexpr std::uint16_t study = 0x0020, study_uid = 0x000d;
    bool const by_uid = key.group == study && key.element == study_uid;
    std::vector<core::dicom_key> elements{{0x0008, 0x0052, "STUDY"}, key}; // Query/Retrieve Level
    if (!by_uid)
        elements.push_back({study, study_uid, ""});
    std::sort(elements.begin(), elements.end(),
              [](auto const& a, auto const& b) { return std::tie(a.group, a.element) < std::tie(b.group, b.element); });
    std::string data;
    for (auto const& e : elements)
        data += of_element(e.group, e.element, even(e.value, e.group == study && e.element == study_uid ? '\0' : ' '));
    return of_command(of_element(affected_class, even(study_search, '\0')) + of_element(command_field, c_find_request) +
                      of_element(own_message_id, message_id) + of_element(priority, medium_priority) +
                      of_element(data_set_type, any_data_set)) +
           of_fragment(last_of_data, data);
}

std::string release_request() { return of_pdu(pdu_type::release_request, std::string(4, '\0')); }
std::string release_response() { return of_pdu(pdu_type::release_response, std::string(4, '\0')); }
std::string abort() { return of_pdu(pdu_type::abort, std::string(4, '\0')); }

std::optional<pdu> pdu_reader::next() {
    if (!fault_.empty() || pending_.empty())
        return std::nullopt;
    auto const type = octet(pending_, 0);
    if (type < 1 || type > 7) {
        fault_ = "the answer is not DICOM";
        return std::nullopt;
    }
    if (pending_.size() < pdu_head)
        return std::nullopt;
    std::size_t const size = be32(pending_, 2);
    if (size > longest_pdu) {
        fault_ = "a PDU of " + std::to_string(size) + " bytes is longer than the " + std::to_string(longest_pdu) +
                 " that were agreed";
        return std::nullopt;
    }
    if (pending_.size() - pdu_head < size)
        return std::nullopt;
    pdu out{type, pending_.substr(pdu_head, size)};
    pending_.erase(0, pdu_head + size);
    return out;
}

std::string refusal_in_accept(std::string_view body, purpose p) {
    if (body.size() < fixed_part)
        return "it is cut off";
    body.remove_prefix(fixed_part);
    while (!body.empty()) {
        auto const item = take_item(body);
        if (!item)
            return "one of its items is cut off";
        if (item->first == item_context_answered)
            return judge_context(item->second, p);
    }
    return "it has no presentation context";
}

std::string words_of_reject(std::string_view body) { // PS3.8 table 9-21
    if (body.size() < 4)
        return "without a reason";
    auto const source = octet(body, 2);
    auto const reason = octet(body, 3);
    std::string text;
    if (source == 1)
        text = reason == 1   ? "no reason given"
               : reason == 2 ? "application context not supported"
               : reason == 3 ? "calling AE title not recognized"
               : reason == 7 ? "called AE title not recognized"
                             : unknown("reason", reason);
    else if (source == 2)
        text = reason == 1   ? "no reason given"
               : reason == 2 ? "protocol version not supported"
                             : unknown("reason", reason);
    else
        text = reason == 1   ? "temporary congestion"
               : reason == 2 ? "local limit exceeded"
                             : unknown("reason", reason);
    return text + (octet(body, 1) == 2 ? " (transient)" : " (permanent)");
}

std::string words_of_abort(std::string_view body) { // PS3.8 table 9-26
    if (body.size() < 4 || octet(body, 2) != 2)
        return "by its user";
    constexpr std::array<std::string_view, 7> words{
        "no reason given",          "unrecognized PDU",         "unexpected PDU",         "reserved",
        "unrecognized PDU parameter", "unexpected PDU parameter", "invalid PDU parameter"};
    auto const reason = octet(body, 3);
    return "by its provider: " + (reason < words.size() ? std::string(words[reason]) : unknown("reason", reason));
}

bool response_reader::fail(std::string why) {
    fault_ = std::move(why);
    return false;
}

std::optional<fragment> take_fragment(std::string_view& body, std::string& fault) {
    if (body.size() < 6 || be32(body, 0) < 2 || body.size() - 4 < be32(body, 0)) {
        fault = "the answer is cut off";
        return std::nullopt;
    }
    std::size_t const size = be32(body, 0);
    if (body[4] != context_number) {
        fault = "the answer is on a presentation context that nobody proposed";
        return std::nullopt;
    }
    auto const control = octet(body, 5);
    fragment const out{(control & 1) != 0, (control & 2) != 0, body.substr(6, size - 2)};
    body.remove_prefix(4 + size);
    return out;
}

bool response_reader::feed(std::string_view body) {
    while (!body.empty() && !complete_) {
        auto const part = take_fragment(body, fault_);
        if (!part)
            return false;
        if (!part->of_command)
            return fail("the answer brings data where a response belongs");
        command_ += part->content;
        if (command_.size() > longest_command)
            return fail("the answer does not end");
        complete_ = part->last;
    }
    return true;
}

std::optional<command> read_command(std::string_view bytes) {
    command out;
    for (std::string_view rest = bytes; !rest.empty();) {
        if (rest.size() < 8 || rest.size() - 8 < le32(rest, 4) || le16(rest, 0) != 0)
            return std::nullopt;
        std::size_t const size = le32(rest, 4);
        auto const number = le16(rest, 2);
        auto* const value = number == command_field         ? &out.field
                            : number == answered_message_id ? &out.answered
                            : number == data_set_type       ? &out.data_set
                            : number == status_field        ? &out.status
                                                            : nullptr;
        if (value != nullptr && size == 2)
            *value = le16(rest, 8);
        rest.remove_prefix(8 + size);
    }
    return out;
}

std::string command::fault_as(std::uint32_t response, std::string_view name, std::uint16_t message_id) const {
    if (field != response)
        return "the answer is no response to " + std::string(name);
    if (answered != message_id)
        return "the answer belongs to another request";
    return status ? std::string() : "the answer has no status";
}

bool command::brings_data() const noexcept { return data_set && *data_set != no_data_set; }

std::optional<std::uint16_t> response_reader::status(std::uint16_t message_id) {
    auto const whole = read_command(command_);
    fault_ = whole ? whole->fault_as(c_echo_response, "C-ECHO", message_id) : "the answer's command cannot be read";
    return fault_.empty() ? std::optional(static_cast<std::uint16_t>(*whole->status)) : std::nullopt;
}

} // namespace balance::probe::dicom
