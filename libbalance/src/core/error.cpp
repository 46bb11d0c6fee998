// SPDX-License-Identifier: Apache-2.0
#include <balance/error.hpp>

#include <boost/system/system_error.hpp>

#include <ostream>

namespace balance {
namespace {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor" // Boost's base class is never deleted through a pointer
class category final : public boost::system::error_category {
public:
    char const* name() const noexcept override { return "dyad"; }

    std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
        case errc::invalid_configuration: return "invalid configuration";
        case errc::not_supported: return "not supported";
        case errc::not_permitted: return "not permitted";
        case errc::not_found: return "not found";
        case errc::already_exists: return "already exists";
        case errc::refused: return "refused";
        case errc::protocol_error: return "protocol error";
        case errc::timed_out: return "timed out";
        case errc::io_error: return "input/output error";
        }
        return "unknown error";
    }
};
#pragma GCC diagnostic pop

} // namespace

boost::system::error_category const& error_category() noexcept {
    static category const instance;
    return instance;
}

boost::system::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

std::ostream& operator<<(std::ostream& out, error const& e) { return out << e.code.message() << ": " << e.detail; }

void throw_exception_from_error(error const& e, boost::source_location const&) {
    throw boost::system::system_error(e.code, e.detail);
}

} // namespace balance
