// SPDX-License-Identifier: Apache-2.0
#include "cluster/key_replacement.hpp"

#include "cluster/key_words.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include <string.h>

namespace dyad {

namespace {

using cluster::key_rotation;
using change = key_rotation::store::change;

constexpr std::chrono::milliseconds look_interval{50};
constexpr std::chrono::milliseconds retry_interval{1000}; ///< of files that could not be written

} // namespace

key_replacement::key_replacement(boost::asio::any_io_executor executor, cluster::node_id self, cluster::key_store files,
                                 hooks h)
    : self_(std::make_shared<key_replacement*>(this)), timer_(std::move(executor)), files_(std::move(files)),
      machine_(self, files_.held()), hooks_(std::move(h)) {}

void key_replacement::connected(std::uint64_t key) {
    perform(machine_.connected(key));
}

void key_replacement::disconnected() { perform(machine_.disconnected()); }

void key_replacement::received(std::string_view bytes) {
    auto const word = parse_key_word(bytes);
    if (!word) {
        return;
    }
    if (auto const* const offered = std::get_if<cluster::key>(&*word)) {
        bool const ours_goes_on = coming_ && machine_.offers();
        auto const actions = machine_.heard(key_rotation::offer{offered->fingerprint()});
        coming_ = ours_goes_on && machine_.offers() ? coming_ : std::optional(*offered);
        perform(actions);
    } else if (auto const* const held = std::get_if<key_rotation::holds>(&*word)) {
        perform(machine_.heard(*held));
    } else {
        perform(machine_.heard(std::get<key_rotation::refused>(*word)));
    }
}

balance::result<> key_replacement::start(std::string const& who) {
    auto fresh = cluster::key::generate();
    auto const begun = machine_.start(fresh.fingerprint());
    if (!begun) {
        return begun.error();
    }
    coming_ = fresh;
    who_ = who;
    progress_ = {};
    progress_.now = pairing_progress::phase::working;
    reach("a new key is made and offered to the peer");
    perform(*begun);
    return {};
}

void key_replacement::perform(key_rotation::actions const& actions) {
    for (auto const& a : actions) {
        std::visit([this](auto const& what) { carry_out(what); }, a);
    }
    end_if_done();
    if (!machine_.under_way()) {
        coming_.reset();
    }
    look_again();
}

void key_replacement::carry_out(key_rotation::holds const& a) { hooks_.send(key_word(a)); }

void key_replacement::carry_out(key_rotation::offer const& a) {
    auto const keys = files_.keys();
    auto word = key_word(keys.sending.fingerprint() == a.key ? keys.sending : *coming_);
    hooks_.send(word);
    ::explicit_bzero(word.data(), word.size());
}

void key_replacement::carry_out(key_rotation::refused const& a) { hooks_.send(key_word(a)); }

balance::result<> key_replacement::change_files(key_rotation::store const& a) {
    switch (a.what) {
    case change::keep_next:
        return coming_ && coming_->fingerprint() == a.key
                   ? files_.keep_next(*coming_)
                   : balance::result<>(balance::make_error(balance::errc::refused, "the offered key was overtaken by another one"));
    case change::drop_next: return files_.drop_next();
    case change::switch_over: return files_.switch_over();
    case change::drop_previous: return files_.drop_previous();
    }
    return {};
}

void key_replacement::carry_out(key_rotation::store const& a) {
    auto const changed = change_files(a);
    auto const error = changed ? std::string() : changed.error().detail;
    if (error != std::exchange(told_error_, error) && !error.empty()) {
        hooks_.error("the pair's key: " + error);
    }
    if (changed) {
        tell(a);
    }
    hooks_.use(files_.keys(), [this, error, weak = std::weak_ptr(self_)] {
        if (!weak.expired()) {
            perform(machine_.stored(files_.held(), error));
        }
    });
}

void key_replacement::tell(key_rotation::store const& a) {
    bool const ours = progress_.now == pairing_progress::phase::working;
    switch (a.what) {
    case change::keep_next:
        coming_.reset();
        if (!ours) {
            who_ = "the peer";
            hooks_.audit("the pair's key is being replaced: the peer has made another one", who_);
        } else {
            reach("both nodes accept it beside the present one");
        }
        return;
    case change::drop_next:
        hooks_.audit("the next key of the pair is forgotten: the peer does not hold it; the key is as it was", who_);
        if (ours) {
            progress_.now = pairing_progress::phase::failed;
            progress_.error = "the peer does not hold the next key any more; the key is as it was";
        }
        return;
    case change::switch_over:
        reach("this node sends with it");
        return;
    case change::drop_previous:
        reach("the peer sends with it, and is connected with it; the key before is gone on this node");
        hooks_.audit("the pair's key was replaced; the one before opens nothing on this node any more", who_);
        return;
    }
}

void key_replacement::carry_out(key_rotation::reconnect const&) { hooks_.reconnect(); }

void key_replacement::carry_out(key_rotation::failed const& a) {
    hooks_.audit("the pair's key was not replaced: " + a.why, who_);
    if (progress_.now == pairing_progress::phase::working) {
        progress_.now = pairing_progress::phase::failed;
        progress_.error = a.why;
    }
}

void key_replacement::reach(std::string step) {
    if (progress_.now == pairing_progress::phase::working) {
        progress_.steps.push_back(std::move(step));
    }
}

void key_replacement::end_if_done() {
    if (progress_.now == pairing_progress::phase::working && machine_.is_over()) {
        reach("the key before is gone on both nodes");
        progress_.now = pairing_progress::phase::done;
    }
}

/// What nobody reports: heartbeats, and that a disk may take files again.
void key_replacement::look_again() {
    if (looking_ || !machine_.under_way()) {
        return;
    }
    looking_ = true;
    timer_.expires_after(machine_.failed_to_store() ? retry_interval : look_interval);
    timer_.async_wait([this, weak = std::weak_ptr(self_)](boost::system::error_code ec) {
        if (ec || weak.expired()) {
            return;
        }
        looking_ = false;
        perform(machine_.failed_to_store() ? machine_.again() : machine_.heartbeat(hooks_.heard()));
    });
}

} // namespace dyad
