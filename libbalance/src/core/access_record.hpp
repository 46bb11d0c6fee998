// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// What the access log says of a request or a connection. Pure.
namespace balance::core {

/// Why it ended.
enum class ending : std::uint8_t {
    answered,      ///< mode http: the server's answer went out as a whole
    own_answer,    ///< mode http: the balancer answered as it was told to
    refused,       ///< mode http: the balancer did not like the request
    over_limit,    ///< the client had more than its share
    no_header,     ///< whoever connected should have said who the client is, in a PROXY header, and did not
    no_server,     ///< none was up
    no_room,       ///< all had their maximum of connections for too long
    unreachable,   ///< none could be connected
    bad_answer,    ///< mode http: the server's words were no answer
    server_broke,  ///< the server reset it, or ended it too early
    server_late,   ///< mode http: the server took too long to answer
    client_late,   ///< mode http: the client took too long to ask
    client_broke,  ///< the client reset it, or ended it too early
    client_closed, ///< in order, the client first
    server_closed, ///< in order, the server first
    idle,          ///< nobody said anything for too long
    taken_out,     ///< the server went down, was halted or left the configuration
    cut            ///< the balancer ended it: its addresses have moved, or it stopped
};

/// In words.
[[nodiscard]] std::string_view words_of(ending e) noexcept;

struct access_record {
    using length = std::optional<std::chrono::microseconds>; ///< absent: it did not come so far

    std::chrono::system_clock::time_point at; ///< when it ended
    endpoint client;
    std::string_view service;
    std::string_view server{}; ///< empty: none
    bool http = false;         ///< the next four are there
    std::string_view method{}; ///< all three as the client sent them; empty: it was not understood
    std::string_view host{};
    std::string_view target{};
    unsigned status = 0;   ///< 0: there was no answer
    std::uint64_t in = 0;  ///< bytes, from the client to the server
    std::uint64_t out = 0; ///< bytes, to the client
    length queue{};        ///< until a server was chosen
    length connect{};      ///< from then until it was connected
    length answer{};       ///< mode http: from then until the head of the answer was there
    std::chrono::microseconds total{0};
    ending why = ending::answered;
};

/// Bytes that a line has at most.
inline constexpr std::size_t longest_record = 2048;
/// Of a client's words, bytes as they are written; what is longer is cut, and three dots stand behind the quotes.
inline constexpr std::size_t longest_method = 32;
inline constexpr std::size_t longest_host = 128;
inline constexpr std::size_t longest_target = 512;

/// Writes a line with its line feed, and returns its size. In quotes stand ASCII characters that can be seen, and spaces;
/// every other byte, a quote and a backslash are \xHH, so that nobody's words look like ours.
std::size_t write(std::span<char, longest_record> out, access_record const& r) noexcept;

/// The line that stands for records that could not be written.
std::size_t write_dropped(std::span<char, longest_record> out, std::chrono::system_clock::time_point at,
                          std::uint64_t count) noexcept;

} // namespace balance::core
