// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cli/pinger.hpp>
#include <cli/prober.hpp>

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

namespace dyad::cli {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

namespace {

constexpr std::size_t most_waiting = 500; ///< attempts; each has a file descriptor
constexpr std::size_t most_answer = 1 << 20; ///< bytes of an HTTP answer that are waited for
/// Connections closed in good order keep their port for a minute (RFC 9293 §3.3.2); ones begun more often than this are
/// reset, or the 28,000 ports of a client would not last.
constexpr std::chrono::milliseconds port_lasts{4};

} // namespace

struct prober::impl {
    /// One attempt under way.
    struct client : std::enable_shared_from_this<client> {
        client(impl& o, std::int64_t at) : owner(o), begun(at), socket(o.io), limit(o.io) { ++owner.waiting; }

        void run() {
            boost::system::error_code ec;
            tcp::endpoint const to(owner.how.target.address, owner.how.target.port);
            socket.open(to.protocol(), ec);
            if (!ec && owner.how.source) {
                socket.bind({*owner.how.source, 0}, ec);
            }
            if (ec) {
                return end(ec.message());
            }
            limit.expires_after(owner.how.patience);
            limit.async_wait([self = shared_from_this()](boost::system::error_code e) {
                if (!e) {
                    self->end("no answer within " + short_time(std::chrono::microseconds(self->owner.how.patience).count()));
                }
            });
            socket.async_connect(to, [self = shared_from_this()](boost::system::error_code e) {
                e || self->owner.how.path.empty() ? self->connected(e) : self->ask();
            });
        }

        void connected(boost::system::error_code e) {
            if (!e && owner.how.every < port_lasts) {
                boost::system::error_code ignored;
                socket.set_option(tcp::socket::linger(true, 0), ignored);
            }
            end(e ? e.message() : "");
        }

        void ask() {
            request = {http::verb::get, owner.how.path, 11};
            request.set(http::field::host, balance::to_string(owner.how.target));
            request.set(http::field::user_agent, "dyad-probe");
            request.set(http::field::connection, "close");
            answer.body_limit(most_answer);
            http::async_write(socket, request, [self = shared_from_this()](boost::system::error_code e, std::size_t) {
                e ? self->end(e.message()) : self->read();
            });
        }

        /// What is below 500 was served.
        void read() {
            http::async_read(socket, buffer, answer, [self = shared_from_this()](boost::system::error_code e, std::size_t) {
                auto const status = self->answer.get().result_int();
                self->end(e ? e.message() : status >= 500 ? "HTTP status " + std::to_string(status) : "");
            });
        }

        void end(std::string failure) {
            if (std::exchange(ended, true)) {
                return;
            }
            owner.note({begun, owner.now(), std::move(failure)});
            --owner.waiting;
            limit.cancel();
            boost::system::error_code ignored;
            socket.close(ignored);
        }

        impl& owner;
        std::int64_t begun;
        tcp::socket socket;
        asio::steady_timer limit;
        http::request<http::empty_body> request;
        http::response_parser<http::string_body> answer;
        boost::beast::flat_buffer buffer;
        bool ended = false;
    };

    impl(settings s, clock::time_point e) : how(std::move(s)), epoch(e), next(io) {
        if (how.ping) {
            pings.emplace(io, how, [this] { return now(); }, [this](attempt a) { note(std::move(a)); });
        }
    }

    [[nodiscard]] std::int64_t now() const {
        return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - epoch).count();
    }

    void note(attempt a) {
        std::lock_guard const lock(guard);
        done.push_back(std::move(a));
    }

    /// The grid stands still, however long an attempt takes.
    void begin_next() {
        next.expires_at(start + turn++ * how.every);
        next.async_wait([this](boost::system::error_code ec) {
            if (ec || stopping) {
                return;
            }
            if (pings) {
                pings->send();
            } else if (waiting >= most_waiting) {
                note({now(), now(), "not begun: " + std::to_string(most_waiting) + " wait for an answer"});
            } else {
                std::make_shared<client>(*this, now())->run();
            }
            begin_next();
        });
    }

    settings how;
    clock::time_point const epoch;
    clock::time_point const start = clock::now();
    asio::io_context io;
    asio::steady_timer next;
    std::optional<pinger> pings; ///< of a prober that pings
    std::int64_t turn = 0;
    std::size_t waiting = 0;
    bool stopping = false; ///< of the thread
    mutable std::mutex guard;
    std::vector<attempt> done; ///< guarded
    std::thread thread;
};

prober::prober(settings s, clock::time_point epoch) : impl_(std::make_unique<impl>(std::move(s), epoch)) {
    impl_->begin_next();
    impl_->thread = std::thread([i = impl_.get()] { i->io.run(); });
}

prober::~prober() { stop(); }

void prober::stop() {
    if (impl_->thread.joinable()) {
        asio::post(impl_->io, [i = impl_.get()] {
            i->stopping = true;
            i->next.cancel();
            if (i->pings) {
                i->pings->stop();
            }
        });
        impl_->thread.join();
    }
}

std::int64_t prober::now() const { return impl_->now(); }

std::vector<attempt> prober::attempts(std::size_t known) const {
    std::lock_guard const lock(impl_->guard);
    auto const& done = impl_->done;
    return {done.begin() + static_cast<std::ptrdiff_t>(std::min(known, done.size())), done.end()};
}

} // namespace dyad::cli
