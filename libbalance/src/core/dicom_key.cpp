// SPDX-License-Identifier: Apache-2.0
#include "core/dicom_key.hpp"

#include <algorithm>
#include <array>

namespace balance::core {
namespace {

struct study_attribute {
    std::string_view name;
    std::uint16_t group;
    std::uint16_t element;
};

constexpr std::array<study_attribute, 6> study_attributes{{{"StudyDate", 0x0008, 0x0020},
                                                           {"AccessionNumber", 0x0008, 0x0050},
                                                           {"PatientName", 0x0010, 0x0010},
                                                           {"PatientID", 0x0010, 0x0020},
                                                           {"StudyInstanceUID", 0x0020, 0x000d},
                                                           {"StudyID", 0x0020, 0x0010}}};
constexpr std::size_t longest_key_value = 64;

} // namespace

std::optional<dicom_key> parse_dicom_key(std::string_view text) {
    auto const sign = text.find('=');
    if (sign == text.npos)
        return std::nullopt;
    auto const known = std::find_if(study_attributes.begin(), study_attributes.end(),
                                    [&](auto const& a) { return a.name == text.substr(0, sign); });
    auto const value = text.substr(sign + 1);
    bool const printable = std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
    if (known == study_attributes.end() || value.empty() || value.size() > longest_key_value || !printable)
        return std::nullopt;
    return dicom_key{known->group, known->element, std::string(value)};
}

} // namespace balance::core
