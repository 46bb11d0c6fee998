// SPDX-License-Identifier: Apache-2.0
#include "probe/quick_socket.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
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

/// At a client's end this option, which stays with the socket, keeps back the ACK of the handshake until something is written,
/// 200 ms at most. TCP_QUICKACK would do the same for a single connection.
void keep_back_acknowledgement(int fd) {
    int const on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof on);
}

/// tcp(7), connect(2): to connect to no address dissolves the connection.
bool dissolve(int fd) noexcept {
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    return ::connect(fd, &nobody, sizeof nobody) == 0;
}

std::size_t most_open_files() {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) : 0;
}

/// The ports that the kernel gives to clients, the first and the last; all, where it doesn't say.
std::pair<std::uint16_t, std::uint16_t> clients_ports() {
    std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    return file >> first >> last ? std::pair(first, last) : std::pair(std::uint16_t{0}, std::uint16_t{65535});
}

} // namespace

socket_set::descriptor::~descriptor() { ::close(fd); }

socket_set::socket_set(asio::any_io_executor const& executor, std::size_t most_kept)
    : epoll_(executor, made_epoll_set()), most_kept_(std::min(most_kept, most_open_files() / 4 * 3)), clients_ports_(clients_ports()) {}

std::shared_ptr<socket_set> socket_set::make(asio::any_io_executor const& executor, std::size_t most_kept) {
    std::shared_ptr<socket_set> out(new socket_set(executor, most_kept));
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
    int const count = ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    untold_ = std::span(events).first(count < 0 ? 0U : static_cast<std::size_t>(count));
    while (!untold_.empty()) {
        auto const event = untold_.front();
        untold_ = untold_.subspan(1);
        auto const* const of = static_cast<descriptor const*>(event.data.ptr);
        if (of == nullptr || of->user == nullptr)
            continue; // dissolving a connection is an event, too
        of->user->told_ = true;
        of->user->trouble_ |= event.events & (EPOLLERR | EPOLLHUP);
        of->user->owner_.ready((event.events & ~std::uint32_t{EPOLLOUT}) != 0);
    }
}

socket_set::handle socket_set::open(int family) {
    int const fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return nullptr;
    auto out = std::make_unique<descriptor>(fd);
    keep_back_acknowledgement(fd);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = out.get();
    if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, fd, &event) == 0)
        return out;
    int const why = errno;
    out.reset();
    errno = why;
    return nullptr;
}

void socket_set::close(handle used) noexcept {
    forget(*used);
    if (epoll_.is_open()) // a program that is being started may hold it open yet
        ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, used->fd, nullptr);
}

void socket_set::forget(descriptor& of) noexcept {
    of.user = nullptr;
    for (auto& event : untold_)
        if (event.data.ptr == &of)
            event.data.ptr = nullptr;
}

void socket_set::close() {
    untold_ = {};
    error_code ignored;
    epoll_.close(ignored);
}

socket_line::~socket_line() {
    if (auto last = take())
        set_->close(std::move(last));
}

socket_set::handle socket_line::take() noexcept {
    if (kept_) {
        --set_->kept_;
        set_->forget(*kept_); // the end of its last connection
    }
    return std::move(kept_);
}

void socket_line::keep(socket_set::handle used) noexcept {
    if (kept_ || set_->kept_ >= set_->most_kept_ || !set_->epoll_.is_open())
        return set_->close(std::move(used));
    set_->forget(*used);
    ++set_->kept_;
    kept_ = std::move(used);
}

error_code quick_socket::connect(endpoint const& target, manner how) {
    target_ = target;
    how_ = how;
    asio::ip::tcp::endpoint const to(target.address, target.port);
    socket_ = line_->take();
    if (!socket_)
        socket_ = line_->set()->open(to.protocol().family());
    if (!socket_)
        return last_error();
    socket_->user = this;
    if (::connect(socket_->fd, to.data(), static_cast<socklen_t>(to.size())) == 0 || errno == EINPROGRESS)
        return {};
    auto const why = last_error();
    close();
    return why;
}

error_code quick_socket::connected() const {
    if (trouble_ != 0) {
        int code = 0;
        socklen_t size = sizeof code;
        ::getsockopt(socket_->fd, SOL_SOCKET, SO_ERROR, &code, &size);
        if (code == 0 && (trouble_ & EPOLLHUP) != 0)
            code = ECONNABORTED;
        if (code != 0)
            return {code, boost::system::system_category()};
    }
    if (!line_->set()->may_be_clients(target_.port))
        return {};
    asio::ip::tcp::endpoint here;
    auto size = static_cast<socklen_t>(here.capacity());
    if (::getsockname(socket_->fd, here.data(), &size) != 0)
        return last_error();
    here.resize(size);
    bool const met_itself = here.port() == target_.port && here.address() == target_.address;
    return met_itself ? error_code(asio::error::connection_refused) : error_code();
}

quick_socket::outcome quick_socket::write(std::string_view bytes) {
    auto const size = ::send(socket_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return size < 0 ? outcome{0, last_error()} : outcome{static_cast<std::size_t>(size), {}};
}

quick_socket::outcome quick_socket::read(std::span<char> into) {
    auto const size = ::recv(socket_->fd, into.data(), into.size(), 0);
    if (size < 0)
        return {0, last_error()};
    ended_ = size == 0;
    return ended_ ? outcome{0, asio::error::eof} : outcome{static_cast<std::size_t>(size), {}};
}

void quick_socket::close() {
    auto used = std::move(socket_);
    if (!used)
        return;
    char next = 0;
    bool const by_reset = how_ == manner::traceless || ended_ || ::recv(used->fd, &next, 1, MSG_PEEK) == 0;
    bool const dissolved = by_reset && dissolve(used->fd);
    if (dissolved && told_ && trouble_ == 0)
        line_->keep(std::move(used));
    else
        line_->set()->close(std::move(used));
}

} // namespace balance::probe
