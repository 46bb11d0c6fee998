// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <iosfwd>

namespace dyad::cli {

/// One line an object: "+ service a: …".
void print_changes(std::ostream& out, boost::json::array const& changes);
/// What an apply or a rollback came to: the changes, and where they are in force.
void print_applied(std::ostream& out, boost::json::object const& document);

} // namespace dyad::cli
