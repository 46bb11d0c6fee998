// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>
#include <cli/seat.hpp>

#include <vector>

// What a drill and `dyad probe --stdio` say to each other, one JSON object a line.
//
//   drill   {"targets":[{"target":"192.0.2.1:80","every_ms":20,"timeout_ms":3000}],"watch":["192.0.2.1"]}   first
//   probe   {"ready":"viewer1"}, its host name, when it has begun; or {"error":"…"}, and it ends
//   drill   {"clock":1}                        what time is it there?
//   probe   {"clock":1,"now":1234}             in µs since it began, as all its times
//   probe   {"until":5000,"attempts":[[0,10,200],[0,20,300,"refused"]],"owners":[[0,15,"02:…"]]}   every 50 ms: what ended, by index
//           of the target (begun, ended, failure), and what was asked, by index of the address (asked, who answered)
//
// The end of the drill's words ends the probe.
namespace dyad::cli {

[[nodiscard]] boost::json::object to_json(seat_plan const& plan);
/// Errors: `invalid_configuration` with what is wrong.
[[nodiscard]] balance::result<seat_plan> read_plan(boost::json::object const& o);

[[nodiscard]] boost::json::object seen_json(std::int64_t until, std::vector<std::vector<attempt>> const& attempts,
                                            std::vector<std::vector<owner_sample>> const& owners);
/// Puts what such a line says behind what is there; leaves out what makes no sense.
void take_seen(boost::json::object const& o, std::vector<std::vector<attempt>>& attempts,
               std::vector<std::vector<owner_sample>>& owners);

} // namespace dyad::cli
