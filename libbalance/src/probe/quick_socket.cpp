// SPDX-License-Identifier: Apache-2.0
#include "probe/quick_socket.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

namespace balance::probe {
namespace asio = boost::asio;
using boost::system::error_code;
namespace {

error_code last_error() { return {errno, boost::system::system_category()}; }

int made_epoll_set() {
    int const fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        throw boost::system::system_error(last_error(), "epoll_create1");
    return fd;
}

void keep_back_acknowledgement(int fd) {
    int const off = 0;
    ::setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
}

void close_by_reset(int fd) {
    linger const reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
}

/// The ports that the kernel gives to clients, the first and the last; all, where it doesn't say.
std::pair<std::uint16_t, std::uint16_t> clients_ports() {
    std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    return file >> first >> last ? std::pair(first, last) : std::pair(std::uint16_t{0}, std::uint16_t{65535});
}

} // namespace

socket_set::socket_set(asio::any_io_executor const& executor) : epoll_(executor, made_epoll_set()), clients_ports_(clients_ports()) {}

std::shared_ptr<socket_set> socket_set::make(asio::any_io_executor const& executor) {
    std::shared_ptr<socket_set> out(new socket_set(executor));
    out->wait();
    return out;
}

bool socket_set::may_be_clients(std::uint16_t port) const noexcept {
    return clients_ports_.first <= port && port <= clients_ports_.second;
}

void socket_set::wait() {
    epoll_.async_wait(asio::posix::stream_descriptor::wait_read, [weak = weak_from_this()](error_code ec) {
        if (auto const self = weak.lock(); self && !ec) {
            self->tell();
            if (self->epoll_.is_open())
                self->wait();
        }
    });
}

/// As many as there are at once; what is left makes the set readable again.
void socket_set::tell() {
    std::array<epoll_event, 256> events{};
    int const count = ::epoll_wait(descriptor(), events.data(), static_cast<int>(events.size()), 0);
    untold_ = std::span(events).first(count < 0 ? 0U : static_cast<std::size_t>(count));
    while (!untold_.empty()) {
        auto const event = untold_.front();
        untold_ = untold_.subspan(1);
        if (auto* const socket = static_cast<quick_socket*>(event.data.ptr)) {
            socket->failed_ = (event.events & EPOLLERR) != 0;
            socket->owner_.ready((event.events & ~std::uint32_t{EPOLLOUT}) != 0);
        }
    }
}

void socket_set::forget(quick_socket const* socket) noexcept {
    for (auto& event : untold_)
        if (event.data.ptr == socket)
            event.data.ptr = nullptr;
}

void socket_set::close() {
    untold_ = {};
    error_code ignored;
    epoll_.close(ignored);
}

error_code quick_socket::connect(endpoint const& target, manner how) {
    target_ = target;
    asio::ip::tcp::endpoint const to(target.address, target.port);
    fd_ = ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0)
        return last_error();
    keep_back_acknowledgement(fd_);
    if (how == manner::traceless)
        close_by_reset(fd_);
    if (::connect(fd_, to.data(), static_cast<socklen_t>(to.size())) != 0 && errno != EINPROGRESS)
        return last_error();
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = this;
    return ::epoll_ctl(set_->descriptor(), EPOLL_CTL_ADD, fd_, &event) == 0 ? error_code() : last_error();
}

error_code quick_socket::connected() const {
    if (failed_) {
        int code = 0;
        socklen_t size = sizeof code;
        ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size);
        return {code == 0 ? ECONNABORTED : code, boost::system::system_category()};
    }
    if (!set_->may_be_clients(target_.port))
        return {};
    asio::ip::tcp::endpoint here;
    auto size = static_cast<socklen_t>(here.capacity());
    if (::getsockname(fd_, here.data(), &size) != 0)
        return last_error();
    here.resize(size);
    bool const met_itself = here.port() == target_.port && here.address() == target_.address;
    return met_itself ? error_code(asio::error::connection_refused) : error_code();
}

quick_socket::outcome quick_socket::write(std::string_view bytes) {
    auto const size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return size < 0 ? outcome{0, last_error()} : outcome{static_cast<std::size_t>(size), {}};
}

quick_socket::outcome quick_socket::read(std::span<char> into) {
    auto const size = ::recv(fd_, into.data(), into.size(), 0);
    if (size < 0)
        return {0, last_error()};
    return size == 0 ? outcome{0, asio::error::eof} : outcome{static_cast<std::size_t>(size), {}};
}

void quick_socket::close() {
    if (fd_ < 0)
        return;
    set_->forget(this);
    ::close(std::exchange(fd_, -1));
}

} // namespace balance::probe
