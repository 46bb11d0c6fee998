// SPDX-License-Identifier: Apache-2.0
// Whatever file somebody calls a backup: no crash, no name that leads elsewhere, and what is understood is written again and
// understood as the same.
#include <cli/backup_format.hpp>

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void insist(bool ok) {
    if (!ok)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    namespace backup = dyad::cli::backup;
    std::string_view const bytes(reinterpret_cast<char const*>(data), size);
    if (auto const e = backup::decode_envelope(bytes)) {
        insist(e->head.size() == backup::head_size);
        insist(e->head.size() + e->body.size() + backup::checksum_size == bytes.size());
    }
    // The body as it lies in the corpus, and whatever is left of it without an envelope.
    auto const e = backup::decode_envelope(bytes);
    if (auto const items = backup::decode(e ? e->body : bytes)) {
        for (auto const& i : *items)
            insist(backup::good_name(i.name));
        insist(backup::decode(backup::encode(*items)).value() == *items);
    }
    return 0;
}
