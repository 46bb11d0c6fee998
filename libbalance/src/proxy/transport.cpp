// SPDX-License-Identifier: Apache-2.0
#include "proxy/transport.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace balance::layer7 {
namespace {

constexpr std::size_t largest_record = 16'384;

/// Bytes that are copied into a row sooner than the kernel collects them from two places.
constexpr std::size_t cheap_copy = 2048;

bool is_refusal(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

ssize_t send_both(int fd, std::array<iovec, 2> pieces) noexcept {
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

/// What OpenSSL's last call came to. A record that does not fit, or a handshake, may wait for either direction.
transferred tls_outcome(relay_end& end, int returned) noexcept {
    switch (SSL_get_error(end.tls, returned)) {
    case SSL_ERROR_WANT_READ:
        end.readable = false;
        return {transfer::blocked, 0};
    case SSL_ERROR_WANT_WRITE:
        end.writable = false;
        return {transfer::blocked, 0};
    case SSL_ERROR_ZERO_RETURN:
        return {transfer::ended, 0};
    default: // an end without farewell, too: somebody may have cut it short
        return {transfer::failed, 0};
    }
}

transferred receive_tls(relay_end& from, char* into, std::size_t size) noexcept {
    if (!from.readable && SSL_has_pending(from.tls) == 0)
        return {};
    ERR_clear_error();
    std::size_t got = 0;
    int const returned = SSL_read_ex(from.tls, into, size, &got);
    return returned == 1 ? transferred{transfer::done, got} : tls_outcome(from, returned);
}

/// As many bytes of both pieces in a row as `room` holds, or those of the only one that there is, uncopied.
std::span<char const> in_a_row(std::array<iovec, 2> const& pieces, std::span<char> room) noexcept {
    auto const& [head, body] = pieces;
    if (head.iov_len == 0 || body.iov_len == 0 || head.iov_len >= room.size()) {
        auto const& first = head.iov_len > 0 ? head : body;
        return {static_cast<char const*>(first.iov_base), first.iov_len};
    }
    auto const of_body = std::min(body.iov_len, room.size() - head.iov_len);
    auto const at = std::copy_n(static_cast<char const*>(head.iov_base), head.iov_len, room.begin());
    std::copy_n(static_cast<char const*>(body.iov_base), of_body, at);
    return room.first(head.iov_len + of_body);
}

/// One record, one system call.
transferred send_tls(relay_end& to, std::array<iovec, 2> const& pieces) noexcept {
    std::array<char, largest_record> room;
    auto const bytes = in_a_row(pieces, room);
    ERR_clear_error();
    std::size_t sent = 0;
    int const returned = SSL_write_ex(to.tls, bytes.data(), bytes.size(), &sent);
    return returned == 1 ? transferred{transfer::done, sent} : tls_outcome(to, returned);
}

} // namespace

void relay_end::note(std::uint32_t events) noexcept {
    constexpr std::uint32_t last = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;
    if ((events & (EPOLLIN | last)) != 0)
        readable = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        writable = true;
    if ((events & last) != 0)
        last_words = true;
}

bool is_silent(relay_end& end) noexcept {
    if (end.last_words)
        return false;
    char one = 0;
    if (end.tls != nullptr) {
        if (SSL_has_pending(end.tls) == 0 && !end.readable)
            return true;
        ERR_clear_error();
        std::size_t got = 0;
        int const returned = SSL_peek_ex(end.tls, &one, sizeof one, &got);
        return returned != 1 && tls_outcome(end, returned).outcome == transfer::blocked;
    }
    if (!end.readable)
        return true;
    end.readable = ::recv(end.fd, &one, sizeof one, MSG_PEEK | MSG_DONTWAIT) >= 0 || !is_refusal(errno);
    return !end.readable;
}

bool has_ended(relay_end const& end) noexcept {
    char one = 0;
    return end.last_words && ::recv(end.fd, &one, sizeof one, MSG_PEEK | MSG_DONTWAIT) == 0;
}

transferred receive(relay_end& from, char* into, std::size_t size) noexcept {
    if (size == 0)
        return {}; // recv() would say that the sender has ended
    if (from.tls != nullptr)
        return receive_tls(from, into, size);
    while (from.readable) {
        auto const got = ::recv(from.fd, into, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && !is_refusal(errno))
            return {transfer::failed, 0};
        if (got < 0)
            break;
        auto const n = static_cast<std::size_t>(got);
        if (n < size && !from.last_words)
            from.readable = false;
        return {n == 0 ? transfer::ended : transfer::done, n};
    }
    from.readable = false;
    return {};
}

transferred send(relay_end& to, std::array<iovec, 2> const& pieces) noexcept {
    if (!to.writable)
        return {};
    if (to.tls != nullptr)
        return send_tls(to, pieces);
    auto const size = pieces[0].iov_len + pieces[1].iov_len;
    std::array<char, cheap_copy> room;
    bool const as_one = size <= room.size() || pieces[0].iov_len == 0 || pieces[1].iov_len == 0;
    auto const bytes = as_one ? in_a_row(pieces, room) : std::span<char const>();
    ssize_t sent = -1;
    do
        sent = as_one ? ::send(to.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) : send_both(to.fd, pieces);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && !is_refusal(errno))
        return {transfer::failed, 0};
    auto const n = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    // A short write has filled the socket as a refused one has (epoll(7), "Questions and answers", 9).
    if (n < size)
        to.writable = false;
    return {n > 0 ? transfer::done : transfer::blocked, n};
}

void end_sending(relay_end& to) noexcept {
    if (to.tls != nullptr) {
        ERR_clear_error();
        SSL_shutdown(to.tls);
    }
    ::shutdown(to.fd, SHUT_WR);
}

} // namespace balance::layer7
