// SPDX-License-Identifier: Apache-2.0
#include "probe/program.hpp"
#include "probe/reason.hpp"

#include <balance/change_hooks.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <poll.h>

#include <array>
#include <chrono>
#include <deque>
#include <utility>

namespace balance {
namespace asio = boost::asio;

/// Keeps itself alive while a program runs.
struct change_hooks::impl : std::enable_shared_from_this<change_hooks::impl> {
    impl(asio::any_io_executor const& executor, settings s)
        : how(s), end_of_time(executor), next_start(executor), output(executor), pidfd(executor) {}

    settings how;
    std::deque<call> waiting;
    std::size_t dropped = 0;
    std::function<void(std::string const&)> trouble;
    std::function<void()> idle; ///< empty: nobody waits for it
    asio::steady_timer end_of_time;
    asio::steady_timer next_start;
    asio::posix::stream_descriptor output;
    asio::posix::stream_descriptor pidfd;
    probe::program running;
    std::string command; ///< that runs
    std::function<void(std::string const&)> done; ///< of the one that runs
    bool busy = false;   ///< one runs, or the pause after its start is not over
    bool late = false;   ///< it was killed
    milliseconds limit{0}; ///< of the one that runs
    std::array<char, 4096> buffer{};

    void begin();
    void drain();
    void await_end();
    void ended(probe::ending const& e, std::string fault = {});
    void tell_idle();
    void say(std::string const& text) const {
        if (trouble)
            trouble(text);
    }
    [[nodiscard]] std::string fault_of(probe::ending const& e, bool ran) const;
};

void change_hooks::impl::begin() {
    if (busy || waiting.empty())
        return;
    busy = true;
    if (auto const lost = std::exchange(dropped, 0); lost != 0)
        say(std::to_string(lost) + " calls of hooks were dropped: " + std::to_string(how.waiting) + " waited already");
    call next = std::move(waiting.front());
    waiting.pop_front();
    command = next.command;
    done = std::move(next.done);
    late = false;
    next_start.expires_after(how.pause);
    if (auto const why = probe::launch(next.command, next.arguments, running, next.environment); !why.empty()) {
        running = {};
        return ended({}, "the hook " + why);
    }
    output.assign(running.output);
    pidfd.assign(running.pidfd);
    drain();
    await_end();
    limit = how.timeout;
    end_of_time.expires_after(limit);
    end_of_time.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (ec || self->running.pid <= 0)
            return;
        self->late = true;
        probe::end_group(self->running);
    });
}

/// What it writes is nobody's, but it must not block on a full pipe.
void change_hooks::impl::drain() {
    output.async_read_some(asio::buffer(buffer), [self = shared_from_this()](boost::system::error_code ec, std::size_t) {
        if (!ec)
            self->drain();
    });
}

void change_hooks::impl::await_end() {
    pidfd.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](boost::system::error_code) {
        if (self->running.pid <= 0)
            return;
        auto const e = probe::reap(self->running);
        e.reaped ? self->ended(e) : self->await_end();
    });
}

/// Empty: all was well.
std::string change_hooks::impl::fault_of(probe::ending const& e, bool ran) const {
    std::string const name = "the hook " + command;
    if (late)
        return name + " was killed after " + probe::span_of_time(limit);
    if (ran && e.known && e.signal != 0)
        return name + " was killed by signal " + std::to_string(e.signal);
    if (ran && e.known && e.exit_status != 0)
        return name + " ended with status " + std::to_string(e.exit_status);
    return {};
}

void change_hooks::impl::ended(probe::ending const& e, std::string fault) {
    bool const ran = std::exchange(running, {}).pid > 0;
    boost::system::error_code ignored;
    output.close(ignored);
    pidfd.close(ignored);
    end_of_time.cancel();
    if (fault.empty())
        fault = fault_of(e, ran);
    if (!fault.empty())
        say(fault);
    if (auto const told = std::exchange(done, nullptr))
        told(fault);
    next_start.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (ec)
            return;
        self->busy = false;
        self->begin();
    });
    tell_idle();
}

void change_hooks::impl::tell_idle() {
    if (idle && running.pid <= 0 && waiting.empty())
        std::exchange(idle, nullptr)();
}

change_hooks::change_hooks(asio::any_io_executor executor) : change_hooks(std::move(executor), settings{}) {}

change_hooks::change_hooks(asio::any_io_executor executor, settings s) : impl_(std::make_shared<impl>(executor, s)) {}

change_hooks::~change_hooks() {
    impl_->trouble = nullptr;
    impl_->idle = nullptr;
    impl_->done = nullptr;
    impl_->waiting.clear();
    impl_->next_start.cancel();
    impl_->end_of_time.cancel();
    boost::system::error_code ignored;
    impl_->output.close(ignored);
    if (impl_->running.pid > 0) {
        probe::end_group(impl_->running);
        pollfd gone{impl_->running.pidfd, POLLIN, 0};
        ::poll(&gone, 1, 1000); // what SIGKILL cannot end within a second hangs in the kernel; it is left to init
        static_cast<void>(probe::reap(impl_->running));
        impl_->running = {};
    }
    impl_->pidfd.close(ignored);
}

void change_hooks::configure(settings s) { impl_->how = s; }

void change_hooks::run(call c) {
    if (impl_->waiting.size() >= impl_->how.waiting) {
        ++impl_->dropped;
        if (c.done)
            c.done("too many hooks wait already");
        return;
    }
    impl_->waiting.push_back(std::move(c));
    impl_->begin();
}

void change_hooks::when_idle(std::function<void()> callback) {
    impl_->idle = std::move(callback);
    impl_->tell_idle();
}

void change_hooks::on_trouble(std::function<void(std::string const&)> callback) { impl_->trouble = std::move(callback); }

} // namespace balance
