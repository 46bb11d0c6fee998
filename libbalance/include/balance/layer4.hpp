// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>
#include <balance/status.hpp>

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace balance {

/// Programs the kernel's IPVS and one nftables table of our own so that they say what a configuration says.
///
/// Blocking netlink calls on the caller's thread; not thread-safe. Needs CAP_NET_ADMIN. What another program wrote into
/// IPVS or nftables under another key or table is never touched, except that an IPVS service we do not know is removed
/// by `apply` when it was ours before. Destroying the object leaves the kernel's tables as they are.
class [[gnu::visibility("default")]] layer4 {
public:
    layer4();
    ~layer4();
    layer4(layer4&&) noexcept;
    layer4& operator=(layer4&&) noexcept;

    /// One thing that `apply` did, in the words of the log: "service EA_XDS_Service 10.0.0.1:80/tcp wrr added".
    struct change {
        std::string service;
        std::string text;
    };

    /// Makes the kernel match the layer-4 services of `desired` in the given states; idempotent: a second call returns
    /// no changes and writes nothing. A service that cannot be served is left out and explained by `status()`.
    /// Errors: `not_permitted` without the privilege, `io_error`; a kernel without IPVS is not an error.
    result<std::vector<change>> apply(configuration const& desired, std::span<server_state const> states);

    /// A snapshot read from the kernel, one entry for every layer-4 service of the last `apply`.
    [[nodiscard]] result<std::vector<service_status>> status() const;

    /// Removes every IPVS service and rule that we made.
    result<> purge();

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace balance
