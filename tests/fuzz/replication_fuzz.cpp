// SPDX-License-Identifier: Apache-2.0
// Whatever a peer sends on TCP 7778 once TLS is opened, and whatever lies in a store as a manifest: no crash, no memory
// beyond the input's size, and what is understood is written again and understood as the same.
#include "replicate/generation_rules.hpp"
#include "replicate/manifest.hpp"
#include "wire/replication_codec.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

namespace {

using namespace cluster;
namespace wr = wire::replication;

void insist(bool ok) {
    if (!ok)
        std::abort();
}

void round_trip(wr::message const& m) {
    auto const frame = wr::encode(m);
    auto const again = wr::decode(std::string_view(frame).substr(4));
    insist(again.has_value() && *again == m);
    auto const* p = std::get_if<wr::prepare>(&m);
    if (p == nullptr || !replicate::check(p->content))
        return;
    insist(wr::prepare_size(p->content) == frame.size());
    for (auto const& [name, bytes] : p->content.files)
        insist(replicate::is_file_name(name) && name != ".." && !name.starts_with("../"));
    // What may be applied survives the way to the disk and back.
    auto const manifest = replicate::manifest_of(p->content, p->hash);
    insist(replicate::parse_manifest(replicate::format(manifest)).value() == manifest);
}

/// As a stream that comes in slices of `slice` bytes; returns how many messages it held.
std::size_t read_stream(std::string_view bytes, std::size_t slice) {
    wr::frame_reader frames(std::size_t{1} << 16);
    std::size_t count = 0;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(slice, bytes.size()))) {
        frames.feed(bytes.substr(0, slice));
        for (;;) {
            auto const content = frames.next();
            if (!content)
                return count;
            if (content->empty())
                break;
            ++count;
            if (auto const m = wr::decode(*content))
                round_trip(*m);
        }
    }
    return count;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const bytes(reinterpret_cast<char const*>(data), size);
    insist(read_stream(bytes, size + 1) == read_stream(bytes, 1 + size % 7));
    if (auto const m = replicate::parse_manifest(bytes))
        insist(replicate::format(*m) == bytes);
    return 0;
}
