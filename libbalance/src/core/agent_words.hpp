// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace balance::core {

/// What a feedback agent says in one line, in HAProxy's words: "75%", "up", "down", "fail", "stopped", "drain", "maint",
/// "ready", "maxconn:30", with spaces, tabs or commas between them; behind # everything is a comment.
struct agent_words {
    enum class operation : std::uint8_t { up, down };
    enum class administration : std::uint8_t { ready, drain, maint };

    std::optional<std::uint16_t> per_cent; ///< of the configured weight, as it was said: more than 100 is possible
    std::optional<operation> runs;
    std::optional<administration> is;
    std::optional<std::uint32_t> most_connections;

    bool operator==(agent_words const&) const = default;
};

/// The longest line that is looked at.
inline constexpr std::size_t longest_agent_line = 1024;

/// Nothing when a word is not understood, or there is none at all: an agent that is not understood says nothing. Reads up
/// to the end of the first line.
[[nodiscard]] std::optional<agent_words> parse_agent(std::string_view text);

/// What all that an agent has said comes to: what it leaves out stays as it was.
class agent_state {
public:
    void take(agent_words const& said) noexcept;

    /// Per cent of the server's weight, at most 100; 0: no new connections.
    [[nodiscard]] std::uint16_t share() const noexcept;

    /// Connections that the server may have; 0: it names no number, or took it back with "maxconn:0".
    [[nodiscard]] std::uint32_t most_connections() const noexcept { return most_connections_; }

private:
    std::uint16_t per_cent_ = 100;
    bool down_ = false;
    bool out_ = false; ///< drain or maint
    std::uint32_t most_connections_ = 0;
};

} // namespace balance::core
