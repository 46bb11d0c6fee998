// SPDX-License-Identifier: Apache-2.0
// The operator's programs of [notify] are told what becomes of this node. Nothing waits for them but the end of the process.
#include "cluster/core.hpp"

#include <utility>

namespace dyad {

void core::start_notifying() {
    for (auto* programs : {&state_programs_, &address_programs_}) {
        programs->on_trouble([this](std::string const& text) { events_.add("notify", text, {}, true); });
    }
}

void core::notify_state(notifications::standing now, bool service_ok, std::string const& reason) {
    now.term = running_.generation.version.term;
    notified_fit_ = notified_fit_ || service_ok;
    if (notified_fit_ && !service_ok) {
        now.fault = "the service interfaces are down";
    }
    if (auto call = notifications_.stands(now, reason, floating_)) {
        state_programs_.run(std::move(*call));
    }
}

/// At every tick: a passive node may lose or get back what it needs to serve without any change of state.
void core::notify_fitness() {
    auto const status = node_->status();
    if (told_state_ != cluster::node_state::passive || status.state != told_state_) {
        return;
    }
    notified_fit_ = true;
    notify_state({.state = told_state_, .maintenance = status.maintenance, .epoch = status.epoch}, status.service_ok,
                 "this node can serve again");
}

void core::notify_held(std::vector<cluster::floating_address> const& held) {
    if (auto call = notifications_.holds(held, node_->status().epoch)) {
        address_programs_.run(std::move(*call));
    }
}

/// The program of [witness] decides: status 0 is a yes, anything else and no end in time a no.
void core::ask_witness(cluster::epoch epoch, std::function<void(bool granted)> answer) {
    std::string peers;
    for (auto const& link : self_.links) {
        peers += (peers.empty() ? "" : " ") + link.peer.to_string();
    }
    auto const peer = node_->status().peer_name;
    witness_.run({.command = self_.witness.program,
                  .arguments = {peer},
                  .environment = {{"DYAD_NODE", self_.name},
                                  {"DYAD_PEER", peer},
                                  {"DYAD_PEER_ADDRESSES", peers},
                                  {"DYAD_EPOCH", std::to_string(epoch.counter)}},
                  .done = [this, answer = std::move(answer)](std::string const& trouble) {
                      if (!trouble.empty()) {
                          events_.add("witness", trouble, {}, true);
                      }
                      answer(trouble.empty());
                  }});
}

/// Ends the process when the programs were told of everything, or when there is no more time.
void core::end_when_notified() {
    notify_timer_.async_wait([this](boost::system::error_code) { io_.stop(); });
    state_programs_.when_idle([this] { address_programs_.when_idle([this] { notify_timer_.cancel(); }); });
}

} // namespace dyad
