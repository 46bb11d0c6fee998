// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/key.hpp>
#include <cluster/types.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cluster {

/// What two nodes that become a pair both know: 128 random bits, shown by one and typed at the other, for one use.
/// Wiped from memory when destroyed.
class [[gnu::visibility("default")]] pairing_token {
public:
    static pairing_token generate();
    /// As a person typed it. Errors: `refused`, when it cannot be one.
    static result<pairing_token> parse(std::string_view typed);

    pairing_token(pairing_token const&) = default;
    pairing_token& operator=(pairing_token const&) = default;
    ~pairing_token();

    /// Seven groups of four characters.
    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::array<std::uint8_t, 16> const& bytes() const noexcept { return bytes_; }

private:
    explicit pairing_token(std::array<std::uint8_t, 16> const& bytes) : bytes_(bytes) {}
    std::array<std::uint8_t, 16> bytes_;
};

/// How a node introduces itself.
struct pairing_introduction {
    std::string name;
    std::uint16_t heartbeat_port = 6694;
    std::uint16_t replication_port = 7778;
    std::vector<std::string> links; ///< names of its heartbeat links; none: one is made of the addresses used here
};

/// Both ends of the connection, as the node sees them that is asked.
struct pairing_path {
    address local;
    address peer;
};

/// The node that is to become a secondary: waits for one that knows the token.
///
/// Everything on the executor's only thread. Handlers may destroy the object.
class [[gnu::visibility("default")]] pairing_host {
public:
    struct settings {
        std::string name{};
        std::vector<address> listen{}; ///< the node's own addresses
        std::uint16_t port = 7778;
        milliseconds life{600'000};      ///< of the token
        milliseconds first_delay{1'000}; ///< after a wrong token; doubles with each
        unsigned most_wrong = 5;         ///< wrong tokens that end it
    };
    struct handlers {
        /// May the node be this one's primary? Errors are told to it; the token stays good.
        std::function<result<>(pairing_introduction const&, pairing_path const&)> asked;
        /// Keep this. Errors are told to it, and end the token's life.
        std::function<result<>(pairing_introduction const&, pairing_path const&, key const&)> paired;
        /// A wrong token came; the next one waits for `delay`.
        std::function<void(unsigned so_far, std::string const& from, milliseconds delay)> wrong_token;
        /// Once, as the last: paired, or why the token is worth nothing any more.
        std::function<void(result<>)> closed;
    };

    pairing_host(boost::asio::any_io_executor executor, settings s, handlers h);
    ~pairing_host(); ///< closes without a word
    pairing_host(pairing_host &&) noexcept;
    pairing_host& operator=(pairing_host&&) noexcept;

    /// Listens. Errors: `already_exists` when the port is taken, `not_found`, `io_error`.
    result<pairing_token> open();

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

/// The node that is the primary: asks the other, makes the pair's key and hands it over.
class [[gnu::visibility("default")]] pairing_guest {
public:
    struct settings {
        pairing_introduction self{};
        address peer{};
        std::uint16_t port = 7778;
        milliseconds connect_limit{5'000};
        milliseconds limit{60'000}; ///< for all of it; a peer that got wrong tokens lets wait
    };
    struct agreement {
        address local; ///< of the connection
        std::string peer_name;
        cluster::key key;
    };
    struct handlers {
        std::function<void(std::string const& what)> step; ///< what has just been reached, for people
        std::function<void(result<agreement>)> done;       ///< once, as the last
    };

    pairing_guest(boost::asio::any_io_executor executor, settings s, pairing_token const& token, handlers h);
    ~pairing_guest(); ///< ends it without a word
    pairing_guest(pairing_guest &&) noexcept;
    pairing_guest& operator=(pairing_guest&&) noexcept;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

} // namespace cluster
