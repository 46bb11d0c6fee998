// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/key.hpp>

#include <filesystem>
#include <optional>

namespace cluster {

/// The pair's keys as a node holds them, by fingerprint. Without `next` and `previous` no replacement is under way, with
/// `next` the key is about to be replaced, with `previous` it has been, and the peer may still use the one before.
struct held_keys {
    std::uint64_t current = 0;
    std::uint64_t next = 0;     ///< 0: none
    std::uint64_t previous = 0; ///< 0: none

    bool operator==(held_keys const&) const = default;
};

/// The key files of a node: `cluster.key`, which it sends with, and `cluster.key.next` or `cluster.key.previous`, which it
/// accepts beside that while one replaces the other. Each change is on the disk when it returns, and a crash in the midst
/// of one leaves the node with what it accepted before or with what it accepts after. docs/PROTOCOL.md, "Replacing the key".
class [[gnu::visibility("default")]] key_store {
public:
    /// Reads the files, and removes what a crash has left of a change. Errors: those of `key::load`.
    static result<key_store> open(std::filesystem::path const& directory);

    [[nodiscard]] key_pair keys() const;
    [[nodiscard]] held_keys held() const;

    // Errors: `not_found`, `not_permitted`, `io_error`; `held` then says what is so all the same.
    /// `k` is accepted, and will be the next.
    result<> keep_next(key const& k);
    /// The next one is not wanted any more.
    result<> drop_next();
    /// What was the next is what this node sends with; the one before is still accepted.
    result<> switch_over();
    result<> drop_previous();

    /// Removes every key of a directory, `cluster.key` last: no other one is left for a later pair. Errors: `io_error`.
    static result<> remove(std::filesystem::path const& directory);

private:
    key_store(std::filesystem::path directory, key const& current);

    std::filesystem::path directory_;
    key current_;
    std::optional<key> next_;
    std::optional<key> previous_;
};

} // namespace cluster
