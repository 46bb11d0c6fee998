// SPDX-License-Identifier: Apache-2.0
#include "proxy/http_stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace balance::layer7 {
namespace {

bool is_refusal(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

} // namespace

http_stream::progress http_stream::receive(relay_end& from) noexcept {
    if (!from.readable)
        return progress::blocked;
    if (in_ == nullptr)
        in_ = pool_.take();
    if (!kept_ && sent_ == end_)
        begin_ = sent_ = ready_ = end_ = 0;
    if (end_ == pool_.buffer_size()) {
        if (sent_ == 0)
            return progress::full;
        std::memmove(in_, in_ + sent_, end_ - sent_); // what was kept cannot be kept any longer
        ready_ -= sent_;
        end_ -= sent_;
        begin_ = sent_ = 0;
        kept_ = false;
    }
    auto const room = pool_.buffer_size() - end_;
    ssize_t got = -1;
    do
        got = ::recv(from.fd, in_ + end_, room, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && !is_refusal(errno))
        return progress::failed;
    if (got < 0) {
        from.readable = false;
        return progress::blocked;
    }
    if (got == 0) {
        ended = true;
        return progress::ended;
    }
    if (static_cast<std::size_t>(got) < room && !from.last_words)
        from.readable = false;
    end_ += static_cast<std::size_t>(got);
    return progress::done;
}

http_stream::progress http_stream::send(relay_end& to, std::array<std::atomic<std::uint64_t>*, 2> const& counted) noexcept {
    while (has_to_send()) {
        if (!to.writable)
            return progress::blocked;
        std::array<iovec, 2> parts{{{head_ + head_sent_, head_size_ - head_sent_}, {in_ + sent_, ready_ - sent_}}};
        msghdr message{};
        bool const no_head = parts[0].iov_len == 0;
        message.msg_iov = parts.data() + (no_head ? 1 : 0);
        message.msg_iovlen = no_head || parts[1].iov_len == 0 ? 1 : 2;
        auto const all = parts[0].iov_len + parts[1].iov_len;
        auto const sent = ::sendmsg(to.fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && !is_refusal(errno))
            return progress::failed;
        if (sent < 0 || static_cast<std::size_t>(sent) < all)
            to.writable = false;
        if (sent <= 0)
            continue;
        auto const n = static_cast<std::size_t>(sent);
        auto const of_head = std::min(n, head_size_ - head_sent_);
        head_sent_ += of_head;
        sent_ += n - of_head;
        for (auto* const counter : counted)
            if (counter != nullptr)
                add(*counter, n);
    }
    if (!kept_)
        begin_ = sent_;
    return progress::done;
}

void http_stream::take_head(std::size_t size) noexcept {
    begin_ = sent_ = ready_ += size;
    kept_ = true;
}

std::span<char> http_stream::head_space() {
    if (head_ == nullptr)
        head_ = pool_.take();
    return {head_, pool_.buffer_size()};
}

void http_stream::say(std::string_view words) {
    auto const space = head_space();
    auto const n = std::min(words.size(), space.size());
    std::copy_n(words.begin(), n, space.begin());
    begin_ = sent_ = ready_ = end_;
    kept_ = false;
    set_head(n);
}

bool http_stream::take_body() noexcept {
    ready_ += body.take(unread());
    return !body.failed();
}

void http_stream::forget() noexcept {
    kept_ = false;
    begin_ = sent_;
}

void http_stream::release() noexcept {
    if (head_ != nullptr && head_sent_ == head_size_ && !kept_) {
        pool_.give(head_);
        head_ = nullptr;
        head_sent_ = head_size_ = 0;
    }
    if (in_ != nullptr && sent_ == end_ && !kept_) {
        pool_.give(in_);
        in_ = nullptr;
        begin_ = sent_ = ready_ = end_ = 0;
    }
}

void http_stream::clear() noexcept {
    forget();
    sent_ = end_;
    head_sent_ = head_size_;
    release();
    body = {};
    ended = false;
}

} // namespace balance::layer7
