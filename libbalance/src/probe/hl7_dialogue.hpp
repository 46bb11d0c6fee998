// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/hl7_message.hpp"
#include "probe/dialogue.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace balance::probe {

/// Sends one HL7 message over MLLP. Up is who acknowledges it: AA or CA in MSA-1, our MSH-10 in MSA-2.
class hl7_dialogue final : public dialogue {
public:
    /// `text`: the message as its operator wrote it.
    explicit hl7_dialogue(std::string_view text);

    [[nodiscard]] std::string to_send() override;
    void received(std::string_view bytes) override;
    void closed() override;
    [[nodiscard]] std::optional<finding_out> outcome() const override { return outcome_; }
    [[nodiscard]] std::string_view waiting_for() const noexcept override;

private:
    [[nodiscard]] finding_out judge() const;

    std::string control_id_;
    std::string output_;
    core::hl7::ack_reader answer_;
    std::optional<finding_out> outcome_;
};

} // namespace balance::probe
