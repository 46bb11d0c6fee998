// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/generation.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace cluster::replicate {

/// May a file of a generation have this name? It becomes a path below the configuration directory of both nodes, so it
/// must not lead anywhere else: relative, without "", ".", ".." or hidden parts, printable, bounded.
bool is_file_name(std::string_view name) noexcept;

/// All that must hold of a generation before it is written or sent: names, their order, no file that is also a folder, a
/// one-line author. Errors: `invalid_configuration` naming the file.
result<> check(generation const& g);

/// The bytes that `hash_of` hashes, handed to `sink` in pieces: unambiguous, and independent of the order of the files.
void canonical_form(generation const& g, std::function<void(std::string_view)> const& sink);

/// "term 1 generation 17".
std::string to_string(config_version v);

} // namespace cluster::replicate
