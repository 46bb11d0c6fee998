// SPDX-License-Identifier: Apache-2.0
#include "probe/transcript.hpp"

#include "probe/reason.hpp"

#include <algorithm>

namespace balance::probe {
namespace {

constexpr std::size_t most_steps = 32;
constexpr std::size_t kept_of_a_step = 1024; ///< bytes each way
constexpr std::size_t kept_of_a_run = 60;

void append_up_to(std::string& to, std::string_view bytes, std::size_t most) {
    to.append(bytes.substr(0, most - std::min(most, to.size())));
}

} // namespace

void transcript::step(std::string_view name) {
    name_ = name;
    if (!keeps_steps_ || steps_.size() == most_steps)
        return;
    auto const now = clock::now();
    if (auto* const before = present())
        before->ended = now;
    steps_.push_back({.name = name_, .began = now});
}

void transcript::sent(std::string_view bytes) {
    if (auto* const s = present()) {
        append_up_to(s->sent, bytes, kept_of_a_step);
        s->sent_bytes += bytes.size();
    }
}

void transcript::received(std::string_view bytes) {
    append_up_to(beginning_, bytes, kept_of_a_run);
    if (auto* const s = present()) {
        append_up_to(s->received, bytes, kept_of_a_step);
        s->received_bytes += bytes.size();
    }
}

void transcript::note(std::string_view text) {
    if (auto* const s = present(); s != nullptr && s->note.size() < kept_of_a_step)
        s->note.append(s->note.empty() ? "" : "; ").append(text);
}

std::string transcript::beginning() const { return escaped(beginning_, kept_of_a_run); }

std::vector<check_step> transcript::take_steps() {
    if (auto* const last = present())
        last->ended = clock::now();
    std::vector<check_step> out;
    for (auto const& s : steps_)
        out.push_back({.name = s.name,
                       .took = std::chrono::duration_cast<std::chrono::microseconds>(s.ended - s.began),
                       .sent = escaped(s.sent, kept_of_a_step),
                       .sent_bytes = s.sent_bytes,
                       .received = escaped(s.received, kept_of_a_step),
                       .received_bytes = s.received_bytes,
                       .note = s.note});
    steps_.clear();
    return out;
}

} // namespace balance::probe
