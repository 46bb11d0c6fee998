// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cluster/generation.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cluster::replicate {

/// What lies beside the files of a generation on disk and says what must be there. As text, one item a line, in this order:
///
///     dyad generation 1
///     term 1
///     generation 17
///     applied_at 1790000000
///     applied_by uid 0 (root) on lb1
///     file 1234 cluster.toml
///     hash 64 hexadecimal digits
struct manifest {
    generation_id id;
    std::int64_t applied_at = 0;
    std::string applied_by;
    std::vector<std::pair<std::string, std::uint64_t>> files; ///< name -> size in bytes, sorted by name

    bool operator==(manifest const&) const = default;
};

/// Largest manifest that is read, in bytes.
inline constexpr std::size_t max_manifest = 2u << 20;

manifest manifest_of(generation const& g, sha256 const& hash);
std::string format(manifest const& m);
/// Accepts exactly what `format` writes. Errors: `protocol_error` naming the line.
result<manifest> parse_manifest(std::string_view text);

} // namespace cluster::replicate
