// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <string>

namespace balance::ipvs {

/// A tap interface that lives as long as its descriptor: what the kernel sends on it is read, what is written arrives.
class tap {
public:
    /// Up, with the address (its network has 30 bits). Errors: `not_supported`, `not_permitted`, `already_exists`,
    /// `io_error`.
    static result<tap> open(std::string const& name, boost::asio::ip::address_v4 local);
    ~tap();
    tap(tap&& other) noexcept;
    tap& operator=(tap&& other) noexcept;

    [[nodiscard]] int descriptor() const noexcept { return fd_; }

private:
    explicit tap(int fd) noexcept : fd_(fd) {}

    int fd_ = -1;
};

} // namespace balance::ipvs
