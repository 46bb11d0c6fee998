// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/agent_words.hpp"
#include "core/http_head.hpp"
#include "probe/dialogue.hpp"

#include <balance/service.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace balance::probe {

/// Asks a feedback agent: reads the line that it says by itself, or that is the body of an HTTP answer.
class agent_dialogue final : public dialogue {
public:
    /// `host`: for HTTP's Host field. What the agent says goes to `heard`.
    agent_dialogue(agent_check const& how, std::string const& host, std::shared_ptr<core::agent_words> heard);

    [[nodiscard]] std::string to_send() override;
    void received(std::string_view bytes) override;
    void closed() override;
    [[nodiscard]] std::optional<finding_out> outcome() const override { return outcome_; }
    [[nodiscard]] std::string_view waiting_for() const noexcept override { return "agent's word"; }

private:
    void take_line(std::string_view text);
    void take_answer();

    std::shared_ptr<core::agent_words> heard_;
    bool http_;
    core::http_response answer_;
    std::string output_;
    std::string line_;
    std::optional<finding_out> outcome_;
};

} // namespace balance::probe
