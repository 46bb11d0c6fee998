// SPDX-License-Identifier: Apache-2.0
// How messages lie in the stream between our processes. A frame is one big-endian 32-bit word and a JSON object: the
// low 24 bits of the word are the object's length in bytes, the high 8 bits the number of descriptors that came with
// the frame's first byte. Pure.
#pragma once

#include <balance/error.hpp>

#include <boost/json/object.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dyad::ipc {

/// Largest object of one message, in bytes of JSON.
inline constexpr std::size_t max_body = (std::size_t{1} << 24) - 1;
/// Most descriptors that one message can carry; more go in several messages.
inline constexpr std::size_t max_descriptors = 64;

/// The bytes of a frame. Errors: `refused` when the object or the number of descriptors is beyond the limits above.
balance::result<std::string> encode_frame(boost::json::object const& body, std::size_t descriptors);

/// Cuts a stream into messages.
class frame_decoder {
public:
    struct frame {
        boost::json::object body;
        std::size_t descriptors = 0;
    };

    void append(std::string_view bytes) { buffer_.append(bytes); }

    /// The next whole message, or nothing yet. Errors: `protocol_error` for what is no frame; the stream is lost then.
    balance::result<std::optional<frame>> next();

    /// True in the middle of a message.
    [[nodiscard]] bool partial() const noexcept { return consumed_ < buffer_.size(); }

private:
    void compact();

    std::string buffer_;
    std::size_t consumed_ = 0;
};

} // namespace dyad::ipc
