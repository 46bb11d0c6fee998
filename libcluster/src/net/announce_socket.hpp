// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/announce_frames.hpp"
#include "net/announcer.hpp"
#include "net/unique_fd.hpp"

namespace cluster::net {

/// Sends announcements as raw Ethernet frames: needs neither the address to be on already nor a neighbour entry.
class announce_socket {
public:
    static result<announce_socket> open();

    /// Gratuitous ARP request and reply, and if wanted a probe, or an unsolicited neighbour advertisement. Never waits;
    /// a frame that doesn't fit into the card's queue is lost, and the next pass repeats it.
    void announce(announcement const& a) noexcept;

    /// Readable when a probe was answered.
    [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
    struct answer {
        unsigned interface = 0;
        arp_answer who;
    };
    /// The next answer; nothing when there is none left.
    std::optional<answer> receive() noexcept;

private:
    explicit announce_socket(unique_fd fd) : fd_(std::move(fd)) {}
    void send(unsigned interface, std::span<std::uint8_t const> frame) noexcept;

    unique_fd fd_;
};

} // namespace cluster::net
