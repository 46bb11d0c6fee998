// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/http_head.hpp"
#include "probe/order.hpp"
#include "probe/transcript.hpp"
#include "probe/verdict.hpp"

#include <boost/system/error_code.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace balance::probe {

/// What all runs of one HTTP check have in common, prepared once.
struct http_question {
    explicit http_question(order o);

    order what;
    verdict judge;
    std::string request; ///< HTTP/1.1, with all its headers
    std::string shown;   ///< the same as people get to see it, without secrets
};

/// One request and its answer, without a socket. Pure.
class http_exchange {
public:
    http_exchange(std::shared_ptr<http_question const> question, std::size_t max_body);

    [[nodiscard]] http_question const& question() const noexcept { return *question_; }
    /// The request is on its way.
    void asked(transcript& log) const;
    /// Takes in what came, and how reading ended if it did; the result once it is clear. `bytes` may be empty.
    [[nodiscard]] std::optional<check_result> take(std::string_view bytes, boost::system::error_code end, transcript& log);

private:
    std::shared_ptr<http_question const> question_;
    core::http_response answer_;
    bool silent_ = true; ///< nothing has come yet
};

} // namespace balance::probe
