// SPDX-License-Identifier: Apache-2.0
// Whatever a feedback agent says: bounded, and the same in whatever pieces it arrives. The first byte of the input chooses TCP
// or HTTP and how large the pieces are.
#include "probe/agent_dialogue.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace balance;

void insist(bool ok) {
    if (!ok)
        std::abort();
}

std::pair<probe::finding_out, core::agent_words> ask(std::string_view bytes, std::size_t piece, agent_check const& how) {
    auto const words = std::make_shared<core::agent_words>();
    probe::agent_dialogue d(how, "192.0.2.1", words);
    for (std::size_t at = 0; at < bytes.size() && !d.outcome(); at += piece)
        d.received(bytes.substr(at, piece));
    d.closed();
    insist(d.outcome().has_value());
    insist(d.outcome()->success || *words == core::agent_words{});
    core::agent_state state;
    state.take(*words);
    insist(state.share() <= 100);
    return {*d.outcome(), *words};
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0)
        return 0;
    agent_check how;
    how.type = (data[0] & 1) != 0 ? agent_check::kind::http : agent_check::kind::tcp;
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    auto const whole = ask(bytes, std::max<std::size_t>(bytes.size(), 1), how);
    auto const pieces = ask(bytes, 1 + (data[0] >> 1) % 16u, how);
    insist(whole.second == pieces.second);
    insist(whole.first.success == pieces.first.success);
    return 0;
}
