// SPDX-License-Identifier: Apache-2.0
#include "doctor/questions.hpp"

namespace balance::doctor {

conversation::conversation(tcp_questions const& questions, std::uint16_t port, std::uint32_t base)
    : questions_(questions.begin(), questions.end()), port_(port), base_(base),
      replies_(questions_.size(), reply::unknown) {}

bool conversation::answered(std::size_t i) const {
    return replies_[i] == reply::accepted || replies_[i] == reply::refused;
}

bool conversation::may_be_open(std::size_t i) const {
    return replies_[i] == reply::silent || replies_[i] == reply::accepted;
}

void conversation::sent(std::size_t i) {
    if (replies_[i] == reply::unknown) {
        replies_[i] = reply::silent;
    }
}

void conversation::take(tcp_answer const& said) {
    auto const i = (said.acknowledged - 1 - base_) / 2;
    if (i >= size() || said.acknowledged != sequence(i) + 1 || !is_of(questions_[i], said.ends) || answered(i)) {
        return;
    }
    replies_[i] = said.accepted ? reply::accepted : reply::refused;
    ++answered_;
}

tcp_answers conversation::answers(bool complete) const {
    tcp_answers out;
    for (std::size_t i = 0; i < size(); ++i) {
        out.emplace(questions_[i], complete || answered(i) ? replies_[i] : reply::unknown);
    }
    return out;
}

bool conversation::is_of(tcp_question const& q, tcp_ends const& ends) const {
    return ends.source == q.target && ends.source_port == q.port && ends.target == q.source &&
           ends.target_port == port_;
}

} // namespace balance::doctor
