// SPDX-License-Identifier: Apache-2.0
#include "cluster/notifications.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace dyad {

namespace {

/// A state as an operator names it; empty while addresses are on their way.
std::string word_for(notifications::standing const& s) {
    using cluster::node_state;
    if (s.state == node_state::acquiring || s.state == node_state::releasing) {
        return {};
    }
    if (s.state != node_state::passive) {
        return std::string(cluster::to_string(s.state));
    }
    return s.maintenance ? "maintenance" : s.fault.empty() ? "passive" : "fault";
}

/// With blanks between them.
std::string joined(std::vector<cluster::floating_address> const& floating, std::string (*of)(cluster::floating_address const&)) {
    std::string out;
    for (auto const& f : floating) {
        out += (out.empty() ? "" : " ") + of(f);
    }
    return out;
}

std::string address_of(cluster::floating_address const& f) { return f.address.to_string(); }
std::string interface_of(cluster::floating_address const& f) { return f.interface; }

} // namespace

notifications::notifications(config::node_config const& self)
    : name_(self.name), on_state_(self.notify.on_state), on_address_(self.notify.on_address) {}

std::optional<balance::change_hooks::call> notifications::stands(standing const& now, std::string const& reason,
                                                                 std::vector<cluster::floating_address> const& floating) {
    auto word = word_for(now);
    if (word.empty()) {
        on_its_way_ = reason; // what comes of it has no better one
        return {};
    }
    auto const way = std::exchange(on_its_way_, {});
    if (on_state_.empty() || word == state_) {
        return {};
    }
    auto const before = std::exchange(state_, word);
    auto const epoch = std::to_string(now.epoch.counter);
    return balance::change_hooks::call{on_state_,
                                       {word, before, epoch},
                                       {{"DYAD_NODE", name_},
                                        {"DYAD_STATE", word},
                                        {"DYAD_STATE_BEFORE", before},
                                        {"DYAD_EPOCH", epoch},
                                        {"DYAD_TERM", std::to_string(now.term)},
                                        {"DYAD_REASON", word == "fault" ? now.fault : way.empty() ? reason : way},
                                        {"DYAD_ADDRESSES", joined(floating, address_of)}}};
}

std::optional<balance::change_hooks::call> notifications::holds(std::vector<cluster::floating_address> const& held,
                                                                cluster::epoch const& epoch) {
    std::vector<cluster::floating_address> come;
    std::copy_if(held.begin(), held.end(), std::back_inserter(come),
                 [this](auto const& f) { return std::find(held_.begin(), held_.end(), f) == held_.end(); });
    held_ = held;
    if (on_address_.empty() || come.empty()) {
        return {};
    }
    balance::change_hooks::call out{on_address_,
                                    {},
                                    {{"DYAD_NODE", name_},
                                     {"DYAD_EPOCH", std::to_string(epoch.counter)},
                                     {"DYAD_ADDRESSES", joined(come, address_of)},
                                     {"DYAD_INTERFACES", joined(come, interface_of)}}};
    std::transform(come.begin(), come.end(), std::back_inserter(out.arguments), address_of);
    return out;
}

} // namespace dyad
