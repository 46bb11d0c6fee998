// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "probe/dialogue.hpp"
#include "probe/dicom_codec.hpp"
#include "probe/dicom_find.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace balance::probe {

/// C-ECHO, or C-FIND where there is something to look for: asks for an association, for that, and to be released. Up is who answers
/// with status 0000, whatever was found, and lets go of the association.
class dicom_dialogue final : public dialogue {
public:
    dicom_dialogue(std::string_view calling, std::string_view called, std::optional<core::dicom_key> wanted = std::nullopt);

    [[nodiscard]] std::string to_send() override;
    void received(std::string_view bytes) override;
    void closed() override;
    [[nodiscard]] std::optional<finding_out> outcome() const override { return outcome_; }
    [[nodiscard]] std::string_view waiting_for() const noexcept override;

private:
    enum class stage : std::uint8_t { association, answer, release };

    void take(dicom::pdu const& p);
    [[nodiscard]] dicom::purpose purpose() const noexcept;
    void take_data(std::string_view body);
    void take_echo(std::string_view body);
    void take_found(std::string_view body);
    void let_go(std::string answered);
    /// Ends the association, where there is one, at once.
    void give_up(std::string why);
    void end(bool success, std::string why);

    dicom::pdu_reader pdus_;
    dicom::response_reader response_;
    dicom::find_reader found_;
    std::optional<core::dicom_key> wanted_;
    std::string answered_; ///< in words, once it was
    stage stage_ = stage::association;
    std::string output_;
    std::optional<finding_out> outcome_;
};

} // namespace balance::probe
