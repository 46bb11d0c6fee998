// SPDX-License-Identifier: Apache-2.0
#include "probe/external_probe.hpp"

#include "probe/reason.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace balance::probe {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kept_output = 512;

std::vector<std::string> arguments_for(order const& o) {
    return {o.virtual_service.address.to_string(), std::to_string(o.virtual_service.port), o.target.address.to_string(),
            std::to_string(o.target.port)};
}

/// Under the names that programs of `on_change` know.
std::vector<std::pair<std::string, std::string>> environment_for(order const& o) {
    return {{"DYAD_SERVICE", o.names.service},
            {"DYAD_SERVER", o.names.server},
            {"DYAD_SERVICE_ADDRESS", o.virtual_service.address.to_string()},
            {"DYAD_SERVICE_PORT", std::to_string(o.virtual_service.port)},
            {"DYAD_ADDRESS", o.target.address.to_string()},
            {"DYAD_PORT", std::to_string(o.target.port)},
            {"DYAD_TIMEOUT_MS", std::to_string(o.check.timeout.count())}};
}

std::string first_line(std::string const& text) {
    auto const start = text.find_first_not_of(" \t\r\n");
    return start == std::string::npos ? std::string{} : text.substr(start, text.find_first_of("\r\n", start) - start);
}

check_result judge(ending const& e, std::string const& said) {
    if (!e.known)
        return failure("how the program ended is not known: SIGCHLD is ignored in this process");
    std::string text =
        e.signal != 0 ? "killed by signal " + std::to_string(e.signal) : "exit status " + std::to_string(e.exit_status);
    if (auto const line = first_line(said); !line.empty())
        text += ": " + excerpt(line, 120);
    return e.signal == 0 && e.exit_status == 0 ? success(text) : failure(text);
}

} // namespace

external_probe::external_probe(asio::any_io_executor const& executor, std::shared_ptr<order const> o)
    : output_(executor), pidfd_(executor), order_(std::move(o)) {}

external_probe::~external_probe() { external_probe::abandon(); }

void external_probe::start(done report) {
    report_ = std::move(report);
    log().step("end of the program");
    auto const arguments = arguments_for(*order_);
    std::string line = order_->check.command;
    for (auto const& a : arguments)
        line += " " + a;
    log().note(line);
    auto const trouble = launch(order_->check.command, arguments, program_, environment_for(*order_));
    if (trouble.empty()) {
        output_.assign(program_.output);
        pidfd_.assign(program_.pidfd);
        read_output();
        await_end();
        return;
    }
    asio::post(output_.get_executor(), [self = shared_from_this(), trouble] {
        if (auto const report_now = std::exchange(self->report_, nullptr))
            report_now(failure(trouble));
    });
    release();
}

void external_probe::abort() {
    report_ = nullptr;
    log().received(said_);
    end_group(program_);
}

void external_probe::abandon() {
    report_ = nullptr;
    gone_ = nullptr;
    if (program_.pid <= 0)
        return;
    end_group(program_);
    pollfd waiting{program_.pidfd, POLLIN, 0};
    ::poll(&waiting, 1, 1000); // what SIGKILL cannot end within a second hangs in the kernel; it is left to init
    static_cast<void>(reap(program_));
    program_.pid = -1;
}

/// Everything is read so that the program never blocks on a full pipe; only the beginning is kept.
void external_probe::read_output() {
    output_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](boost::system::error_code ec, std::size_t n) {
                                self->said_.append(self->buffer_.data(), std::min(n, kept_output - self->said_.size()));
                                if (!ec)
                                    self->read_output();
                            });
}

/// What is in the pipe when the program has ended; its end of file may never come if a child it left holds the pipe.
void external_probe::drain_output() {
    while (said_.size() < kept_output) {
        auto const n = ::read(program_.output, buffer_.data(), buffer_.size());
        if (n <= 0)
            return;
        said_.append(buffer_.data(), std::min(static_cast<std::size_t>(n), kept_output - said_.size()));
    }
}

void external_probe::await_end() {
    pidfd_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](boost::system::error_code) {
                          if (self->program_.pid <= 0)
                              return;
                          ending const e = reap(self->program_);
                          e.reaped ? self->ended(e) : self->await_end();
                      });
}

void external_probe::ended(ending const& e) {
    program_.pid = -1;
    if (output_.is_open())
        drain_output();
    boost::system::error_code ignored;
    output_.close(ignored);
    pidfd_.close(ignored);
    log().received(said_);
    auto const report = std::exchange(report_, nullptr);
    release();
    if (report)
        report(judge(e, said_));
}

void external_probe::release() {
    if (auto const gone = std::exchange(gone_, nullptr))
        gone();
}

} // namespace balance::probe
