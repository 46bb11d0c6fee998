// SPDX-License-Identifier: Apache-2.0
#include "ipc/records.hpp"

#include "ipc/base64.hpp"
#include "ipc/fields.hpp"

#include <cstdint>

namespace dyad::ipc {

boost::json::object records_message(std::string_view bytes) {
    return {{"type", "records"}, {"bytes", to_base64({reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size()})}};
}

balance::result<received_records> records_in(boost::json::object const& message) {
    fields from(message);
    auto const text = from.make(from.text("bytes"));
    if (!text) {
        return text.error();
    }
    auto const bytes = from_base64(*text);
    if (!bytes) {
        return balance::make_error(balance::errc::protocol_error, "\"bytes\" is no base64");
    }
    // Not in a small string's own place, where a move would leave the names behind.
    received_records out;
    out.bytes.reserve(sizeof(std::string) + bytes->size());
    out.bytes.assign(bytes->begin(), bytes->end());
    auto entries = balance::read_persistence(out.bytes);
    if (!entries) {
        return entries.error();
    }
    out.entries = std::move(*entries);
    return out;
}

} // namespace dyad::ipc
