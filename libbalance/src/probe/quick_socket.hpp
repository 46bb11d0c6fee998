// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/service.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

struct epoll_event;

namespace balance::probe {

class quick_socket;

/// An epoll set for connections that live for a moment: thousands of checks a second spend their time in system calls. One
/// thread, that of the executor.
class socket_set : public std::enable_shared_from_this<socket_set> {
public:
    /// `most_kept`: descriptors of lines that wait for their next use; three quarters of what the process may open at most. Throws
    /// `boost::system::system_error` when the kernel gives no descriptor.
    static std::shared_ptr<socket_set> make(boost::asio::any_io_executor const& executor, std::size_t most_kept);

    /// Tells nobody anything any more.
    void close();

    /// For whoever reads: what is in it is gone with the next read of anybody.
    [[nodiscard]] std::span<char> buffer() noexcept { return buffer_; }

private:
    friend class quick_socket;
    friend class socket_line;

    /// A kernel's socket, in the epoll set from its first day.
    struct descriptor {
        explicit descriptor(int fd) noexcept : fd(fd) {}
        descriptor(descriptor const&) = delete;
        descriptor& operator=(descriptor const&) = delete;
        ~descriptor();

        int const fd;
        quick_socket* user = nullptr; ///< null: it waits in a line
    };
    using handle = std::unique_ptr<descriptor>;

    socket_set(boost::asio::any_io_executor const& executor, std::size_t most_kept);
    void wait();
    void tell();
    /// Null: the kernel gives none, errno says why.
    [[nodiscard]] handle open(int family);
    /// Ends it, and its connection by a FIN, or a reset when something of it was not read.
    void close(handle used) noexcept;
    /// What was to be told of it is dropped.
    void forget(descriptor& of) noexcept;
    /// Can a socket of ours have been given this port?
    [[nodiscard]] bool may_be_clients(std::uint16_t port) const noexcept;

    boost::asio::posix::stream_descriptor epoll_;
    std::size_t const most_kept_;
    std::size_t kept_ = 0;
    std::pair<std::uint16_t, std::uint16_t> clients_ports_; ///< as they were when the set was made: a later sysctl is not seen
    std::span<epoll_event> untold_; ///< while `tell` runs
    std::array<char, 16384> buffer_{};
};

/// One descriptor for one connection after the other to the same target: to connect it and to dissolve the connection costs the
/// kernel half of what a new socket costs, and two system calls instead of seven. Never for two targets: sequence numbers go
/// on from one connection to the next (tcp_disconnect), so that the one could guess those of the other (RFC 6528). Nor after
/// a connection that did not come about: what the kernel noted of that would be taken for news of the next.
class socket_line {
public:
    explicit socket_line(std::shared_ptr<socket_set> set) : set_(std::move(set)) {}
    ~socket_line();
    socket_line(socket_line const&) = delete;
    socket_line& operator=(socket_line const&) = delete;

    [[nodiscard]] std::shared_ptr<socket_set> const& set() const noexcept { return set_; }

private:
    friend class quick_socket;

    /// Null: it is in use, or there is none yet.
    [[nodiscard]] socket_set::handle take() noexcept;
    /// A dissolved one. Closes it where one is kept already, or too many are by others.
    void keep(socket_set::handle used) noexcept;

    std::shared_ptr<socket_set> set_;
    socket_set::handle kept_;
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
        /// The ACK that ends the handshake waits a little for what is written, and travels with it. Closing is a FIN, or a reset
        /// once the server has closed: it has said all then, and needs to remember nothing.
        usual,
        /// Nothing is written, and closing sends a reset in the place of that ACK: the server's program never hears of a
        /// client who says nothing and leaves, nor logs it every few seconds.
        traceless,
    };

    /// Connects to one target always, with this line.
    quick_socket(std::shared_ptr<socket_line> line, owner& who) : line_(std::move(line)), owner_(who) {}
    ~quick_socket() { close(); }
    quick_socket(quick_socket const&) = delete;
    quick_socket& operator=(quick_socket const&) = delete;

    /// Begins to connect, once; `ready` follows, never from within, unless an error is returned.
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

    std::shared_ptr<socket_line> line_;
    owner& owner_;
    endpoint target_;
    socket_set::handle socket_;
    manner how_ = manner::usual;
    std::uint32_t trouble_ = 0; ///< EPOLLERR, EPOLLHUP, as they came
    bool told_ = false;         ///< what became of the connection
    bool ended_ = false;        ///< the server has closed, and all of what it said was read
};

} // namespace balance::probe
