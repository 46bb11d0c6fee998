// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace dyad::api {

/// Who is at the other end of the socket, as the kernel says.
struct caller {
    std::uint32_t uid = 0;
    std::int32_t pid = 0;

    /// "uid 1000 (anna)".
    [[nodiscard]] std::string text() const;
};

struct request {
    std::string method; ///< "GET" or "POST"
    std::string path;   ///< "/v1/status"
    std::map<std::string, std::string> query;
    boost::json::object body; ///< empty for GET
    caller who;
};

struct response {
    unsigned status = 200;
    boost::json::object body;
};

/// A refusal: {"error": text}. The text names the place, the reason and the remedy.
response refused(unsigned status, std::string text);

using respond = std::function<void(response)>;
/// Answers now or later, exactly once, on the server's executor.
using handler = std::function<void(request, respond)>;

} // namespace dyad::api
