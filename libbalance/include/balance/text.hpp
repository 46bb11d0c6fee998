// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <string>
#include <string_view>

namespace balance {

/// The words of configuration files, logs and status for each value; the parsers accept exactly these words.
[[gnu::visibility("default")]] std::string_view to_string(mode m) noexcept;
[[gnu::visibility("default")]] std::string_view to_string(protocol p) noexcept;
[[gnu::visibility("default")]] std::string_view to_string(tunnel::kind k) noexcept;
[[gnu::visibility("default")]] std::string_view to_string(tunnel::checksum c) noexcept;
[[gnu::visibility("default")]] std::string_view to_string(persistence::kind k) noexcept;
[[gnu::visibility("default")]] std::string_view to_string(health_check::kind k) noexcept;
[[gnu::visibility("default")]] std::string_view to_string(admin_state s) noexcept;
[[gnu::visibility("default")]] std::string_view to_string(health h) noexcept;

/// What somebody wrote, as messages show it: in quotes, control characters escaped, cut after 60 bytes.
[[gnu::visibility("default")]] std::string in_quotes(std::string_view text);

/// "80", "4100-4110" or "*".
[[gnu::visibility("default")]] std::string to_string(port_range r);
/// "192.0.2.1:80", "[2001:db8::1]:80".
[[gnu::visibility("default")]] std::string to_string(endpoint const& e);

/// The reverse. Errors: `invalid_configuration` with a sentence that says what would be right.
[[gnu::visibility("default")]] result<mode> parse_mode(std::string_view word);
[[gnu::visibility("default")]] result<protocol> parse_protocol(std::string_view word);
[[gnu::visibility("default")]] result<tunnel::kind> parse_tunnel(std::string_view word);
[[gnu::visibility("default")]] result<tunnel::checksum> parse_checksum(std::string_view word);
[[gnu::visibility("default")]] result<persistence::kind> parse_persistence(std::string_view word);
[[gnu::visibility("default")]] result<health_check::kind> parse_check(std::string_view word);
[[gnu::visibility("default")]] result<admin_state> parse_admin_state(std::string_view word);
[[gnu::visibility("default")]] result<port_range> parse_ports(std::string_view text);
[[gnu::visibility("default")]] result<endpoint> parse_endpoint(std::string_view text);
[[gnu::visibility("default")]] result<address> parse_address(std::string_view text);
/// "192.0.2.0/24", "2001:db8::/32"; an address alone is itself.
[[gnu::visibility("default")]] result<subnet> parse_subnet(std::string_view text);

} // namespace balance
