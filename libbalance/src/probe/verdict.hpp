// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/http_head.hpp"

#include <balance/checker.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace balance::probe {

/// Judges HTTP answers by an `expectation`. The regular expression is compiled once.
class verdict {
public:
    explicit verdict(expectation e);
    ~verdict();
    verdict(verdict&&) noexcept;
    verdict& operator=(verdict&&) noexcept;

    /// The result as soon as nothing that may still come can change it; call it after each `feed` and after `finish`.
    [[nodiscard]] std::optional<check_result> judge(core::http_response const& answer) const;

    /// Of an answer that is not HTTP's and whole: why it is not the expected one; empty when it is.
    [[nodiscard]] std::string fault_of(std::string_view answer) const;

private:
    [[nodiscard]] std::optional<check_result> judge_status(core::http_response const& answer) const;
    [[nodiscard]] std::optional<check_result> judge_body(core::http_response const& answer) const;
    [[nodiscard]] bool wants_body() const noexcept {
        return expect_.equals || expect_.contains || expect_.regex || !expect_.json.empty();
    }

    expectation expect_;
    std::unique_ptr<re2::RE2> regex_;
};

} // namespace balance::probe
