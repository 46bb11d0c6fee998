// SPDX-License-Identifier: Apache-2.0
#include <cli/environment.hpp>

#include <ostream>

namespace dyad::cli {

exit_code fail(environment& env, balance::error const& e) {
    env.err << e.detail << '\n';
    // The client says `not_found` when no daemon listens; everything else is a refusal or a failure.
    return e.code == balance::errc::not_found ? exit_code::no_daemon : exit_code::refused;
}

} // namespace dyad::cli
