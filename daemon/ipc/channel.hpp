// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/descriptor.hpp"
#include "ipc/frame.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dyad::ipc {

/// Bytes that may wait for a peer that does not read; above it the channel closes.
inline constexpr std::size_t max_queue = std::size_t{64} << 20;

/// Two connected stream sockets, closed on exec. Errors: `io_error`.
balance::result<std::pair<descriptor, descriptor>> socket_pair();

/// Messages to and from another of our processes, in order, each a JSON object with descriptors beside it.
///
/// All calls and callbacks on the executor's only thread. Callbacks may destroy or close the channel.
class channel {
public:
    using message_handler = std::function<void(boost::json::object message, std::vector<descriptor> descriptors)>;
    using closed_handler = std::function<void(std::string const& reason)>;

    /// A channel that is closed.
    channel() noexcept = default;
    /// Takes over a connected SOCK_STREAM socket of the unix domain.
    channel(boost::asio::any_io_executor executor, descriptor socket);
    /// Closes; `on_closed` is not called.
    ~channel();
    channel(channel&&) noexcept = default;
    channel& operator=(channel&& other) noexcept;

    void on_message(message_handler handler);
    /// The peer closed ("closed by the peer") or sent what is no message; called once, after the last message.
    void on_closed(closed_handler handler);
    /// Begins to read; call it when the handlers are set.
    void start();

    /// Queues a message; never blocks. The descriptors are duplicated: the caller keeps its own. False, and nothing
    /// queued, on a closed channel or when the message is beyond `max_body` or `max_descriptors`.
    bool send(boost::json::object const& message, std::span<int const> descriptors = {});

    /// Delivers what has arrived already, before the executor would.
    void receive_now();

    /// `on_closed` is not called. What is still queued is lost.
    void close();
    [[nodiscard]] bool is_open() const noexcept;
    /// Bytes that the peer has no room for yet.
    [[nodiscard]] std::size_t waiting() const noexcept;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

} // namespace dyad::ipc
