// SPDX-License-Identifier: Apache-2.0
#include <cli/document.hpp>

namespace dyad::cli {

namespace json = boost::json;

namespace {
json::object const no_object;
json::array const no_array;
} // namespace

std::string printable(std::string_view s) {
    std::string out;
    for (char const c : s) {
        auto const byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    return out;
}

std::string text(json::object const& o, std::string_view key) {
    auto const* v = o.if_contains(key);
    if (v == nullptr) {
        return {};
    }
    if (auto const* s = v->if_string()) {
        return printable(*s);
    }
    return v->is_number() ? std::to_string(number(o, key)) : std::string{};
}

std::int64_t number(json::object const& o, std::string_view key) {
    auto const* v = o.if_contains(key);
    if (v == nullptr) {
        return 0;
    }
    switch (v->kind()) {
    case json::kind::int64:
        return v->get_int64();
    case json::kind::uint64:
        return static_cast<std::int64_t>(v->get_uint64() & 0x7fff'ffff'ffff'ffff);
    case json::kind::double_: {
        auto const d = v->get_double();
        return d > -9e18 && d < 9e18 ? static_cast<std::int64_t>(d) : 0;
    }
    default:
        return 0;
    }
}

bool flag(json::object const& o, std::string_view key) {
    auto const* v = o.if_contains(key);
    return v != nullptr && v->is_bool() && v->get_bool();
}

json::object const& object(json::object const& o, std::string_view key) {
    auto const* v = o.if_contains(key);
    return v != nullptr && v->is_object() ? v->get_object() : no_object;
}

json::array const& array(json::object const& o, std::string_view key) {
    auto const* v = o.if_contains(key);
    return v != nullptr && v->is_array() ? v->get_array() : no_array;
}

json::object const& item(json::value const& v) { return v.is_object() ? v.get_object() : no_object; }

} // namespace dyad::cli
