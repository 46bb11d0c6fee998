// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace balance::core {

/// What studies are looked for by in an image archive: one attribute (PS3.6) and the value that it must have.
struct dicom_key {
    std::uint16_t group = 0;
    std::uint16_t element = 0;
    std::string value; ///< 1 to 64 printable characters of ASCII

    bool operator==(dicom_key const&) const = default;
};

/// "PatientID=NOBODY". Nothing when it is no attribute that archives look for studies by (PS3.4 annex C.6.2.1), or no such value;
/// a backslash would make it several.
[[nodiscard]] std::optional<dicom_key> parse_dicom_key(std::string_view text);

} // namespace balance::core
