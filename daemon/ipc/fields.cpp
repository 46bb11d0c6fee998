// SPDX-License-Identifier: Apache-2.0
#include "ipc/fields.hpp"

namespace dyad::ipc {

namespace {

boost::json::value const nothing;

} // namespace

fields::fields(boost::json::value const& v) : object_(v.if_object()) {
    if (object_ == nullptr) {
        fault_ = "a JSON object is expected";
    }
}

boost::json::value const& fields::any(std::string_view name) {
    auto const* value = object_ != nullptr ? object_->if_contains(name) : nullptr;
    return value != nullptr ? *value : nothing;
}

std::string fields::text(std::string_view name) {
    auto const* value = any(name).if_string();
    if (value == nullptr) {
        wrong(name, "a text");
        return {};
    }
    return std::string(*value);
}

bool fields::truth(std::string_view name) {
    auto const* value = any(name).if_bool();
    if (value == nullptr) {
        wrong(name, "true or false");
        return false;
    }
    return *value;
}

balance::address fields::address(std::string_view name) {
    boost::system::error_code ec;
    auto const read = boost::asio::ip::make_address(text(name), ec);
    if (ec) {
        wrong(name, "an IP address");
        return {};
    }
    return read;
}

void fields::wrong(std::string_view name, std::string_view expected) {
    if (fault_.empty()) {
        fault_ = "\"" + std::string(name) + "\" must be " + std::string(expected);
    }
}

} // namespace dyad::ipc
