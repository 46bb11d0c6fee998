// SPDX-License-Identifier: Apache-2.0
// What the two nodes say to each other on TCP 7778; docs/PROTOCOL.md has the bytes.
#pragma once

#include <cluster/generation.hpp>
#include <cluster/shared_document.hpp>
#include <cluster/types.hpp>

#include <cstdint>
#include <string>
#include <variant>

namespace cluster::wire::replication {

/// The versions of this protocol that this build speaks.
inline constexpr std::uint16_t lowest_version = 1;
inline constexpr std::uint16_t highest_version = 2;

/// Limits on what a peer may send, in bytes.
inline constexpr std::size_t max_hello = 1024; ///< whole frame; holds until the peer has said hello
inline constexpr std::size_t max_name = 255;   ///< of a node, a file, an operator
inline constexpr std::size_t max_label = 128;  ///< of a document or a stream
inline constexpr std::size_t max_text = 4096;  ///< of an explanation
inline constexpr std::size_t max_files = 4096; ///< in a generation

/// First message in each direction; what follows is in the highest version that both speak.
struct hello {
    std::uint16_t lowest = lowest_version;
    std::uint16_t highest = highest_version;
    node_id id = node_id::none;
    std::uint64_t instance = 0; ///< random, drawn at each start: tells a node from its own reflection
    std::string name;
    generation_id holds; ///< the current generation; zeros: none
    std::string release{}; ///< of the program, for people; empty: one of before releases said theirs

    bool operator==(hello const&) const = default;
};
/// Nothing to say, but here.
struct alive {
    bool operator==(alive const&) const = default;
};
/// First phase: may this be applied? Keep it ready.
struct prepare {
    generation content;
    sha256 hash{};

    bool operator==(prepare const&) const = default;
};
/// It is on the disk here and may be committed.
struct prepared {
    generation_id id;

    bool operator==(prepared const&) const = default;
};
/// It was not prepared, or not committed.
struct refused {
    generation_id id;
    std::string text;

    bool operator==(refused const&) const = default;
};
/// Second phase: the sender has committed it; do so too.
struct commit {
    generation_id id;

    bool operator==(commit const&) const = default;
};
struct committed {
    generation_id id;

    bool operator==(committed const&) const = default;
};
/// What was prepared will not be committed.
struct abandon {
    generation_id id;

    bool operator==(abandon const&) const = default;
};
struct document {
    shared_document content;

    bool operator==(document const&) const = default;
};
/// Opaque bytes of a channel.
struct stream {
    std::string channel;
    std::string bytes;

    bool operator==(stream const&) const = default;
};
/// Why the sender closes the connection.
struct farewell {
    std::string text;

    bool operator==(farewell const&) const = default;
};

/// In the order of their numbers on the wire, which begin at 1.
using message = std::variant<hello, alive, prepare, prepared, refused, commit, committed, abandon, document, stream, farewell>;

} // namespace cluster::wire::replication
