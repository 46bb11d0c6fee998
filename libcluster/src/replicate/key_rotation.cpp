// SPDX-License-Identifier: Apache-2.0
#include <cluster/key_rotation.hpp>

#include <utility>

namespace cluster {

using change = key_rotation::store::change;

// ---- events ----

key_rotation::actions key_rotation::connected(std::uint64_t key) {
    actions out;
    connected_ = true;
    connection_key_ = key;
    to_say_ = true;
    settle(out);
    return out;
}

key_rotation::actions key_rotation::disconnected() {
    actions out;
    connected_ = false;
    connection_key_ = 0;
    reconnecting_ = false;
    peer_.reset();
    if (offered_ != 0 && !pending_) {
        out.push_back(failed{"the connection to the peer was lost; the key is as it was"});
        offered_ = 0;
    }
    taking_ = pending_ ? taking_ : 0;
    return out;
}

key_rotation::actions key_rotation::heard(holds const& word) {
    actions out;
    peer_ = word.keys;
    settle(out);
    return out;
}

key_rotation::actions key_rotation::heard(offer const& word) {
    actions out;
    if (offered_ != 0 && self_ == node_id::primary) {
        return out; // both began at once: the primary's goes on, and the peer has its offer or is about to
    }
    offered_ = 0;
    peer_.reset(); // its last word is older than the offer; another one follows when it keeps the key, too
    if (word.key == keys_.current || word.key == keys_.next) {
        to_say_ = true;
    } else if (keys_.previous != 0) {
        out.push_back(refused{"the key is being replaced already"});
        to_say_ = true;
    } else {
        taking_ = word.key;
    }
    settle(out);
    return out;
}

key_rotation::actions key_rotation::heard(refused const& word) {
    actions out;
    if (offered_ != 0 && !pending_) {
        offered_ = 0;
        out.push_back(failed{word.why});
    }
    return out;
}

key_rotation::actions key_rotation::heartbeat(std::uint64_t key) {
    actions out;
    peer_seals_ = key;
    settle(out);
    return out;
}

key_rotation::actions key_rotation::stored(held_keys const& keys, std::string const& failure) {
    actions out;
    auto const was = std::exchange(pending_, std::nullopt);
    keys_ = keys;
    to_say_ = true;
    if (was && was->what == change::keep_next) {
        bool const ours = was->key == offered_;
        bool const theirs = was->key == taking_;
        offered_ = ours ? 0 : offered_;
        taking_ = theirs ? 0 : taking_;
        if (!failure.empty() && ours) {
            out.push_back(failed{failure});
        } else if (!failure.empty() && connected_) {
            out.push_back(refused{failure});
        }
    } else {
        failed_ = !failure.empty();
    }
    settle(out);
    return out;
}

key_rotation::actions key_rotation::again() {
    actions out;
    failed_ = false;
    settle(out);
    return out;
}

result<key_rotation::actions> key_rotation::start(std::uint64_t fresh) {
    auto const refuse = [](char const* why) { return balance::make_error(balance::errc::refused, why); };
    if (under_way()) {
        return refuse("the key is being replaced already; 'dyad status' shows how far that is");
    }
    if (!connected_) {
        return refuse("the peer cannot be told: there is no connection to it");
    }
    if (!peer_) {
        return refuse("the peer has not said which key it holds: it runs an earlier release, which cannot replace the key "
                      "while it runs, or has connected just now; update it first, or try again in two seconds");
    }
    if (peer_->next != 0 || peer_->previous != 0) {
        return refuse("the peer has not ended the replacement before; try again in a few seconds");
    }
    offered_ = fresh;
    return actions{offer{fresh}};
}

// ---- what follows from what both hold ----

void key_rotation::settle(actions& out) {
    if (pending_) {
        return; // what this node holds is known when that is done
    }
    if (connected_ && std::exchange(to_say_, false)) {
        out.push_back(holds{keys_});
    }
    if (failed_) {
        return;
    }
    if (auto const next = next_change()) {
        pending_ = next;
        out.push_back(*next);
    } else if (connected_ && peer_ && keys_.previous != 0) {
        settle_with_peer(out);
    }
}

/// The change of this node's keys that is due.
std::optional<key_rotation::store> key_rotation::next_change() const {
    if (taking_ != 0) {
        return store{change::keep_next, taking_};
    }
    if (!connected_ || !peer_) {
        return std::nullopt;
    }
    if (offered_ != 0 && peer_->next == offered_ && is_plain()) {
        return store{change::keep_next, offered_};
    }
    if (keys_.next != 0 && (peer_->next == keys_.next || peer_->current == keys_.next)) {
        return store{change::switch_over}; // the peer accepts it, for good
    }
    if (keys_.next != 0 && peer_->current == keys_.current) {
        return store{change::drop_next}; // whoever offered it has lost it
    }
    if (keys_.previous != 0 && peer_->current == keys_.current && connection_key_ == keys_.current &&
        peer_seals_ == keys_.current) {
        return store{change::drop_previous};
    }
    return std::nullopt;
}

/// This node has switched.
void key_rotation::settle_with_peer(actions& out) {
    if (peer_->current == keys_.current) {
        if (connection_key_ != keys_.current && !std::exchange(reconnecting_, true)) {
            out.push_back(reconnect{});
        }
    } else if (peer_->next != keys_.current) { // its files are older than the replacement: a backup came back
        peer_.reset();
        out.push_back(offer{keys_.current});
        out.push_back(holds{keys_});
    }
}

// ---- how far it is ----

bool key_rotation::under_way() const noexcept {
    return !is_plain() || offered_ != 0 || taking_ != 0 || pending_.has_value();
}

std::string_view key_rotation::waits_for() const noexcept {
    if (!under_way()) {
        return {};
    }
    if (failed_) {
        return "a key file cannot be written; it is tried again";
    }
    if (!connected_) {
        return "the connection to the peer";
    }
    if (keys_.previous == 0) {
        return "the peer to keep the next key";
    }
    if (!peer_ || peer_->current != keys_.current) {
        return "the peer to send with the next key";
    }
    return connection_key_ != keys_.current ? "the connection to be made anew with the next key"
                                            : "a heartbeat of the peer with the next key";
}

} // namespace cluster
