// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace balance::core {

/// Reads one HTTP/1 response (RFC 9112) as a health check needs it, a few bytes at a time, in bounded memory.
///
/// Generous where servers are sloppy and nothing is at stake (bare LF, odd header lines); strict where a mistake would
/// make it wait for the wrong end of a body. Interim responses (1xx) are skipped.
class http_response {
public:
    struct limits {
        std::size_t head = 16384; ///< status line and header fields, of all interim responses together
        std::size_t body = 65536; ///< bytes of the body that are kept
    };

    enum class progress : std::uint8_t {
        head,      ///< needs more bytes of the head
        body,      ///< the head is known, needs more bytes of the body
        complete,  ///< all is there
        truncated, ///< the body is longer than the limit; the first `limits.body` bytes are kept, the rest is not
                   ///< wanted
        failed     ///< `fault()` says why; nothing that follows is read
    };

    /// `head_request`: the answer to HEAD, which has no body whatever its fields say.
    http_response(limits l, bool head_request);

    /// Takes in what was received. Bytes after the end of the response are ignored.
    progress feed(std::string_view bytes);

    /// The peer will send no more: the end of a body without a length, a fault anywhere else.
    progress finish();

    [[nodiscard]] progress state() const noexcept { return progress_; }
    [[nodiscard]] std::uint16_t status() const noexcept { return status_; }        ///< 0 before the head is known
    [[nodiscard]] std::string_view reason() const noexcept { return reason_; }     ///< of the status line, may be empty
    [[nodiscard]] std::string_view location() const noexcept { return location_; } ///< of a redirect
    [[nodiscard]] std::string_view body() const noexcept { return body_; }
    [[nodiscard]] std::string_view fault() const noexcept { return fault_; }

private:
    enum class stage : std::uint8_t {
        status_line,
        field,
        counted,
        to_the_end,
        chunk_size,
        chunk_data,
        chunk_end,
        trailer
    };

    void take_line();
    void status_line(std::string_view line);
    void field_line(std::string_view line);
    void head_done();
    void chunk_size_line(std::string_view line);
    std::string_view take_body(std::string_view bytes);
    bool content_length(std::string_view value);
    void transfer_encoding(std::string_view value);
    void fail(std::string why);
    [[nodiscard]] bool done() const noexcept { return progress_ > progress::body; }

    limits limits_;
    bool head_request_;
    progress progress_ = progress::head;
    stage stage_ = stage::status_line;
    std::size_t line_bytes_ = 0; ///< of the head or the chunk framing so far
    std::string line_;           ///< the line being read
    std::uint16_t status_ = 0;
    std::string reason_;
    std::string location_;
    std::string body_;
    std::string fault_;
    std::optional<std::uint64_t> length_; ///< Content-Length
    std::uint64_t remaining_ = 0;         ///< of the counted body or the chunk
    bool encoded_ = false;                ///< there is a Transfer-Encoding
    bool chunked_ = false;                ///< and chunked is its last word
};

} // namespace balance::core
