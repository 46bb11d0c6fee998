// SPDX-License-Identifier: Apache-2.0
// What a proxy passes on of a head, and what it says itself. Pure.
#pragma once

#include "core/http_message.hpp"

#include <balance/service.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>

namespace balance::core::http {

/// Appends text to a buffer of fixed size; what does not fit is not written and said so.
class writer {
public:
    explicit writer(std::span<char> into) noexcept : into_(into) {}

    writer& operator<<(std::string_view text) noexcept {
        if (text.size() > into_.size() - size_) {
            overflow_ = true;
            return *this;
        }
        std::copy(text.begin(), text.end(), into_.begin() + static_cast<std::ptrdiff_t>(size_));
        size_ += text.size();
        return *this;
    }
    [[nodiscard]] bool overflow() const noexcept { return overflow_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    std::span<char> into_;
    std::size_t size_ = 0;
    bool overflow_ = false;
};

/// Does it ask for another protocol, of those that may pass? The server's 101 then makes a tunnel of the connection.
bool asks_upgrade(request const& r) noexcept;

/// Is HTTP/2 in clear among the protocols of its Upgrade fields?
bool offers_h2c(field_list const& fields) noexcept;

struct onward_request {
    std::string_view forwarded_for{}; ///< the client's address; empty: not told
    bool only_client = false;         ///< what the client itself says in X-Forwarded-For is left out
    std::string_view forwarded{};     ///< the client's address, told in Forwarded; empty: not told there
    bool keeps_forwarded = false;     ///< behind what the client itself says in Forwarded, which is left out else
    bool close = false;             ///< the server's connection ends with the answer
    std::string_view own_cookie{};    ///< name of ours, which is not passed on; empty: none
    bool secure = false;               ///< the client came in TLS, and the server is told so
    std::span<header_rule const> rules{};
};
/// The request as the server gets it: fields of one connection alone are left out (RFC 9110 7.6.1).
void write(writer& out, request const& r, onward_request const& how) noexcept;

struct onward_response {
    unsigned client_minor = 1;
    bool close = false;      ///< the client's connection ends with the answer
    std::string_view cookie{}; ///< name of ours, to be set; empty: not
    std::uint64_t cookie_number = 0;
    bool secure = false; ///< the client came in TLS: the cookie is for TLS alone
    std::chrono::seconds hsts{0}; ///< Strict-Transport-Security; 0: none
    std::span<header_rule const> rules{};
};
/// The answer as the client gets it.
void write(writer& out, response const& r, onward_response const& how) noexcept;

/// An answer of our own, whole, which ends the connection. `to_head`: without its body. 503 has a page for people.
std::string own_response(std::uint16_t status, bool to_head);

/// 429 of our own, after which the connection ends; `wait` is at least a second.
std::string too_many_requests(std::chrono::seconds wait, bool to_head);

/// An answer of our own that sends the client to the same place in TLS, and ends the connection. Empty when the request does
/// not say which place that is.
std::string redirect(std::uint16_t status, std::uint16_t port, request const& r);

} // namespace balance::core::http
