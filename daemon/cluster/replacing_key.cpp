// SPDX-License-Identifier: Apache-2.0
// Another key for the pair, while both nodes go on.
#include "cluster/core.hpp"
#include "cluster/key_words.hpp"

#include <ipc/values.hpp>

#include <utility>

namespace dyad {

balance::result<> core::rotate_key(std::string const& who) {
    auto const begin = [&]() -> balance::result<> {
        auto const refuse = [](std::string text) {
            return balance::make_error(balance::errc::refused, std::move(text));
        };
        if (!paired()) {
            return refuse("this node has no pair, and so no key; 'dyad pair' makes both");
        }
        if (parting_done_ || parting_) {
            return refuse("the pair is being left");
        }
        if (auto const channel = replicator_->status(); !channel.connected) {
            return refuse("the peer cannot be told: " + channel.last_error +
                          "; when it is back and connected, try again");
        }
        if (!node_->status().peer_alive) {
            return refuse("the peer's heartbeats are not heard, so it could not be seen to use another key; 'dyad status' and "
                          "'dyad doctor' say more");
        }
        return key_replacement_->start(who);
    };
    auto const begun = begin();
    events_.audit("pair", begun ? "the pair's key is being replaced" : "the pair's key was not replaced: " + begun.error().detail,
                  who);
    return begun;
}

pairing_progress core::rotation() const { return key_replacement_ ? key_replacement_->progress() : pairing_progress{}; }

std::string core::rotation_waits_for() const {
    return key_replacement_ ? std::string(key_replacement_->waits_for()) : std::string();
}

key_replacement::hooks core::key_hooks() {
    return {.send = [this](std::string_view bytes) { replicator_->send(key_channel, bytes); },
            .use =
                [this](cluster::key_pair const& keys, std::function<void()> in_force) {
                    replicator_->set_keys(keys);
                    node_->set_keys(keys, on_main([in_force = std::move(in_force)](balance::result<> const&) { in_force(); }));
                    tell_guardian_goodbyes();
                },
            .reconnect = [this] { replicator_->reconnect("the pair's key was replaced"); },
            .heard = [this] { return node_->status().peer_key; },
            .audit = [this](std::string const& text, std::string const& who) { events_.audit("pair", text, who); },
            .error = [this](std::string const& text) { events_.add("error", text, {}, true); }};
}

/// Goodbyes that the peer believes whichever of the keys it knows by then.
void core::tell_guardian_goodbyes() {
    children_->to_guardian({{"type", "goodbye"}, {"datagrams", ipc::pack_all(node_->sealed_goodbyes())}});
}

} // namespace dyad
