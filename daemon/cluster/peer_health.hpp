// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/server_states.hpp"

#include <balance/checker.hpp>
#include <balance/service.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dyad {

/// The stream between the nodes, see docs/PROTOCOL.md.
inline constexpr std::string_view health_channel = "health";

/// What one node tells the other of a server.
struct health_word {
    balance::server_key key;
    balance::endpoint target; ///< where that server is: the other node may know it elsewhere yet
    balance::health health = balance::health::unknown;
    std::string reason;

    bool operator==(health_word const&) const = default;
};

/// One message of the stream.
struct health_message {
    bool first = false;  ///< what was said before is forgotten: the first part of all there is
    bool active = false; ///< the sender is the active node
    std::vector<health_word> words;

    bool operator==(health_message const&) const = default;
};

/// Words in one message at most.
inline constexpr std::size_t words_in_a_message = 10'000;

std::string to_text(health_message const& m);
/// Nothing when it is no such message.
std::optional<health_message> parse_health_message(std::string_view bytes);

/// What the peer must be told yet. Pure.
class health_news {
public:
    void note(balance::server_key const& key) { changed_.insert(key); }
    void note_all() noexcept { all_ = true; }
    /// This node became active, or ceased to be.
    void note_state() noexcept { state_ = true; }
    [[nodiscard]] bool empty() const noexcept { return !all_ && !state_ && changed_.empty(); }

    /// The messages that tell it, after which nothing is left to tell.
    std::vector<health_message> take(server_states const& servers, bool active);

private:
    std::set<balance::server_key> changed_;
    bool all_ = false;
    bool state_ = false;
};

/// What the peer says of the servers. A word about a machine with another address or port says nothing. Pure.
class peer_health {
public:
    /// Words kept; further ones are dropped.
    explicit peer_health(std::size_t limit = 200'000) : limit_(limit) {}

    void take(health_message const& m);
    /// It cannot be heard any more.
    void forget();

    /// Unknown where nothing was said.
    [[nodiscard]] balance::health of(server_states::entry const& server) const;
    /// As `of` in words; empty: the peer is not heard.
    [[nodiscard]] std::string text_of(server_states::entry const& server) const;
    [[nodiscard]] std::string reason_of(server_states::entry const& server) const;

    /// What the active peer knows of servers that are unknown here and that are to be checked.
    [[nodiscard]] std::vector<balance::health_event> seeds(server_states const& servers) const;
    /// Of those that a message speaks of the ones that the active peer found otherwise than this node.
    [[nodiscard]] std::vector<balance::server_key> otherwise(health_message const& m, server_states const& servers) const;

private:
    struct said {
        balance::endpoint target;
        balance::health health = balance::health::unknown;
        std::string reason;
    };
    [[nodiscard]] said const* find(server_states::entry const& server) const;

    std::map<balance::server_key, said> words_;
    std::size_t limit_;
    bool heard_ = false;
    bool active_ = false;
};

/// The servers of which one node says up and the other down, in a sentence; empty: there are none. Pure.
std::string disagreement(server_states const& servers, peer_health const& peer);

} // namespace dyad
