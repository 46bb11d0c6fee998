// SPDX-License-Identifier: Apache-2.0
#include "probe/http_probe.hpp"

#include "core/proxy_header.hpp"
#include "probe/environment.hpp"
#include "probe/reason.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace balance::probe {
namespace asio = boost::asio;

http_probe::http_probe(environment& env, std::shared_ptr<socket_line> line, std::shared_ptr<http_question const> question)
    : executor_(env.executor()), buffer_(line->set()->buffer()), socket_(std::move(line), *this),
      exchange_(std::move(question), env.settings().max_body), request_(exchange_.question().request) {
    if (auto const version = exchange_.question().what.greeting; version != proxy_protocol::version::none)
        greeting_ = core::own_proxy_header(version);
}

void http_probe::start(done report) {
    report_ = std::move(report);
    log().step("connection");
    if (auto const ec = socket_.connect(exchange_.question().what.target, quick_socket::manner::usual))
        asio::post(executor_, [self = shared_from_this(), ec] { self->finish(failure(words_for(ec))); });
}

void http_probe::ready(bool readable) {
    auto const self = shared_from_this();
    if (!std::exchange(connected_, true)) {
        if (auto const ec = socket_.connected())
            return finish(failure(words_for(ec)));
        exchange_.asked(log());
    }
    write();
    if (report_ && readable)
        read();
}

void http_probe::write() {
    for (auto* const part : {&greeting_, &request_}) {
        while (!part->empty()) {
            auto const written = socket_.write(*part);
            if (written.error == asio::error::would_block)
                return;
            if (written.error)
                return finish(failure("sending the request: " + words_for(written.error)));
            part->remove_prefix(written.size);
        }
    }
}

/// Until there is nothing left: the kernel tells of it once.
void http_probe::read() {
    while (report_) {
        auto const got = socket_.read(buffer_);
        if (got.error == asio::error::would_block)
            return;
        if (auto const result = exchange_.take({buffer_.data(), got.size}, got.error, log()))
            return finish(*result);
    }
}

void http_probe::finish(check_result const& result) {
    auto const self = shared_from_this();
    socket_.close();
    if (auto const report = std::exchange(report_, nullptr))
        report(result);
}

void http_probe::abort() {
    report_ = nullptr;
    socket_.close();
}

} // namespace balance::probe
