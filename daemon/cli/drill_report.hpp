// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <cli/drill_record.hpp>

#include <filesystem>
#include <string>

namespace dyad::cli {

/// A row for each move and target, then failures, owners, faults and the verdict. Pure.
[[nodiscard]] std::string drill_text(drill_record const& r, bool colours);
/// With head and limits, as the report's file has it. Pure.
[[nodiscard]] std::string drill_full_text(drill_record const& r);
/// Times in microseconds. Pure.
[[nodiscard]] boost::json::object to_json(drill_record const& r);
/// A picture that needs nothing else: light and dark as its viewer is, printable, without script. Pure.
[[nodiscard]] std::string drill_svg(drill_record const& r);

/// Makes the directory, or takes one that is empty: what was written for an auditor is never written over. Errors: `already_exists`, `io_error`.
[[nodiscard]] balance::result<> prepare_report(std::filesystem::path const& directory);
/// Writes report.txt, report.json and report.svg there.
[[nodiscard]] balance::result<> write_report(std::filesystem::path const& directory, drill_record const& r);

} // namespace dyad::cli
