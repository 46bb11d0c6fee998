// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/temporary_directory.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace test {

/// Answers HTTP on a real unix socket in a directory of its own, as told; keeps what it was asked.
class scripted_daemon {
public:
    struct answer {
        unsigned status = 200;
        std::string body;
    };

    /// `answers`: "GET /v1/status" -> what to say. Anything else is 404. An empty body closes without an answer.
    explicit scripted_daemon(std::map<std::string, answer> answers, std::string const& socket = "dyad.sock")
        : answers_(std::move(answers)), acceptor_(io_, {(directory_.path() / socket).string()}),
          thread_([this] { serve(); }) {}

    ~scripted_daemon() {
        boost::system::error_code ignored;
        stopping_ = true;
        boost::asio::local::stream_protocol::socket last(io_); // wakes accept()
        last.connect(acceptor_.local_endpoint(), ignored);
        thread_.join();
    }

    [[nodiscard]] std::filesystem::path const& run_dir() const { return directory_.path(); }
    /// "POST /v1/apply {…}" for each request so far.
    [[nodiscard]] std::vector<std::string> asked() const {
        std::lock_guard const lock(mutex_);
        return asked_;
    }

private:
    void serve() {
        namespace http = boost::beast::http;
        boost::system::error_code ec;
        while (true) {
            auto socket = acceptor_.accept(ec);
            if (stopping_ || ec) {
                return;
            }
            boost::beast::flat_buffer buffer;
            http::request<http::string_body> request;
            http::read(socket, buffer, request, ec);
            if (ec) {
                continue;
            }
            auto const what = std::string(request.method_string()) + ' ' + std::string(request.target());
            {
                std::lock_guard const lock(mutex_);
                asked_.push_back(what + (request.body().empty() ? "" : ' ' + request.body()));
            }
            auto const found = answers_.find(what);
            if (found != answers_.end() && found->second.body.empty()) {
                continue;
            }
            http::response<http::string_body> response;
            response.result(found == answers_.end() ? 404 : found->second.status);
            response.body() = found == answers_.end() ? R"({"error":"no such thing"})" : found->second.body;
            response.prepare_payload();
            http::write(socket, response, ec);
        }
    }

    temporary_directory directory_;
    std::map<std::string, answer> const answers_;
    boost::asio::io_context io_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    std::atomic<bool> stopping_{false};
    mutable std::mutex mutex_;
    std::vector<std::string> asked_;
    std::thread thread_; // last: it uses all of the above
};

} // namespace test
