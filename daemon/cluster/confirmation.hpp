// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <cluster/shared_document.hpp>
#include <cluster/types.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace dyad {

/// A moment that a restart of the process does not lose: a clock that never steps, and which start of the machine it
/// counts from.
struct boot_moment {
    std::string boot; ///< the kernel's boot id
    std::int64_t ms = 0;

    static boot_moment now();
    bool operator==(boot_moment const&) const = default;
};

/// A generation that waits for `dyad confirm`, and what comes back without it.
struct awaited_confirmation {
    cluster::config_version version;
    cluster::config_version back_to;
    std::chrono::milliseconds period{0};

    bool operator==(awaited_confirmation const&) const = default;
};

/// Which generation waits for a confirmation, if any. Both nodes know, as a shared document; each keeps its own time.
/// Pure: moments go in.
class confirmation {
public:
    static constexpr char const* document_name = "confirmation";

    /// From `now` on.
    void await(awaited_confirmation const& what, boot_moment const& now, cluster::node_id writer);
    /// Confirmed, gone back, or never applied: nothing is waited for.
    void settle(cluster::node_id writer);

    [[nodiscard]] std::optional<awaited_confirmation> const& awaited() const noexcept { return awaited_; }
    /// Until it goes back; 0 when that is due, and when the machine was started anew meanwhile: nobody knows then how
    /// long that took.
    [[nodiscard]] std::chrono::milliseconds left(boot_moment const& now) const;

    [[nodiscard]] cluster::shared_document document() const;
    /// Takes over a document that is newer than ours; the time begins then. False when it is not, or not understood.
    bool merge(cluster::shared_document const& d, boot_moment const& now);

    /// As text for the node's own file, and back; what is not understood is one that waits for nothing.
    [[nodiscard]] std::string text() const;
    static confirmation from_text(std::string const& text);

    bool operator==(confirmation const&) const = default;

private:
    std::optional<awaited_confirmation> awaited_;
    std::uint64_t stamp_ = 0;
    cluster::node_id writer_ = cluster::node_id::none;
    boot_moment deadline_;
};

/// STATE_DIR/confirmation.json; a missing file waits for nothing.
confirmation load_confirmation(std::filesystem::path const& state_dir);
balance::result<> save(std::filesystem::path const& state_dir, confirmation const& c);

} // namespace dyad
