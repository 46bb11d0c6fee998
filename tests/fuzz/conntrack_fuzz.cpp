// SPDX-License-Identifier: Apache-2.0
// Anything at all as the kernel's message about a connection, and as what the peer tells of its own: no crash, and what
// is accepted survives another round.
#include "conntrack/codec.hpp"
#include "conntrack/message.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

using namespace balance::conntrack;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

namespace {

void kernel_says(byte_span message) {
    auto const read = decode(message);
    if (!read) {
        return;
    }
    auto const created = decode(encode_creation(read->entry));
    bool const same = created && created->entry.key == read->entry.key && !created->gone &&
                      created->entry.reply.source == read->entry.reply.source &&
                      created->entry.timeout == read->entry.timeout;
    if (!same || encode_update(read->entry).empty()) {
        std::abort();
    }
}

void peer_says(byte_span in) {
    auto const read = decode_message(in);
    if (!read || read->all) {
        return;
    }
    std::vector<std::byte> again{std::byte{1}, std::byte{0}};
    for (auto const& one : encode_changes(read->changes)) {
        again.insert(again.end(), one.begin() + 2, one.end());
    }
    if (!std::equal(again.begin(), again.end(), in.begin(), in.end())) {
        std::abort();
    }
}

} // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const in = std::as_bytes(std::span(data, size));
    kernel_says(in);
    peer_says(in);
    return 0;
}
