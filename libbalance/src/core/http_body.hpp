// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/http_message.hpp"

namespace balance::core::http {

/// Follows a body to its end without keeping any of it. What it lets through is passed on byte for byte, chunk sizes and
/// trailers included, so it lets through only what all readers understand alike.
class body_reader {
public:
    /// Bytes of chunk sizes, extensions and trailers of a body that are not its content; what exceeds this is refused.
    static constexpr std::size_t most_trailer = 8192;
    static constexpr std::size_t most_extension = 256; ///< of one chunk

    void start(message_facts const& m) noexcept;

    /// How many of these bytes belong to the body; less than all when it ends, or fails, among them.
    [[nodiscard]] std::size_t take(std::string_view bytes) noexcept;

    [[nodiscard]] bool complete() const noexcept { return stage_ == stage::done; }
    [[nodiscard]] bool failed() const noexcept { return stage_ == stage::failed; }
    /// Does the end of the connection end it?
    [[nodiscard]] bool ends_with_connection() const noexcept { return stage_ == stage::to_the_end; }

private:
    enum class stage : std::uint8_t {
        done,
        failed,
        counted,
        to_the_end,
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailer_name,
        trailer_value,
        trailer_lf,
        last_lf
    };

    [[nodiscard]] stage after(char c) noexcept;
    [[nodiscard]] stage after_size_character(char c) noexcept;
    [[nodiscard]] stage after_trailer_name(char c) noexcept;

    stage stage_ = stage::done;
    std::uint64_t left_ = 0;       ///< of a counted body or of a chunk
    unsigned digits_ = 0;          ///< of the chunk's size so far
    std::size_t extension_ = 0;    ///< bytes of this chunk's extension
    std::size_t trailer_ = 0;      ///< bytes of trailers
    std::array<char, 24> name_{};  ///< the beginning of a trailer's name, in lower case
    std::size_t name_size_ = 0;
};

} // namespace balance::core::http
