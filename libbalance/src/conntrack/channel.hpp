// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conntrack/kernel.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace balance::conntrack {

/// ctnetlink of the network namespace that the calling thread is in when it opens. Blocking, with a time limit.
class channel final : public kernel {
public:
    /// Errors: `io_error`.
    static result<std::unique_ptr<channel>> open();
    ~channel() override;

    result<std::vector<int>> write(std::span<bytes const> requests) override;
    result<std::optional<entry>> find(key const& k) override;
    result<std::vector<entry>> dump() override;

private:
    /// Called with the numbers (errno; 0: done) or the message of an answer; false: that was the last.
    using receiver = std::function<bool(int code, byte_span message)>;

    explicit channel(int fd);

    result<> ask(bytes request, receiver const& answer);
    result<> write_batch(std::span<bytes const> requests, std::vector<int>& out);
    std::uint32_t append(bytes& packet, byte_span request);
    result<> send(byte_span packet);
    /// One datagram, until the next call; empty if it was not the kernel's.
    result<byte_span> receive();

    int fd_;
    bytes buffer_;
    std::uint32_t sequence_ = 0;
};

} // namespace balance::conntrack
