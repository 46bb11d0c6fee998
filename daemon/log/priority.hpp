// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/common.h>

#include <sys/types.h>

#include <optional>
#include <string_view>

namespace dyad::log {

/// The digit of syslog(3) for a level: '2' critical … '7' debug. Pure.
char priority_of(spdlog::level::level_enum level) noexcept;

/// The level of a word of the command line: trace debug info warning error critical. Pure.
std::optional<spdlog::level::level_enum> level_of(std::string_view word) noexcept;

/// Is `stream`, the value of JOURNAL_STREAM, the file of that device and inode (systemd.exec(5))? Pure.
bool is_stream(std::string_view stream, dev_t device, ino_t inode);

} // namespace dyad::log
