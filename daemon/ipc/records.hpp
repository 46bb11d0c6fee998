// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/persistence.hpp>

#include <boost/json/object.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dyad::ipc {

/// Bytes of persistence entries that go into one message.
inline constexpr std::size_t records_in_a_message = std::size_t{16} << 10;

/// {"type":"records","bytes"}: what a `balance::persistence_writer` wrote, in base64.
boost::json::object records_message(std::string_view bytes);

/// The entries in such a message, and the bytes that their names lie in.
struct received_records {
    std::string bytes;
    std::vector<balance::persistence_record> entries;
};
/// Errors: `protocol_error`.
balance::result<received_records> records_in(boost::json::object const& message);

} // namespace dyad::ipc
