// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <iosfwd>
#include <string>
#include <utility>

namespace balance {

/// What went wrong, for programs; the text beside it is for people.
enum class errc {
    invalid_configuration = 1, ///< a value is out of range or contradicts another
    not_supported,             ///< the kernel or this build lacks what is asked for
    not_permitted,             ///< a privilege (usually CAP_NET_ADMIN) is missing
    not_found,                 ///< no such service, server, interface or generation
    already_exists,            ///< the name, address or port is taken
    refused,                   ///< possible in principle, but not now; the text says why
    protocol_error,            ///< what came over a wire or from the kernel could not be understood
    timed_out,                 ///< no answer within the limit
    io_error                   ///< a system call failed; the text names it
};

/// Category of `errc`, name "dyad".
[[gnu::visibility("default")]] boost::system::error_category const& error_category() noexcept;
[[gnu::visibility("default")]] boost::system::error_code make_error_code(errc code) noexcept;

/// A code for programs and a sentence for people: where, why and what to do about it.
struct error {
    boost::system::error_code code;
    std::string detail;

    bool operator==(error const&) const = default;
};

/// "not found: there is no service X".
[[gnu::visibility("default")]] std::ostream& operator<<(std::ostream& out, error const& e);

/// Shorthand for an `error` of this library's own codes.
inline error make_error(errc code, std::string detail) { return {make_error_code(code), std::move(detail)}; }

/// A value or an `error`. `value()` throws `boost::system::system_error` carrying the detail.
template <class T = void>
using result = boost::system::result<T, error>;

/// Called by `result<T>::value()` when there is no value.
[[noreturn]] [[gnu::visibility("default")]] void throw_exception_from_error(error const& e,
                                                                           boost::source_location const& where);

} // namespace balance

template <>
struct boost::system::is_error_code_enum<balance::errc> : std::true_type {};
