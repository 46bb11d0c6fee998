// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipvs/kernel.hpp"

#include <cstdint>
#include <functional>
#include <memory>

struct nl_sock;

namespace balance::ipvs {

/// Generic netlink to the IPVS of the network namespace that the calling thread is in when it opens. Blocking, with a
/// time limit.
class channel final : public kernel {
public:
    /// Errors: `not_supported` when the kernel has no IPVS or its module is not loaded, `io_error`.
    static result<std::unique_ptr<channel>> open();
    ~channel() override;

    result<std::vector<service_state>> dump() override;
    result<std::vector<service_state>> look() override;
    result<std::vector<int>> write(std::span<bytes const> messages) override;

private:
    struct close_socket {
        void operator()(nl_sock* s) const noexcept;
    };
    using socket = std::unique_ptr<nl_sock, close_socket>;
    using receiver = std::function<result<>(byte_span)>;

    channel(socket s, int family);

    std::uint32_t append(bytes& out, byte_span message, std::uint16_t flags);
    result<> send(byte_span packet);
    /// The messages of one datagram, until the next call; none if it was not the kernel's.
    result<byte_span> receive();
    /// False: interrupted by a change, to be asked again.
    result<bool> try_dump(byte_span request, receiver const& receive_one);
    /// Asks again while changes interrupt it. `decode` makes a state of a message, `key` says which are the same.
    template <class State, class Decode, class Key>
    result<std::vector<State>> dump_all(byte_span request, Decode decode, Key key);
    result<std::vector<service_state>> dump_services();
    result<> dump_destinations(service_state& s);
    result<> write_batch(std::span<bytes const> messages, std::vector<int>& out);

    socket socket_;
    int family_;
    bytes buffer_;
    std::uint32_t sequence_ = 0;
};

} // namespace balance::ipvs
