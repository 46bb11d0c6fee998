// SPDX-License-Identifier: Apache-2.0
#include "probe/http_probe.hpp"

#include "probe/digest.hpp"
#include "probe/reason.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace balance::probe {
namespace asio = boost::asio;
namespace {

/// What the operator wrote as it is, else the server's address as a browser would write it.
std::string host_field(order const& o) {
    if (!o.check.host.empty())
        return o.check.host;
    std::string const text = o.target.address.to_string();
    std::uint16_t const usual = o.check.type == health_check::kind::https ? 443 : 80;
    return (o.target.address.is_v6() ? "[" + text + "]" : text) +
           (o.target.port == usual ? "" : ":" + std::to_string(o.target.port));
}

enum class with_secrets : std::uint8_t { no, yes };

std::string const hidden = "(hidden)";

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

/// Headers whose values let somebody in, by their names.
bool may_be_secret(std::string_view name) {
    std::string word(name);
    std::transform(word.begin(), word.end(), word.begin(), lower);
    for (auto const* part : {"auth", "cookie", "key", "token", "secret", "password"})
        if (word.find(part) != word.npos)
            return true;
    return false;
}

/// `secrets`: no for what people get to see.
std::string request_text(order const& o, with_secrets secrets) {
    std::string path = o.check.request;
    if (!path.starts_with('/'))
        path.insert(path.begin(), '/');
    std::string text = (o.check.method.empty() ? std::string("GET") : o.check.method) + " " + path + " HTTP/1.1\r\n";
    text += "Host: " + host_field(o) + "\r\n";
    bool own_agent = true;
    bool own_accept = true;
    for (auto const& [name, value] : o.check.headers) {
        own_agent = own_agent && !same_name(name, "User-Agent");
        own_accept = own_accept && !same_name(name, "Accept");
        text += name + ": " + (secrets == with_secrets::no && may_be_secret(name) ? hidden : value) + "\r\n";
    }
    if (!o.check.user.empty())
        text += "Authorization: Basic " +
                (secrets == with_secrets::no ? hidden : base64(o.check.user + ":" + o.check.password)) + "\r\n";
    text += own_agent ? "User-Agent: dyad\r\n" : "";
    text += own_accept ? "Accept: */*\r\n" : "";
    return text + "Connection: close\r\n\r\n";
}

} // namespace

http_probe::http_probe(asio::any_io_executor const& executor, std::shared_ptr<order const> o,
                       std::shared_ptr<verdict const> judge, tls_contexts* tls, std::size_t max_body)
    : stream_(executor, o, tls), order_(std::move(o)), verdict_(std::move(judge)),
      answer_(core::http_response::limits{.head = 16384, .body = max_body}, order_->check.method == "HEAD"),
      request_(request_text(*order_, with_secrets::yes)) {}

void http_probe::start(done report) {
    report_ = std::move(report);
    auto conversation = [self = shared_from_this()]() -> asio::awaitable<void> {
        auto result = co_await self->converse();
        self->stream_.close();
        if (auto const report_now = std::exchange(self->report_, nullptr))
            report_now(std::move(result));
    };
    asio::co_spawn(stream_.get_executor(), std::move(conversation), asio::detached);
}

void http_probe::abort() {
    report_ = nullptr;
    stream_.close();
}

asio::awaitable<check_result> http_probe::converse() {
    if (auto unopened = co_await stream_.open(log()))
        co_return *unopened;
    log().step("answer");
    if (log().keeps_steps())
        log().sent(request_text(*order_, with_secrets::no));
    if (auto const unsent = co_await stream_.write(request_))
        co_return failure("sending the request: " + words_for(unsent));
    for (;;) {
        auto const got = co_await stream_.read(asio::buffer(buffer_));
        std::string_view const bytes(buffer_.data(), got.size);
        if (!bytes.empty() && std::exchange(silent_, false))
            log().step("complete answer");
        log().received(bytes);
        answer_.feed(bytes);
        if (got.error == asio::error::eof)
            answer_.finish();
        if (auto result = verdict_->judge(answer_))
            co_return result->success ? success(stream_.with_warning(result->reason)) : *result;
        if (got.error)
            co_return failure("reading the answer: " + words_for(got.error));
    }
}

} // namespace balance::probe
