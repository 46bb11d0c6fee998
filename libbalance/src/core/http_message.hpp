// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// Heads of HTTP/1 messages (RFC 9110, RFC 9112) as a proxy must read them: whatever two readers could understand
/// differently is refused. Nothing is copied or allocated; all views point into the bytes that were read.
namespace balance::core::http {

struct field {
    std::string_view name;
    std::string_view value; ///< without blanks around it
};

/// How the end of a body is found.
enum class framing : std::uint8_t {
    none,      ///< there is no body
    counted,   ///< Content-Length bytes
    chunked,   ///< Transfer-Encoding: chunked
    to_the_end ///< all until the connection ends; responses only
};

/// Fields of a head, in their order.
class field_list {
public:
    static constexpr std::size_t most = 101;

    [[nodiscard]] std::span<field const> all() const noexcept { return {fields_.data(), size_}; }
    void clear() noexcept { size_ = 0; }
    /// False when there is no room.
    [[nodiscard]] bool add(field f) noexcept {
        if (size_ == most)
            return false;
        fields_[size_++] = f;
        return true;
    }

private:
    std::array<field, most> fields_;
    std::size_t size_ = 0;
};

/// What both kinds of head say, beside their fields.
struct message_facts {
    unsigned minor = 1; ///< of HTTP/1.x: 0 or 1
    http::framing framing = framing::none;
    std::uint64_t length = 0;  ///< of a counted body
    bool close = false;        ///< Connection: close
    bool keep_alive = false;   ///< Connection: keep-alive
    bool upgrade = false;      ///< Connection: upgrade, with an Upgrade field
    bool drops_named = false;  ///< Connection names fields of this connection alone
};
struct request_facts : message_facts {
    std::string_view method;
    std::string_view target; ///< origin form ("/…") or "*"
    std::string_view host;   ///< of an absolute target, else of the field; empty only in HTTP/1.0
    bool host_in_target = false;
    bool expects_continue = false;
};
struct response_facts : message_facts {
    std::uint16_t status = 0;
    std::string_view reason;
};

/// Heads, to be used again and again: filling the room for fields anew for each would cost more than reading one.
template <class Facts>
struct head : Facts {
    field_list fields;

    void reset() noexcept {
        static_cast<Facts&>(*this) = {};
        fields.clear();
    }
};
using request = head<request_facts>;
using response = head<response_facts>;

/// Finds the end of a head in bytes that come little by little.
class head_finder {
public:
    enum class outcome : std::uint8_t { incomplete, complete, malformed };

    /// `bytes` is all there is of the head so far; what an earlier call saw is not looked at again.
    outcome look(std::string_view bytes) noexcept;
    /// Empty lines before the head, which RFC 9112 2.2 has us skip.
    [[nodiscard]] std::size_t begin() const noexcept { return begin_; }
    /// One behind the empty line that ends the head; valid when complete.
    [[nodiscard]] std::size_t end() const noexcept { return line_; }
    void reset() noexcept { *this = {}; }

private:
    std::size_t begin_ = 0;
    std::size_t line_ = 0;  ///< where the current line begins
    std::size_t seen_ = 0;
    bool complete_ = false;
};

/// Reads a whole head, from the first line to the empty one. Returns 0, or the status to refuse it with: 400, 414, 417,
/// 431, 501 or 505.
std::uint16_t parse(std::string_view head, request& out) noexcept;

/// The same of a response; false when it is malformed. `to_head`: it answers HEAD.
bool parse(std::string_view head, bool to_head, response& out) noexcept;

/// Is it the same word, whatever the case of its ASCII letters?
bool same(std::string_view a, std::string_view b) noexcept;

/// The first field of that name, or null.
field const* find(field_list const& fields, std::string_view name) noexcept;

/// Is the field named by one of the Connection fields?
bool named_by_connection(field_list const& fields, std::string_view name) noexcept;

/// Calls `each(pair, name, value)` for the pairs of Cookie fields until it returns false; `pair` is all of it. What is no
/// pair comes with an empty name.
template <class Each>
void for_each_cookie(std::string_view field_value, Each each) {
    while (!field_value.empty()) {
        auto const end = std::min(field_value.find(';'), field_value.size());
        auto pair = field_value.substr(0, end);
        field_value.remove_prefix(std::min(end + 1, field_value.size()));
        while (!pair.empty() && (pair.front() == ' ' || pair.front() == '\t'))
            pair.remove_prefix(1);
        while (!pair.empty() && (pair.back() == ' ' || pair.back() == '\t'))
            pair.remove_suffix(1);
        auto const equals = pair.find('=');
        auto const name = equals == pair.npos ? std::string_view() : pair.substr(0, equals);
        if (!each(pair, name, equals == pair.npos ? pair : pair.substr(equals + 1)))
            return;
    }
}

/// The number that the cookie of that name says, in 16 hexadecimal digits; 0 when there is none. The first counts.
std::uint64_t cookie_number(field_list const& fields, std::string_view name) noexcept;

/// The value of the first cookie of that name; empty when there is none.
std::string_view cookie_value(field_list const& fields, std::string_view name) noexcept;

/// What the last Set-Cookie of that name sets (RFC 6265 5.2); empty when there is none.
std::string_view set_cookie_value(field_list const& fields, std::string_view name) noexcept;

/// Methods that may be sent twice (RFC 9110 9.2.2).
bool is_idempotent(std::string_view method) noexcept;

/// Character classes of RFC 9110.
bool is_token(std::string_view text) noexcept;
bool is_field_value(std::string_view text) noexcept;

} // namespace balance::core::http
