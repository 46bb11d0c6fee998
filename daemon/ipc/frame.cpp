// SPDX-License-Identifier: Apache-2.0
#include "ipc/frame.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cstdint>
#include <utility>

namespace dyad::ipc {

namespace {

constexpr std::size_t header_size = 4;

std::uint32_t read_word(char const* p) noexcept {
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < header_size; ++i) {
        word = word << 8 | static_cast<unsigned char>(p[i]);
    }
    return word;
}

auto broken(std::string text) { return balance::make_error(balance::errc::protocol_error, std::move(text)); }

} // namespace

balance::result<std::string> encode_frame(boost::json::object const& body, std::size_t descriptors) {
    auto const text = boost::json::serialize(body);
    if (text.size() > max_body || descriptors > max_descriptors) {
        return balance::make_error(balance::errc::refused, "a message between processes may have " +
                                                               std::to_string(max_body) + " bytes and " +
                                                               std::to_string(max_descriptors) + " descriptors, not " +
                                                               std::to_string(text.size()) + " and " +
                                                               std::to_string(descriptors) + "; send it in parts");
    }
    auto const word = static_cast<std::uint32_t>(descriptors << 24 | text.size());
    std::string bytes;
    bytes.reserve(header_size + text.size());
    for (int shift = 24; shift >= 0; shift -= 8) {
        bytes.push_back(static_cast<char>(word >> shift & 0xff));
    }
    return bytes += text;
}

balance::result<std::optional<frame_decoder::frame>> frame_decoder::next() {
    auto const available = buffer_.size() - consumed_;
    if (available < header_size) {
        compact();
        return std::optional<frame>{};
    }
    auto const word = read_word(buffer_.data() + consumed_);
    std::size_t const length = word & max_body;
    std::size_t const descriptors = word >> 24;
    if (descriptors > max_descriptors) {
        return broken("a message announces " + std::to_string(descriptors) + " descriptors");
    }
    if (available < header_size + length) {
        compact();
        return std::optional<frame>{};
    }
    boost::system::error_code ec;
    auto value = boost::json::parse(std::string_view(buffer_).substr(consumed_ + header_size, length), ec);
    if (ec) {
        return broken("a message is no JSON: " + ec.message());
    }
    if (!value.is_object()) {
        return broken("a message is no JSON object");
    }
    consumed_ += header_size + length;
    return std::optional<frame>{frame{std::move(value.get_object()), descriptors}};
}

void frame_decoder::compact() {
    buffer_.erase(0, std::exchange(consumed_, 0));
    if (buffer_.empty() && buffer_.capacity() > std::size_t{1} << 20) {
        buffer_.shrink_to_fit(); // a large configuration went through; small messages follow
    }
}

} // namespace dyad::ipc
