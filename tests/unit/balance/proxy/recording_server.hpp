// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/scripted_server.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/read.hpp>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace test {

/// An HTTP server that keeps what it was asked, byte for byte, and answers with its name. It reads requests with a reader of its
/// own, as plain as can be: what the proxy and it understand differently shows.
class recording_server {
public:
    struct request {
        std::string head;
        std::string body; ///< with its chunk sizes, when it has some
        std::size_t connection = 0;
    };

    explicit recording_server(std::string name)
        : name_(std::move(name)), server_([this](tcp::socket& s) { return serve(s); }) {}

    [[nodiscard]] std::uint16_t port() const { return server_.port(); }
    [[nodiscard]] std::vector<request> asked() const {
        std::lock_guard const lock(mutex_);
        return asked_;
    }
    [[nodiscard]] std::size_t connections() const {
        std::lock_guard const lock(mutex_);
        return connections_;
    }
    /// What it answers from now on instead of 200 and its name.
    void answer(std::string text, bool then_close = false) {
        std::lock_guard const lock(mutex_);
        answer_ = std::move(text);
        close_ = then_close;
    }

private:
    static std::string lower(std::string text) {
        std::transform(text.begin(), text.end(), text.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
        return text;
    }

    boost::asio::awaitable<void> serve(tcp::socket& s) {
        std::string bytes;
        auto into = boost::asio::dynamic_buffer(bytes);
        std::size_t connection = 0;
        {
            std::lock_guard const lock(mutex_);
            connection = ++connections_;
        }
        while (true) {
            auto const [ec, size] = co_await boost::asio::async_read_until(s, into, "\r\n\r\n", no_throw);
            if (ec)
                co_return;
            request r{bytes.substr(0, size), {}, connection};
            bytes.erase(0, size);
            auto const fields = lower(r.head);
            std::size_t body = 0;
            if (fields.find("\r\ntransfer-encoding: chunked\r\n") != fields.npos) {
                auto const [failed, end] = co_await boost::asio::async_read_until(s, into, "0\r\n\r\n", no_throw);
                if (failed)
                    co_return;
                body = end;
            } else if (auto const at = fields.find("\r\ncontent-length: "); at != fields.npos) {
                body = std::stoul(fields.substr(at + 18));
                if (bytes.size() < body) {
                    auto const [failed, more] =
                        co_await boost::asio::async_read(s, into, boost::asio::transfer_at_least(body - bytes.size()), no_throw);
                    if (failed)
                        co_return;
                }
            }
            r.body = bytes.substr(0, body);
            bytes.erase(0, body);
            std::string said;
            bool close = false;
            {
                std::lock_guard const lock(mutex_);
                asked_.push_back(r);
                said = answer_.value_or(http_answer(r.head.starts_with("HEAD ") ? "" : name_));
                close = close_;
            }
            co_await boost::asio::async_write(s, boost::asio::buffer(said), no_throw);
            if (close) {
                s.close();
                co_return;
            }
        }
    }

    std::string name_;
    mutable std::mutex mutex_;
    std::vector<request> asked_;
    std::size_t connections_ = 0;
    std::optional<std::string> answer_;
    bool close_ = false;
    threaded_server server_; // goes first: it uses the others
};

} // namespace test
