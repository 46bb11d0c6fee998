// SPDX-License-Identifier: Apache-2.0
// Anything at all as an answer of the kernel: no crash, and what is accepted survives another round through the
// encoder.
#include "ipvs/codec.hpp"

#include <cstdint>
#include <cstdlib>

using namespace balance::ipvs;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const message = std::as_bytes(std::span(data, size));
    if (auto const s = decode_service(message)) {
        auto const again = decode_service(encode(command::new_service, s->config));
        if (!again || again->config != s->config) {
            std::abort();
        }
    }
    for (bool const v6 : {false, true}) {
        if (auto const d = decode_destination(message, v6)) {
            auto const again =
                decode_destination(encode(command::new_destination, service_key{v6, 1, 0, {}}, d->config), v6);
            if (!again || again->config != d->config) {
                std::abort();
            }
        }
    }
    return 0;
}
