// SPDX-License-Identifier: Apache-2.0
#include "probe/http_exchange.hpp"

#include "probe/digest.hpp"
#include "probe/reason.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace balance::probe {
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

http_question::http_question(order o)
    : what(std::move(o)), judge(what.check.expect), request(request_text(what, with_secrets::yes)),
      shown(request_text(what, with_secrets::no)) {}

http_exchange::http_exchange(std::shared_ptr<http_question const> question, std::size_t max_body)
    : question_(std::move(question)),
      answer_(core::http_response::limits{.head = 16384, .body = max_body}, question_->what.check.method == "HEAD") {}

void http_exchange::asked(transcript& log) const {
    log.step("answer");
    log.sent(question_->shown);
}

std::optional<check_result> http_exchange::take(std::string_view bytes, boost::system::error_code end, transcript& log) {
    if (!bytes.empty() && std::exchange(silent_, false))
        log.step("complete answer");
    log.received(bytes);
    answer_.feed(bytes);
    if (end == boost::asio::error::eof)
        answer_.finish();
    if (auto result = question_->judge.judge(answer_))
        return result;
    if (end)
        return failure("reading the answer: " + words_for(end));
    return std::nullopt;
}

} // namespace balance::probe
