// SPDX-License-Identifier: Apache-2.0
#include "probe/verdict.hpp"

#include "probe/json_values.hpp"
#include "probe/reason.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <string>

namespace balance::probe {
namespace {

using progress = core::http_response::progress;

std::string_view without_trailing_space(std::string_view s) {
    auto const last = s.find_last_not_of(" \t\r\n\v\f");
    return s.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string status_words(core::http_response const& answer) {
    std::string text = std::to_string(answer.status());
    if (!answer.reason().empty())
        text.append(" ").append(answer.reason().substr(0, 40));
    return text;
}

/// "204", "2xx", "200-204".
std::string words_of(status_range const& r) {
    if (r.first == r.last)
        return std::to_string(r.first);
    if (r.first % 100 == 0 && r.last == r.first + 99)
        return std::to_string(r.first / 100) + "xx";
    return std::to_string(r.first) + "-" + std::to_string(r.last);
}

/// Where a redirect leads explains a body that is not the expected one.
std::string redirected(core::http_response const& answer) {
    if (answer.status() < 300 || answer.status() > 399)
        return {};
    std::string text = ", status " + std::to_string(answer.status());
    return answer.location().empty() ? text : text + " to " + excerpt(answer.location(), 80);
}

} // namespace

verdict::verdict(expectation e) : expect_(std::move(e)) {
    if (!expect_.regex)
        return;
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true); // a body has lines
    regex_ = std::make_unique<re2::RE2>(*expect_.regex, options);
}

verdict::~verdict() = default;
verdict::verdict(verdict&&) noexcept = default;
verdict& verdict::operator=(verdict&&) noexcept = default;

std::optional<check_result> verdict::judge(core::http_response const& answer) const {
    if (answer.state() == progress::failed)
        return failure(answer.fault());
    if (answer.state() == progress::head)
        return std::nullopt;
    if (auto bad = judge_status(answer))
        return bad;
    if (!wants_body())
        return success(status_words(answer));
    return judge_body(answer);
}

std::string verdict::fault_of(std::string_view answer) const {
    if (expect_.equals && without_trailing_space(answer) != without_trailing_space(*expect_.equals))
        return "the answer is not " + excerpt(*expect_.equals) + " but " + excerpt(answer);
    if (expect_.contains && answer.find(*expect_.contains) == answer.npos)
        return "the answer does not contain " + excerpt(*expect_.contains) + " but starts with " + excerpt(answer);
    if (regex_ && !(regex_->ok() && re2::RE2::PartialMatch(re2::StringPiece(answer.data(), answer.size()), *regex_)))
        return "the answer does not match " + excerpt(*expect_.regex) + " but starts with " + excerpt(answer);
    return {};
}

std::optional<check_result> verdict::judge_status(core::http_response const& answer) const {
    auto const is_in = [&](status_range const& r) { return answer.status() >= r.first && answer.status() <= r.last; };
    auto const& wanted = expect_.status;
    if (wanted.empty() ? is_in({200, 399}) : std::any_of(wanted.begin(), wanted.end(), is_in))
        return std::nullopt;
    std::string text;
    for (auto const& range : wanted)
        text += (text.empty() ? " instead of " : ", ") + words_of(range);
    return failure("status " + status_words(answer) + text);
}

std::optional<check_result> verdict::judge_body(core::http_response const& answer) const {
    auto const body = answer.body();
    bool const ended = answer.state() == progress::complete;
    bool const cut = answer.state() == progress::truncated;
    if (regex_ && !regex_->ok())
        return failure("the regular expression " + excerpt(*expect_.regex) + " is not valid: " + regex_->error());
    if (!ended && !cut && (expect_.equals || expect_.regex || !expect_.json.empty()))
        return std::nullopt; // what follows can change both
    if (expect_.equals) {
        if (cut)
            return failure("body is longer than " + std::to_string(body.size()) + " bytes, not " +
                           excerpt(*expect_.equals));
        if (without_trailing_space(body) != without_trailing_space(*expect_.equals))
            return failure("body is not " + excerpt(*expect_.equals) + " but " + excerpt(body) + redirected(answer));
    }
    std::string const read = (cut ? " in its first " + std::to_string(body.size()) + " bytes" : std::string()) +
                             " but starts with " + excerpt(body) + redirected(answer);
    if (expect_.contains && body.find(*expect_.contains) == std::string_view::npos) {
        if (!ended && !cut)
            return std::nullopt;
        return failure("body does not contain " + excerpt(*expect_.contains) + read);
    }
    if (regex_ && !re2::RE2::PartialMatch(re2::StringPiece(body.data(), body.size()), *regex_))
        return failure("body does not match " + excerpt(*expect_.regex) + read);
    if (!expect_.json.empty()) {
        if (cut)
            return failure("body is longer than " + std::to_string(body.size()) + " bytes, too long to look for JSON in it");
        if (auto const difference = json_difference(body, expect_.json); !difference.empty())
            return failure(difference + redirected(answer));
    }
    return success(status_words(answer) + ", body as expected");
}

} // namespace balance::probe
