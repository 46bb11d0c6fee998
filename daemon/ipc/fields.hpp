// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/error.hpp>
#include <balance/service.hpp>

#include <boost/json/value.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace dyad::ipc {

/// Reads the members of a JSON object and remembers the first that is missing or wrong, so that a reader takes all it
/// needs and asks once. What is wrong reads as an empty value.
class fields {
public:
    explicit fields(boost::json::value const& v);
    explicit fields(boost::json::object const& o) : object_(&o) {}

    /// For members that may be left out.
    [[nodiscard]] bool has(std::string_view name) const { return object_ != nullptr && object_->contains(name); }
    std::string text(std::string_view name);
    bool truth(std::string_view name);
    balance::address address(std::string_view name);
    boost::json::value const& any(std::string_view name);
    template <class T>
    T number(std::string_view name) {
        boost::system::error_code ec;
        auto const& value = any(name);
        auto const read = value.is_number() ? value.to_number<T>(ec) : T{};
        if (ec || !value.is_number()) {
            wrong(name, "a number in range");
            return T{};
        }
        return read;
    }
    balance::milliseconds duration(std::string_view name) { return balance::milliseconds(number<std::int64_t>(name)); }

    void wrong(std::string_view name, std::string_view expected);

    /// `made` if every member was there and right. Errors: `protocol_error`.
    template <class T>
    balance::result<T> make(T made) const {
        if (!fault_.empty()) {
            return balance::make_error(balance::errc::protocol_error, fault_);
        }
        return balance::result<T>(std::move(made));
    }

private:
    boost::json::object const* object_ = nullptr;
    std::string fault_;
};

} // namespace dyad::ipc
