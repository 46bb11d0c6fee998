// SPDX-License-Identifier: Apache-2.0
#include "probe/json_values.hpp"

#include "probe/reason.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace balance::probe {
namespace json = boost::json;
namespace {

constexpr std::size_t deepest = 32;

bool same(json::value const& a, json::value const& b) {
    return a.is_number() && b.is_number() ? a.to_number<double>() == b.to_number<double>() : a == b;
}

std::string shown(json::value const& v) {
    if (v.is_object())
        return "an object";
    if (v.is_array())
        return "a list";
    return escaped(json::serialize(v), 60);
}

} // namespace

std::string json_difference(std::string_view body, json_values const& wanted) {
    json::parse_options options;
    options.max_depth = deepest;
    boost::system::error_code ec;
    auto const document = json::parse(json::string_view(body.data(), body.size()), ec, {}, options);
    if (ec)
        return "body is no JSON (" + ec.message() + ") but starts with " + excerpt(body);
    for (auto const& [pointer, value] : wanted) {
        auto const* const found = document.find_pointer(pointer, ec);
        if (found == nullptr)
            return "body has no " + excerpt(pointer);
        auto const expected = json::parse(value, ec);
        if (ec || !same(*found, expected))
            return excerpt(pointer) + " is " + shown(*found) + ", not " + escaped(value, 60);
    }
    return {};
}

} // namespace balance::probe
