// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/replication_message.hpp"

#include <string>
#include <string_view>

namespace cluster::wire::replication {

/// The message as a frame: length, number, body. Texts that are too long are cut; names are the caller's to bound.
std::string encode(message const& m);

/// Size of the frame of `prepare` without encoding it.
std::size_t prepare_size(generation const& g);

/// The reverse for one frame's content (number and body). Errors: `protocol_error` naming the field.
result<message> decode(std::string_view content);

/// Cuts a byte stream into frames. Holds at most one frame of the permitted size plus what was fed last.
class frame_reader {
public:
    explicit frame_reader(std::size_t limit) : limit_(limit) {}

    /// Longest content (number and body) that is accepted from now on, in bytes.
    void limit(std::size_t bytes) noexcept { limit_ = bytes; }
    void feed(std::string_view bytes);
    /// Content of the next whole frame, valid until the next `feed`; empty when more bytes are needed.
    /// Errors: `protocol_error` for a length of zero or above the limit; the stream is beyond repair then.
    result<std::string_view> next();

private:
    std::size_t limit_;
    std::string buffer_;
    std::size_t begin_ = 0;
};

} // namespace cluster::wire::replication
