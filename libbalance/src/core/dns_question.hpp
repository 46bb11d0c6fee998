// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace balance::core {

/// What is asked of a name server.
struct dns_question {
    std::string name; ///< lower case, without a dot at its end; empty: the root
    std::uint16_t type = 1;

    bool operator==(dns_question const&) const = default;
};

/// "pacs.example", "pacs.example AAAA". Nothing when it is no name of at most 253 bytes in labels of 1 to 63 without
/// control characters and spaces (RFC 1035 §2.3.4), or of no type that `dns_type_name` knows.
[[nodiscard]] std::optional<dns_question> parse_dns_question(std::string_view text);

/// "A", "TYPE99".
[[nodiscard]] std::string dns_type_name(std::uint16_t type);

} // namespace balance::core
