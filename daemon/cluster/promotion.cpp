// SPDX-License-Identifier: Apache-2.0
// Which of the two owns the configuration: the one that made the newest term. Who a node is on the wire never changes.
#include "cluster/core.hpp"

#include <ctime>
#include <utility>

namespace dyad {

/// A node without a peer owns what it has; before the first generation the roles of pairing count.
bool core::owns_configuration() const {
    if (!paired()) {
        return true;
    }
    auto const owner = running_.generation.files.empty() ? cluster::node_id::primary : owner_of(running_.generation);
    return owner == self_.role;
}

void core::promote(bool force, std::string const& who, std::function<void(balance::result<applied>)> done) {
    auto const refuse = [&done](std::string text) {
        done(balance::make_error(balance::errc::refused, std::move(text)));
    };
    if (!paired()) {
        return refuse("this node has no pair, so it is nobody's secondary");
    }
    if (owns_configuration()) {
        return refuse("this node is the primary already");
    }
    if (running_.generation.version == cluster::config_version{}) {
        return refuse("this node never got a configuration from its primary; promote it when it has one");
    }
    auto const node = node_->status();
    bool const connected = replicator_->status().connected;
    auto const waiting = unconfirmed();
    if (node.peer_alive && !connected && !force) {
        return refuse("the primary (" + node.peer_name +
                      ") is alive, but replication has no connection to it: " + replicator_->status().last_error +
                      ". It would go on as a primary until it hears of this; 'dyad promote --force' does it anyway");
    }
    if (connected && replicator_->status().peer_release.empty()) {
        return refuse("the primary (" + node.peer_name +
                      ") runs an older release, which would not hear that it is one no more; upgrade it first");
    }
    if (waiting && connected) {
        return refuse("generation " + version_text(waiting->version) +
                      " waits for a confirmation; run 'dyad confirm' or 'dyad rollback " +
                      version_text(waiting->back_to) + "' on the primary first");
    }
    auto next = running_.generation;
    next.version = {next.version.term + 1, next.version.generation + 1};
    set_owner(next, self_.role);
    next.applied_by = who + ", promoted";
    next.applied_at = std::time(nullptr);
    auto const before = confirmation_;
    if (waiting) { // its primary died: it waits on, here
        auto const now = boot_moment::now();
        confirmation_.await({next.version, waiting->back_to, confirmation_.left(now)}, now, writer());
        if (auto kept = keep_confirmation(); !kept) {
            confirmation_ = before;
            done(kept.error());
            return;
        }
    }
    make_current(std::move(next), {"promoted: this node is the primary now",
                                   who,
                                   {},
                                   [this, before, waits = waiting.has_value(), done = std::move(done)](auto outcome) {
                                       if (waits && !outcome) {
                                           confirmation_ = before;
                                           (void)keep_confirmation();
                                       }
                                       watch_confirmation();
                                       done(std::move(outcome));
                                   }});
}

/// A generation of the peer made it the primary: what only this node had is kept, and nothing of it comes back by
/// itself.
void core::demoted(cluster::generation const& before) {
    std::string lost;
    if (before.version.term < running_.generation.version.term &&
        before.version.generation >= running_.generation.version.generation) {
        lost = "; " + version_text(before.version) +
               " was applied on this node alone: it is in 'dyad history', and not in force";
    }
    events_.audit("config",
                  "this node is the secondary now: the peer was promoted, term " +
                      std::to_string(running_.generation.version.term) + lost,
                  running_.generation.applied_by);
    put_files_back(before); // and what was edited here is kept beside
}

} // namespace dyad
