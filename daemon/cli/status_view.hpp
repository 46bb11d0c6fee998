// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>

namespace dyad::cli {

/// The system overview for people, from the document of GET /v1/status. Pure: `now` is seconds since 1970.
std::string status_text(boost::json::object const& status, bool colours, std::int64_t now);

/// One service with its servers, or one server of it ("SERVICE/SERVER"), in detail. Empty: there is no such thing.
std::string detail_text(boost::json::object const& status, std::string const& target, bool colours);
/// The same as a document. Empty object: there is no such thing.
boost::json::object detail_document(boost::json::object const& status, std::string const& target);

/// What became of the requests, or with mode tcp the connections, of a layer-7 service.
std::string exchanges_text(boost::json::object const& service);

/// The last results of a server's check, from the document of GET /v1/results. Empty when there are none.
std::string history_text(boost::json::object const& history, bool colours);

/// Table of services and servers.
std::string services_text(boost::json::array const& services, bool colours);

} // namespace dyad::cli
