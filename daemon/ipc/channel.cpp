// SPDX-License-Identifier: Apache-2.0
#include "ipc/channel.hpp"

#include "ipc/socket.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <deque>

namespace dyad::ipc {

namespace asio = boost::asio;

balance::result<std::pair<descriptor, descriptor>> socket_pair() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
        return balance::make_error(balance::errc::io_error,
                                   "socketpair: " +
                                       boost::system::error_code(errno, boost::system::system_category()).message());
    }
    return std::pair{descriptor(fds[0]), descriptor(fds[1])};
}

struct channel::impl : std::enable_shared_from_this<impl> {
    struct outgoing {
        std::string bytes;
        std::size_t sent = 0;
        std::vector<descriptor> descriptors;
    };

    impl(asio::any_io_executor const& executor, descriptor socket) : socket_(executor, socket.release()) {
        boost::system::error_code ignored;
        socket_.native_non_blocking(true, ignored);
    }

    void wait_readable();
    /// Reads at most `rounds` times, so that one busy peer leaves time for the others.
    void read(int rounds);
    /// False when the channel was closed meanwhile.
    bool deliver();
    void write();
    void fail(std::string const& reason);
    void fail_later(std::string reason);

    asio::posix::stream_descriptor socket_;
    frame_decoder decoder_;
    std::deque<descriptor> received_;
    std::deque<outgoing> queue_;
    std::size_t queued_ = 0;
    bool writing_ = false;
    bool peer_gone_ = false; ///< writing failed; reading goes on to the end of what it sent
    bool delivering_ = false;
    message_handler on_message_;
    closed_handler on_closed_;
};

void channel::impl::wait_readable() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](boost::system::error_code ec) {
                           if (ec || !self->socket_.is_open()) {
                               return;
                           }
                           self->read(16);
                           if (self->socket_.is_open()) {
                               self->wait_readable();
                           }
                       });
}

void channel::impl::read(int rounds) {
    while (rounds-- > 0 && socket_.is_open()) {
        auto const got = receive(socket_.native_handle(), decoder_, received_);
        if (got == reception::nothing) {
            return;
        }
        if (got == reception::end) {
            return fail(decoder_.partial() ? "closed by the peer in the middle of a message" : "closed by the peer");
        }
        if (got == reception::lost_descriptors) {
            return fail("descriptors were lost: raise the limit of open files (LimitNOFILE=)");
        }
        if (!deliver()) {
            return;
        }
    }
}

bool channel::impl::deliver() {
    delivering_ = true;
    while (socket_.is_open()) {
        auto next = decoder_.next();
        if (!next) {
            delivering_ = false;
            fail(next.error().detail);
            return false;
        }
        auto& frame = *next;
        if (!frame) {
            break;
        }
        if (frame->descriptors > received_.size()) {
            delivering_ = false;
            fail("a message came without its descriptors");
            return false;
        }
        std::vector<descriptor> mine;
        for (; frame->descriptors > 0; --frame->descriptors) {
            mine.push_back(std::move(received_.front()));
            received_.pop_front();
        }
        if (auto const handler = on_message_) {
            handler(std::move(frame->body), std::move(mine));
        }
    }
    delivering_ = false;
    if (received_.size() > (decoder_.partial() ? max_descriptors : 0)) {
        fail("descriptors came without a message");
    }
    return socket_.is_open();
}

void channel::impl::write() {
    while (!queue_.empty()) {
        auto& first = queue_.front();
        auto const rest = std::string_view(first.bytes).substr(first.sent);
        auto const sent = transmit(socket_.native_handle(), rest, first.descriptors);
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            writing_ = true;
            socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                               [self = shared_from_this()](boost::system::error_code ec) {
                                   self->writing_ = false;
                                   if (!ec && self->socket_.is_open()) {
                                       self->write();
                                   }
                               });
            return;
        }
        if (sent < 0) {
            auto const reason = boost::system::error_code(errno, boost::system::system_category());
            queue_.clear();
            queued_ = 0;
            peer_gone_ = true;
            if (reason.value() != EPIPE && reason.value() != ECONNRESET) {
                fail_later("sending failed: " + reason.message());
            }
            return;
        }
        first.descriptors.clear();
        first.sent += static_cast<std::size_t>(sent);
        queued_ -= static_cast<std::size_t>(sent);
        if (first.sent == first.bytes.size()) {
            queue_.pop_front();
        }
    }
}

void channel::impl::fail(std::string const& reason) {
    if (!socket_.is_open()) {
        return;
    }
    boost::system::error_code ignored;
    socket_.close(ignored);
    on_message_ = nullptr;
    if (auto const handler = std::exchange(on_closed_, nullptr)) {
        handler(reason);
    }
}

void channel::impl::fail_later(std::string reason) {
    asio::post(socket_.get_executor(), [self = shared_from_this(), text = std::move(reason)] { self->fail(text); });
}

channel::channel(asio::any_io_executor executor, descriptor socket)
    : impl_(std::make_shared<impl>(executor, std::move(socket))) {}

channel::~channel() { close(); }

channel& channel::operator=(channel&& other) noexcept {
    if (this != &other) {
        close();
        impl_ = std::move(other.impl_);
    }
    return *this;
}

void channel::on_message(message_handler handler) { impl_->on_message_ = std::move(handler); }
void channel::on_closed(closed_handler handler) { impl_->on_closed_ = std::move(handler); }
void channel::start() { impl_->wait_readable(); }

bool channel::send(boost::json::object const& message, std::span<int const> descriptors) {
    if (!is_open() || impl_->peer_gone_) {
        return false;
    }
    auto bytes = encode_frame(message, descriptors.size());
    if (!bytes) {
        return false;
    }
    impl::outgoing next{std::move(*bytes), 0, {}};
    for (auto const fd : descriptors) {
        next.descriptors.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
        if (!next.descriptors.back()) {
            return false;
        }
    }
    impl_->queued_ += next.bytes.size();
    impl_->queue_.push_back(std::move(next));
    if (impl_->queued_ > max_queue) {
        impl_->peer_gone_ = true;
        impl_->fail_later("the peer does not read: more than " + std::to_string(max_queue) + " bytes wait for it");
        return false;
    }
    if (!impl_->writing_) {
        impl_->write();
    }
    return true;
}

void channel::receive_now() {
    if (is_open() && !impl_->delivering_) {
        auto const keep = impl_;
        keep->read(1024);
    }
}

void channel::close() {
    if (!impl_) {
        return;
    }
    boost::system::error_code ignored;
    impl_->socket_.close(ignored);
    impl_->on_message_ = nullptr;
    impl_->on_closed_ = nullptr;
}

std::size_t channel::waiting() const noexcept { return impl_ ? impl_->queued_ : 0; }

bool channel::is_open() const noexcept { return impl_ && impl_->socket_.is_open(); }

} // namespace dyad::ipc
