// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace balance::probe::dicom {

/// Follows the answers to a C-FIND-RQ: one for each study that was found, with a data set, which is counted and not kept, and a last
/// one with the status (PS3.4 annex C.4.1).
class find_reader {
public:
    /// Of all data sets together; whoever sends more is told to have no end.
    static constexpr std::size_t longest_answers = 256 * 1024;

    explicit find_reader(std::uint16_t message_id) : message_id_(message_id) {}

    /// Takes in the body of one P-DATA-TF. False: there is a fault.
    bool feed(std::string_view body);
    /// Of the last answer, when it has come.
    [[nodiscard]] std::optional<std::uint16_t> status() const noexcept { return status_; }
    /// Studies that were found so far.
    [[nodiscard]] std::size_t matches() const noexcept { return matches_; }
    [[nodiscard]] std::string const& fault() const noexcept { return fault_; }

private:
    bool fail(std::string why);
    bool take_command();

    std::uint16_t message_id_;
    std::string command_;
    std::string fault_;
    std::size_t taken_ = 0;
    std::size_t matches_ = 0;
    bool in_data_ = false;
    std::optional<std::uint16_t> status_;
};

} // namespace balance::probe::dicom
