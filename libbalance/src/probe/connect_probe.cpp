// SPDX-License-Identifier: Apache-2.0
#include "probe/connect_probe.hpp"

#include "probe/environment.hpp"
#include "probe/reason.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace balance::probe {

connect_probe::connect_probe(environment& env, std::shared_ptr<socket_line> line, endpoint target)
    : executor_(env.executor()), socket_(std::move(line), *this), target_(std::move(target)) {}

void connect_probe::start(done report) {
    report_ = std::move(report);
    log().step("connection");
    if (auto const ec = socket_.connect(target_, quick_socket::manner::traceless))
        boost::asio::post(executor_, [self = shared_from_this(), ec] { self->finish(ec); });
}

void connect_probe::ready(bool /*readable*/) { finish(socket_.connected()); }

void connect_probe::finish(boost::system::error_code ec) {
    auto const self = shared_from_this();
    socket_.close();
    if (auto const report = std::exchange(report_, nullptr))
        report(ec ? failure(words_for(ec)) : success("connected"));
}

void connect_probe::abort() {
    report_ = nullptr;
    socket_.close();
}

} // namespace balance::probe
