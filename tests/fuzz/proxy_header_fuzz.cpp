// SPDX-License-Identifier: Apache-2.0
// Whatever a relay says in front of a connection: bounded, decided once, and what was understood is written so that it is
// understood again.
#include "core/proxy_header.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace balance;
using outcome = core::proxy_header::outcome;

void insist(bool ok) {
    if (!ok)
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const bytes(reinterpret_cast<char const*>(data), size);
    auto const whole = core::read_proxy_header(bytes);
    insist(whole.state == outcome::incomplete ? size < core::proxy_header::longest : true);
    insist(whole.size <= size && whole.size <= core::proxy_header::longest);
    insist((whole.state == outcome::complete) == (whole.size != 0));
    insist(whole.state == outcome::complete || !whole.ends);
    for (std::size_t n = 0; n < size; ++n) {
        auto const part = core::read_proxy_header(bytes.substr(0, n));
        if (part.state == outcome::complete)
            insist(whole.state == outcome::complete && n >= whole.size && part.ends == whole.ends);
        if (part.state == outcome::malformed)
            insist(whole.state == outcome::malformed);
    }
    if (whole.ends)
        for (auto const v : {proxy_protocol::version::v1, proxy_protocol::version::v2}) {
            auto const again = core::write_proxy_header(v, *whole.ends);
            insist(core::read_proxy_header(again.text()).ends == whole.ends);
        }
    return 0;
}
