// SPDX-License-Identifier: Apache-2.0
#include "ipvs/attributes.hpp"

namespace balance::ipvs {
namespace {

/// No message here is longer, unless a name in it is longer than the kernel takes.
constexpr std::size_t usual_size = 160;

} // namespace

attribute_writer::attribute_writer(byte_span head) : out_(std::max(usual_size, head.size())), size_(head.size()) {
    std::copy(head.begin(), head.end(), out_.begin());
}

void attribute_writer::put_string(std::uint16_t type, std::string_view text) {
    auto const room = grow(type, text.size() + 1);
    text.copy(reinterpret_cast<char*>(room.data()), room.size());
}

std::string_view attribute::string() const {
    std::string_view const all(reinterpret_cast<char const*>(payload.data()), payload.size());
    return all.substr(0, all.find('\0'));
}

} // namespace balance::ipvs
