// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cli/certificate_material.hpp>
#include <cli/commands.hpp>

#include <string>
#include <vector>

namespace dyad::cli {

/// What an import is told.
struct import_order {
    std::string name; ///< that configuration will call it
    std::vector<std::string> files;
    std::string password_file;    ///< empty: `password_descriptor`
    int password_descriptor = -1; ///< less than 0: it is asked for
    bool replace = false;
};

/// Each works in `where`/certificates. Nothing that is there is replaced unless that is wanted.
exit_code import_certificate(environment& env, directory const& where, import_order const& order);
/// Keeps the key in NAME.key and prints the request.
exit_code request_certificate(environment& env, directory const& where, std::string const& name, certificate_wishes const& w, bool replace);
exit_code self_signed_certificate(environment& env, directory const& where, std::string const& name, certificate_wishes const& w, bool replace);
/// Puts an OCSP response (DER) beside the certificate that it speaks of, in the place of one that is there.
exit_code staple_response(environment& env, directory const& where, std::string const& name, std::string const& file);
exit_code list_certificates(environment& env, directory const& where);

} // namespace dyad::cli
