// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <memory>
#include <string>

namespace balance {

/// Tells when something was changed that layer 4 stands on, by whomever, ourselves included: services and servers of
/// IPVS, nftables rules, links, addresses, routing rules. So `layer4::apply` need not be called every second to find
/// it.
///
/// IPVS itself tells nobody of changes. They are seen on their way to the kernel, by an interface of type nlmon that is
/// made here; a program that uses the kernel's interface from before 2008 (setsockopt) goes unseen, so go on calling
/// `apply`, if more rarely. A request is seen before the kernel has carried it out, and whether or not it may.
///
/// Acts on the network namespace of the thread that opens it; destroy it there, too. Not thread-safe. Needs
/// CAP_NET_ADMIN and CAP_NET_RAW.
class [[gnu::visibility("default")]] layer4_watch {
public:
    struct settings {
        std::string interface = "dyad-watch"; ///< made here, or taken over if it was left there; at most 15 bytes
    };

    /// Errors: `not_supported` (no IPVS, or a kernel without nlmon), `not_permitted`, `already_exists` (the interface
    /// is somebody's), `io_error`.
    static result<layer4_watch> open(settings s);
    ~layer4_watch();
    layer4_watch(layer4_watch &&) noexcept;
    layer4_watch& operator=(layer4_watch&&) noexcept;

    /// Becomes readable when there may be news. Owned by this object.
    [[nodiscard]] int descriptor() const noexcept;

    /// Reads the news; after very much of it the descriptor is still readable. True when something was changed, or when
    /// there was too much to tell. An address that is only renewed has not changed.
    [[nodiscard]] bool changed();

    /// Was the interface taken away or down? Then it sees no more of IPVS; open another.
    [[nodiscard]] bool blind() const noexcept;

private:
    struct impl;
    explicit layer4_watch(std::unique_ptr<impl> i) noexcept;
    std::unique_ptr<impl> impl_;
};

} // namespace balance
