// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

struct epoll_event;

namespace balance::probe {

class quick_socket;

/// An epoll set for sockets that live for a moment: thousands of checks a second spend their time in system calls, and this
/// asks the kernel for a third fewer of them than a general event loop. One thread, that of the executor.
class socket_set : public std::enable_shared_from_this<socket_set> {
public:
    /// Throws `boost::system::system_error` when the kernel gives no descriptor.
    static std::shared_ptr<socket_set> make(boost::asio::any_io_executor const& executor);

    /// Tells nobody anything any more.
    void close();

    /// For whoever reads: what is in it is gone with the next read of anybody.
    [[nodiscard]] std::span<char> buffer() noexcept { return buffer_; }

private:
    friend class quick_socket;

    explicit socket_set(boost::asio::any_io_executor const& executor);
    void wait();
    void tell();
    [[nodiscard]] int descriptor() noexcept { return epoll_.native_handle(); }
    /// It is gone: what was to be told to it is dropped.
    void forget(quick_socket const* socket) noexcept;
    /// Can a socket of ours have been given this port?
    [[nodiscard]] bool may_be_clients(std::uint16_t port) const noexcept;

    boost::asio::posix::stream_descriptor epoll_;
    std::pair<std::uint16_t, std::uint16_t> clients_ports_; ///< as they were when the set was made: a later sysctl is not seen
    std::span<epoll_event> untold_; ///< while `tell` runs
    std::array<char, 16384> buffer_{};
};

/// A TCP socket that never blocks. Closed with its end.
class quick_socket {
public:
    class owner {
    public:
        /// The connection stands or has failed; later: there is room to write again. `readable`: something has come, or the
        /// end. Told once: whoever does not read until `would_block` hears no more of it.
        virtual void ready(bool readable) = 0;

    protected:
        ~owner() = default;
    };

    enum class manner : std::uint8_t {
        /// The ACK that ends the handshake waits a little for what is written, and travels with it.
        usual,
        /// Nothing is written, and closing sends a reset in the place of that ACK: the server's program never hears of a
        /// client who says nothing and leaves, nor logs it every few seconds.
        traceless,
    };

    quick_socket(std::shared_ptr<socket_set> set, owner& who) : set_(std::move(set)), owner_(who) {}
    ~quick_socket() { close(); }
    quick_socket(quick_socket const&) = delete;
    quick_socket& operator=(quick_socket const&) = delete;

    /// Begins to connect; `ready` follows, never from within, unless an error is returned.
    [[nodiscard]] boost::system::error_code connect(endpoint const& target, manner how);
    /// For the first `ready`: what became of the connection. A socket that met itself at a closed local port (RFC 9293
    /// §3.5, simultaneous open) was refused: nobody listens there.
    [[nodiscard]] boost::system::error_code connected() const;

    struct outcome {
        std::size_t size = 0;
        boost::system::error_code error{}; ///< `would_block`: `ready` tells when to go on; `eof`
    };
    outcome write(std::string_view bytes);
    outcome read(std::span<char> into);

    void close();

private:
    friend class socket_set;

    std::shared_ptr<socket_set> set_;
    owner& owner_;
    endpoint target_;
    int fd_ = -1;
    bool failed_ = false; ///< the kernel has an error for us
};

} // namespace balance::probe
