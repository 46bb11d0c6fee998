// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/types.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cluster {

/// A configuration as it was applied: its files byte for byte. Immutable once committed.
struct generation {
    config_version version;
    /// Name relative to the configuration directory -> bytes, sorted by name: "cluster.toml", "certificates/web.pem",
    /// and "marks" (the allocated firewall marks, written by the daemon). Names are at most 255 bytes in at most 8
    /// levels, without "..", hidden or absolute parts.
    std::vector<std::pair<std::string, std::string>> files;
    std::string applied_by;      ///< "uid 0 (root) on lb1"; one line, at most 255 bytes
    std::int64_t applied_at = 0; ///< seconds since 1970, for people only

    bool operator==(generation const&) const = default;
};

/// SHA-256 over version and files in a canonical form (docs/PROTOCOL.md); what nodes compare.
[[gnu::visibility("default")]] sha256 hash_of(generation const& g);

/// Which generation, and with which content.
struct generation_id {
    config_version version;
    sha256 hash{};

    bool operator==(generation_id const&) const = default;
};

/// Generations on disk. A crash at any instant leaves the old or the new one. Not thread-safe; one object per directory.
///
/// Calls that write block until the disk has the bytes: a few milliseconds for a configuration of usual size.
class [[gnu::visibility("default")]] generation_store {
public:
    /// `directory` is made if absent (mode 0700). Leftovers of an interrupted commit are removed. A damaged current
    /// generation is renamed to "damaged-…" and the newest sound one, if any, becomes current; `notice()` says so.
    /// Errors: `not_permitted`, `io_error`.
    static result<generation_store> open(std::filesystem::path directory);

    /// The newest committed one, hash checked; absent before the first commit.
    [[nodiscard]] std::optional<generation> const& current() const noexcept { return current_; }
    /// Version and hash of `current()`; {0, 0} and zeros when there is none.
    [[nodiscard]] generation_id const& current_id() const noexcept { return current_id_; }
    /// What `open` had to repair, in one sentence; empty when all was well.
    [[nodiscard]] std::string const& notice() const noexcept { return notice_; }

    /// Makes `g` the current one, durable (fsync) before it returns. Errors: `refused` unless its version is greater
    /// than the current one's, `invalid_configuration` (a file's name, the order), `io_error`.
    result<> commit(generation const& g);

    /// The first half of `commit`: everything is on the disk but not in force. Replaces what was staged before; a
    /// store that is opened again has nothing staged. Errors as `commit`.
    result<> stage(generation const& g);
    /// The second half. Errors: `not_found` unless exactly `id` is staged, `io_error`.
    result<> commit_staged(generation_id const& id);
    /// Forgets what is staged; nothing staged is fine.
    void drop_staged();

    /// Kept ones, newest first.
    [[nodiscard]] std::vector<config_version> history() const;
    /// Errors: `not_found`, `protocol_error` when it is damaged, `io_error`.
    [[nodiscard]] result<generation> load(config_version v) const;

    /// How many are kept (default 50, at least 1); older ones are removed after the next commit.
    void keep(std::size_t n) noexcept { keep_ = n == 0 ? 1 : n; }

private:
    explicit generation_store(std::filesystem::path directory) : directory_(std::move(directory)) {}
    result<> recover();
    void prune() const;

    struct staged_generation {
        generation content;
        generation_id id;
    };
    std::filesystem::path directory_;
    std::optional<generation> current_;
    generation_id current_id_;
    std::optional<staged_generation> staged_;
    std::string notice_;
    std::size_t keep_ = 50;
};

} // namespace cluster
