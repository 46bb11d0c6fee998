// SPDX-License-Identifier: Apache-2.0
// Whatever a peer or another process sends as persistence entries: no crash, no memory beyond what the input's size allows, and
// what is understood is written again and understood as the same.
#include "insist.hpp"

#include <balance/persistence.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const records = balance::read_persistence({reinterpret_cast<char const*>(data), size});
    if (!records)
        return 0;
    fuzz::insist(records->size() * 7 <= size);
    balance::persistence_writer writer;
    for (auto const& r : *records)
        writer.add(r);
    auto const again = writer.take();
    fuzz::insist(balance::read_persistence(again).value() == *records);
    return 0;
}
