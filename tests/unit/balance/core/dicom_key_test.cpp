// SPDX-License-Identifier: Apache-2.0
#include "core/dicom_key.hpp"

#include <catch2/catch.hpp>

using balance::core::dicom_key;
using balance::core::parse_dicom_key;

TEST_CASE("a DICOM key is an attribute of studies and its value", "[dicom]") {
    CHECK(parse_dicom_key("PatientID=NOBODY") == dicom_key{0x0010, 0x0020, "NOBODY"});
    CHECK(parse_dicom_key("PatientName=DOE^JANE A=B") == dicom_key{0x0010, 0x0010, "DOE^JANE A=B"});
    CHECK(parse_dicom_key("StudyInstanceUID=1.2.3") == dicom_key{0x0020, 0x000d, "1.2.3"});
    CHECK(parse_dicom_key("StudyID=" + std::string(64, '1')));
    for (auto const* text : {"", "PatientID", "PatientID=", "=a", "patientid=a", "Modality=CT", "PatientID=a\\b", "PatientID=a\n", "PatientID=\xc3\xa4"})
        CHECK_FALSE(parse_dicom_key(text));
    CHECK_FALSE(parse_dicom_key("StudyID=" + std::string(65, '1')));
}
