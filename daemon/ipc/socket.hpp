// SPDX-License-Identifier: Apache-2.0
// The two system calls of a channel: bytes and descriptors out of and into a unix stream socket (unix(7), cmsg(3)).
#pragma once

#include "ipc/descriptor.hpp"
#include "ipc/frame.hpp"

#include <sys/types.h>

#include <deque>
#include <string_view>
#include <vector>

namespace dyad::ipc {

enum class reception {
    bytes,           ///< appended to the decoder, descriptors to the queue
    nothing,         ///< nothing there now
    end,             ///< the peer closed
    lost_descriptors ///< the kernel dropped some: this process has too many open
};

reception receive(int socket, frame_decoder& bytes, std::deque<descriptor>& descriptors);

/// Sends what fits, the descriptors with the first byte. Returns the bytes sent, or -1 and errno.
ssize_t transmit(int socket, std::string_view bytes, std::vector<descriptor> const& descriptors);

} // namespace dyad::ipc
