// SPDX-License-Identifier: Apache-2.0
#include "proxy/relay.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace balance::layer7 {
namespace {

/// Chunks moved in one turn, so that one fast connection does not starve the others of its thread.
constexpr int turn = 16;

enum class step : std::uint8_t { done, blocked, failed };

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

step send_held(relay_lane& lane) noexcept {
    while (lane.begin != lane.end) {
        if (!lane.to->writable)
            return step::blocked;
        auto const sent = ::send(lane.to->fd, lane.held + lane.begin, lane.end - lane.begin, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && !would_block(errno))
            return step::failed;
        // A short write has filled the socket as a refused one has (epoll(7), "Questions and answers", 9).
        if (sent < 0 || static_cast<std::size_t>(sent) < lane.end - lane.begin)
            lane.to->writable = false;
        if (sent > 0) {
            lane.begin += static_cast<std::size_t>(sent);
            for (auto* const counter : lane.counted)
                if (counter != nullptr)
                    add(*counter, static_cast<std::uint64_t>(sent));
        }
    }
    lane.begin = lane.end = 0;
    return step::done;
}

step receive(relay_lane& lane, std::size_t size) noexcept {
    while (lane.from->readable) {
        auto const got = ::recv(lane.from->fd, lane.held, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && !would_block(errno))
            return step::failed;
        if (got < 0) {
            lane.from->readable = false;
            return step::blocked;
        }
        lane.ended = got == 0;
        lane.end = static_cast<std::size_t>(got);
        if (lane.end < size && !lane.from->last_words)
            lane.from->readable = false;
        return step::done;
    }
    return step::blocked;
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

relay_outcome relay(relay_lane& lane, buffer_pool& pool) noexcept {
    for (int chunk = 0; chunk < turn; ++chunk) {
        switch (send_held(lane)) {
        case step::done:
            break;
        case step::blocked:
            return relay_outcome::waiting;
        case step::failed:
            drop(lane, pool);
            return relay_outcome::to_reset;
        }
        if (lane.ended) {
            drop(lane, pool);
            return relay_outcome::ended;
        }
        if (lane.held == nullptr) {
            if (!lane.from->readable)
                return relay_outcome::waiting;
            lane.held = pool.take();
        }
        switch (receive(lane, pool.buffer_size())) {
        case step::done:
            break;
        case step::blocked:
            drop(lane, pool);
            return relay_outcome::waiting;
        case step::failed:
            drop(lane, pool);
            return relay_outcome::from_reset;
        }
    }
    return relay_outcome::more;
}

void drop(relay_lane& lane, buffer_pool& pool) noexcept {
    if (lane.held != nullptr)
        pool.give(lane.held);
    lane.held = nullptr;
    lane.begin = lane.end = 0;
}

} // namespace balance::layer7
