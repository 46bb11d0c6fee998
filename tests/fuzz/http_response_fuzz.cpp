// SPDX-License-Identifier: Apache-2.0
// Whatever a real server answers to a health check: bounded, and the same in whatever pieces it arrives.
#include "core/http_head.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using balance::core::http_response;
using progress = http_response::progress;

constexpr http_response::limits small{.head = 200, .body = 50};

void insist(bool ok) {
    if (!ok)
        std::abort();
}

http_response read(std::string_view bytes, bool head_request, std::size_t piece) {
    http_response r(small, head_request);
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        auto const before = r.state();
        r.feed(bytes.substr(at, piece));
        insist(before <= progress::body || r.state() == before); // an end is an end
        insist(r.body().size() <= small.body);
        insist(r.location().size() <= 200);
        insist((r.state() == progress::failed) == !r.fault().empty());
        insist(r.state() == progress::head || r.state() == progress::failed ||
               (r.status() >= 200 && r.status() <= 599));
    }
    r.finish();
    insist(r.state() >= progress::complete);
    return r;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0)
        return 0;
    bool const head_request = (data[0] & 1) != 0;
    std::size_t const piece = 1 + (data[0] >> 1) % 16;
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    auto const whole = read(bytes, head_request, std::max<std::size_t>(bytes.size(), 1));
    auto const pieces = read(bytes, head_request, piece);
    insist(whole.state() == pieces.state());
    insist(whole.status() == pieces.status());
    insist(whole.body() == pieces.body());
    insist(whole.fault() == pieces.fault());
    insist(whole.location() == pieces.location());
    return 0;
}
