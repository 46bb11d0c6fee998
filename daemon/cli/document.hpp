// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <string_view>

// Reading what the daemon says without trusting it to be complete: an older or newer one may leave members out.
namespace dyad::cli {

/// The member as printable text: a string without control characters, a number in digits; else empty.
std::string text(boost::json::object const& o, std::string_view key);
std::int64_t number(boost::json::object const& o, std::string_view key);
bool flag(boost::json::object const& o, std::string_view key);
boost::json::object const& object(boost::json::object const& o, std::string_view key);
boost::json::array const& array(boost::json::object const& o, std::string_view key);
/// The i-th member of a list of objects.
boost::json::object const& item(boost::json::value const& v);

/// Without control characters, which a terminal would obey.
std::string printable(std::string_view s);

} // namespace dyad::cli
