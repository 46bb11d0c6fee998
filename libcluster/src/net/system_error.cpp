// SPDX-License-Identifier: Apache-2.0
#include "net/system_error.hpp"

#include <cerrno>
#include <system_error>

namespace cluster::net {
namespace {

balance::errc code_of(int number) {
    switch (number) {
    case EPERM:
    case EACCES:
        return balance::errc::not_permitted;
    case EADDRINUSE:
    case EEXIST:
        return balance::errc::already_exists;
    case ENODEV:
    case ENOENT:
    case EADDRNOTAVAIL:
        return balance::errc::not_found;
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case EOPNOTSUPP:
        return balance::errc::not_supported;
    case ETIMEDOUT:
        return balance::errc::timed_out;
    default:
        return balance::errc::io_error;
    }
}

} // namespace

error system_error(std::string what, int number, std::string const& remedy) {
    what += ": " + std::generic_category().message(number);
    if (!remedy.empty()) {
        what += "; " + remedy;
    } else if (number == EPERM || number == EACCES) {
        what += "; give the process CAP_NET_ADMIN and CAP_NET_RAW";
    }
    return balance::make_error(code_of(number), std::move(what));
}

} // namespace cluster::net
