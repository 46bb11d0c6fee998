// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// HL7 version 2 messages (chapter 2 of the standard) and MLLP, as far as a health check needs them.
namespace balance::core::hl7 {

inline constexpr std::size_t longest_message = 65536;

/// The operator's text as a message is sent: its lines are segments, each ended by a carriage return; empty lines are left
/// out.
[[nodiscard]] std::string as_message(std::string_view text);

/// MSH-10 of a message. Empty when it has none or is no message.
[[nodiscard]] std::string_view control_id(std::string_view message);

/// Empty, or what is wrong with a message that an operator wants to send, with the remedy.
[[nodiscard]] std::string fault_of(std::string_view message);

/// The message between MLLP's bytes.
[[nodiscard]] std::string framed(std::string_view message);

/// What an acknowledgement says.
struct acknowledgement {
    std::string code;       ///< MSA-1: AA, AE, AR, CA, CE or CR
    std::string control_id; ///< MSA-2: of the message that it answers
    std::string text;       ///< MSA-3, may be empty

    bool operator==(acknowledgement const&) const = default;
};

/// Reads the first message that comes over MLLP.
class ack_reader {
public:
    enum class progress : std::uint8_t {
        reading,
        complete,
        failed ///< `fault()` says why
    };

    /// Takes in what was received; what follows the message is ignored.
    progress feed(std::string_view bytes);

    [[nodiscard]] progress state() const noexcept { return progress_; }
    /// Nothing has come yet.
    [[nodiscard]] bool silent() const noexcept { return !begun_; }
    [[nodiscard]] acknowledgement const& ack() const noexcept { return ack_; }
    [[nodiscard]] std::string const& fault() const noexcept { return fault_; }

private:
    void fail(std::string why);
    void read_message();

    progress progress_ = progress::reading;
    bool begun_ = false;
    std::string message_;
    acknowledgement ack_;
    std::string fault_;
};

} // namespace balance::core::hl7
