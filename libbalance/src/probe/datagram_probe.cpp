// SPDX-License-Identifier: Apache-2.0
#include "probe/datagram_probe.hpp"

#include "probe/dialogue_probe.hpp"
#include "probe/reason.hpp"

#include <boost/asio/post.hpp>

#include <chrono>
#include <utility>

namespace balance::probe {
namespace asio = boost::asio;

datagram_probe::datagram_probe(asio::any_io_executor const& executor, std::shared_ptr<order const> o,
                               std::unique_ptr<dialogue> speaks, std::shared_ptr<verdict const> expected)
    : order_(std::move(o)), socket_(executor), again_(executor), dialogue_(std::move(speaks)), expected_(std::move(expected)) {}

void datagram_probe::start(done report) {
    report_ = std::move(report);
    asio::post(again_.get_executor(), [self = shared_from_this()] {
        if (self->report_)
            self->open();
    });
}

/// Connected, so that the kernel takes answers from the server alone and tells when nobody listens there.
void datagram_probe::open() {
    asio::ip::udp::endpoint const target(order_->target.address, order_->target.port);
    boost::system::error_code error;
    socket_.open(target.protocol(), error);
    if (!error)
        socket_.non_blocking(true, error);
    if (!error)
        socket_.connect(target, error);
    if (error)
        return finish(failure(words_for(error)));
    saying_ = dialogue_->to_send();
    log().step(dialogue_->waiting_for());
    say();
    if (report_)
        listen();
}

void datagram_probe::say() {
    boost::system::error_code error;
    socket_.send(asio::buffer(saying_), 0, error);
    // A full queue is the local machine's moment; an unreachable target is an answer.
    if (error && error != asio::error::would_block && error != asio::error::no_buffer_space && error != asio::error::interrupted)
        return finish(failure(words_for(error)));
    log().sent(dialogue_->shown(saying_));
    again_.expires_after(std::chrono::seconds(1));
    again_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
        if (!ec && self->report_)
            self->say();
    });
}

void datagram_probe::listen() {
    socket_.async_receive(asio::buffer(buffer_), [self = shared_from_this()](boost::system::error_code ec, std::size_t size) {
        if (!self->report_)
            return;
        if (ec)
            return self->finish(failure(words_for(ec)));
        self->heard(size);
    });
}

void datagram_probe::heard(std::size_t size) {
    std::string_view const bytes(buffer_.data(), size);
    log().received(without_secrets(bytes, order_->check));
    dialogue_->received(bytes);
    if (auto const found = dialogue_->outcome())
        return finish(result_of(*found, expected_.get(), order_->check));
    if (log().waiting_for() != dialogue_->waiting_for())
        log().step(dialogue_->waiting_for());
    listen();
}

void datagram_probe::finish(check_result result) {
    auto const report = std::exchange(report_, nullptr);
    abort();
    if (report)
        report(std::move(result));
}

void datagram_probe::abort() {
    report_ = nullptr;
    again_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
}

} // namespace balance::probe
