// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/http_body.hpp"
#include "proxy/buffer_pool.hpp"
#include "proxy/relay.hpp"

#include <cstddef>
#include <string_view>

namespace balance::layer7 {

/// One direction of an HTTP exchange: bytes as they came in one buffer, and in another the head as it goes on. A stream
/// that holds nothing has no buffers.
///
///     begin_      sent_       ready_        end_
///       | passed on | goes on   | not looked at |
///
/// What is passed on is kept as long as it may have to be sent again.
class http_stream {
public:
    explicit http_stream(buffer_pool& pool) : pool_(pool) {}

    /// Reads once into what is free of the buffer; all that was read before must have been claimed or leave some room.
    transfer receive(relay_end& from) noexcept;
    /// Sends head and body as far as they are there. `done`: all of it.
    transfer send(relay_end& to, std::array<std::atomic<std::uint64_t>*, 2> const& counted) noexcept;

    /// Bytes that no message has claimed yet.
    [[nodiscard]] std::string_view unread() const noexcept { return {in_ + ready_, end_ - ready_}; }
    /// A head was read from the front of `unread`; it is rewritten into what `head_space` gives.
    void take_head(std::size_t size) noexcept;
    [[nodiscard]] std::span<char> head_space();
    void set_head(std::size_t size) noexcept { head_size_ = size; head_sent_ = 0; }
    /// Puts words of our own in place of all that was to go on.
    void say(std::string_view words);
    /// Hands on what of `unread` belongs to the body. False when the body is malformed.
    [[nodiscard]] bool take_body() noexcept;
    /// Bytes handed on since the head, chunk sizes among them.
    [[nodiscard]] std::uint64_t body_size() const noexcept { return body_size_; }
    /// Hands on everything, whatever it is.
    void take_all() noexcept { ready_ = end_; }
    /// Bytes sent since the beginning of this stream's life, heads among them.
    [[nodiscard]] std::uint64_t passed() const noexcept { return passed_; }
    /// Forgets everything.
    void discard() noexcept { begin_ = sent_ = ready_ = end_; }

    /// From now on what was passed on is forgotten.
    void forget() noexcept;
    /// Sends all again from the head on.
    void rewind() noexcept { sent_ = begin_; head_sent_ = 0; }
    [[nodiscard]] bool can_rewind() const noexcept { return kept_; }

    [[nodiscard]] bool is_empty() const noexcept { return sent_ == end_ && head_sent_ == head_size_; }
    [[nodiscard]] bool has_to_send() const noexcept { return sent_ < ready_ || head_sent_ < head_size_; }
    /// Gives back buffers that hold nothing.
    void release() noexcept;
    void clear() noexcept;

    core::http::body_reader body;
    bool ended = false; ///< the sender has said its last

private:
    buffer_pool& pool_;
    char* in_ = nullptr;
    std::size_t begin_ = 0;
    std::size_t sent_ = 0;
    std::size_t ready_ = 0;
    std::size_t end_ = 0;
    char* head_ = nullptr;
    std::size_t head_sent_ = 0;
    std::size_t head_size_ = 0;
    std::uint64_t body_size_ = 0;
    std::uint64_t passed_ = 0;
    bool kept_ = false; ///< all of the message from its head on is still here
};

} // namespace balance::layer7
