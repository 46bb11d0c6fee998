// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace balance {

/// The source addresses that the snat services of a configuration give to clients' connections, each once. Pure.
[[gnu::visibility("default")]] std::vector<address> snat_sources(configuration const& c);

/// Keeps the source translations of snat services on two machines alike, beside `connection_sync`: which address and
/// port a server sees a client as is known to the kernel's connection tracking alone, and another kernel that had to
/// choose anew would choose another port.
///
/// The node that serves the connections listens to its kernel and tells the peer; the peer enters what it is told into
/// its own kernel at once. The bytes in between are opaque, and believed: they need a channel that authenticates them.
///
/// Acts on the network namespace of the calling thread of `open`. All calls block for as long as the kernel takes, a
/// dump of 100,000 connections some tenths of a second; so give it a thread. Not thread-safe. Needs CAP_NET_ADMIN.
/// Destroying it leaves the connections as they are.
class [[gnu::visibility("default")]] translation_sync {
public:
    using message = std::vector<std::byte>; ///< for the peer's `restore`; less than 90,000 bytes

    /// Errors: `not_permitted`, `io_error`.
    static result<translation_sync> open();
    ~translation_sync();
    translation_sync(translation_sync &&) noexcept;
    translation_sync& operator=(translation_sync&&) noexcept;

    /// Only connections that have got one of these source addresses are told of and entered. None at first.
    void set_sources(std::vector<address> sources);

    /// Does this node tell the peer? Not at first. What was not fetched yet is forgotten when it ends.
    void tell(bool on);

    /// Becomes readable when the kernel has news, while this node tells. Owned by this object.
    [[nodiscard]] int descriptor() const noexcept;

    /// Reads the news; after very much of it the descriptor is still readable. False when some were lost or there were
    /// too many to keep: then `all` tells it right.
    [[nodiscard]] bool read();

    /// What changed since the last call, for the peer; of each connection the last state.
    [[nodiscard]] std::vector<message> changes();

    /// All that there are, for a peer that may know nothing or something else, in messages to be restored in this
    /// order; of more than 262,144 those that the kernel names first. Errors: `not_permitted`, `not_supported`,
    /// `io_error`.
    [[nodiscard]] result<std::vector<message>> all();

    struct outcome {
        std::size_t entered = 0; ///< connections that this kernel did not know
        std::size_t refused = 0; ///< connections that it did not take; its table may be full
        std::string why;         ///< it refused the last one
    };

    /// Enters what the peer says. A node that serves (`serving`) knows better than the peer: there nothing is removed
    /// or changed. Errors: `protocol_error` for what no peer of this version says, and those of `all`.
    result<outcome> restore(std::span<std::byte const> said, bool serving);

private:
    struct impl;
    explicit translation_sync(std::unique_ptr<impl> i) noexcept;
    std::unique_ptr<impl> impl_;
};

} // namespace balance
