// SPDX-License-Identifier: Apache-2.0
#include "probe/connect_probe.hpp"

#include "probe/reason.hpp"

#include <utility>

namespace balance::probe {

using boost::asio::ip::tcp;

bool is_self_connected(tcp::socket const& socket) {
    boost::system::error_code ec;
    auto const here = socket.local_endpoint(ec);
    auto const there = socket.remote_endpoint(ec);
    return !ec && here == there;
}

connect_probe::connect_probe(boost::asio::any_io_executor const& executor, endpoint target)
    : socket_(executor), target_(std::move(target)) {}

void connect_probe::start(done report) {
    report_ = std::move(report);
    log().step("connection");
    socket_.async_connect(tcp::endpoint(target_.address, target_.port),
                          [self = shared_from_this()](boost::system::error_code ec) { self->connected(ec); });
}

void connect_probe::connected(boost::system::error_code ec) {
    auto const report = std::exchange(report_, nullptr);
    if (!report)
        return;
    if (!ec && is_self_connected(socket_))
        ec = boost::asio::error::connection_refused;
    boost::system::error_code ignored;
    socket_.close(ignored);
    report(ec ? failure(words_for(ec)) : success("connected"));
}

void connect_probe::abort() {
    report_ = nullptr;
    boost::system::error_code ignored;
    socket_.close(ignored);
}

} // namespace balance::probe
