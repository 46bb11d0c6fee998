// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>

#include <string>

namespace balance::ipvs {

/// Sees the requests to change IPVS that any program of this network namespace sends over netlink, and those alone: the
/// kernel sorts out the rest. An interface of type nlmon, and a packet socket on it.
class edit_tap {
public:
    /// Errors: those of `layer4_watch::open`.
    static result<edit_tap> open(std::string const& interface);
    ~edit_tap();
    edit_tap(edit_tap&& other) noexcept;
    edit_tap& operator=(edit_tap&& other) noexcept;

    [[nodiscard]] int descriptor() const noexcept { return fd_; }
    /// Forgets what was seen, or the oldest of very much. False when that was nothing.
    [[nodiscard]] bool drain() noexcept;
    /// Did the interface go down?
    [[nodiscard]] bool blind() const noexcept { return blind_; }

private:
    explicit edit_tap(int fd) noexcept : fd_(fd) {}

    int fd_ = -1;
    unsigned interface_ = 0; ///< its number: another of the same name is not ours
    bool blind_ = false;
};

} // namespace balance::ipvs
