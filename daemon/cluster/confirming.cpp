// SPDX-License-Identifier: Apache-2.0
// A configuration that goes back by itself unless an operator confirms it.
#include "cluster/core.hpp"
#include "config/words.hpp"

#include <algorithm>
#include <utility>

namespace dyad {

namespace {

constexpr std::chrono::milliseconds shortest_wait{1'000};
constexpr std::chrono::milliseconds longest_wait{24 * 3'600'000};

} // namespace

void core::apply_to_confirm(std::string cluster_text, std::string who, std::chrono::milliseconds within,
                            std::function<void(balance::result<applied>)> done) {
    if (within < shortest_wait || within > longest_wait) {
        done(balance::make_error(balance::errc::refused, "a confirmation is waited for between 1 s and 24 h, not " +
                                                             config::format_duration(within)));
        return;
    }
    auto next = next_of(std::move(cluster_text), who);
    if (!next) {
        done(next.error());
        return;
    }
    auto const version = next->version;
    auto const before = running_.generation.version;
    if (!same_content(*next, running_.generation)) {
        // Known to both before it is in force: whatever is killed now, it does not stay unconfirmed.
        confirmation_.await({version, before, within}, boot_moment::now(), writer());
        if (auto kept = keep_confirmation(); !kept) {
            confirmation_.settle(writer());
            done(kept.error());
            return;
        }
    }
    auto const verb = "applied, to be confirmed within " + config::format_duration(within);
    make_current(std::move(*next),
                 {verb, std::move(who), {}, [this, version, before, within, done = std::move(done)](auto outcome) {
                      bool const waits = outcome && outcome->version == version;
                      if (waits) { // the time begins when it is in force
                          confirmation_.await({version, before, within}, boot_moment::now(), writer());
                          outcome->confirm_within = within;
                      } else if (confirmation_.awaited()) {
                          confirmation_.settle(writer());
                      }
                      if (auto kept = keep_confirmation(); !kept) {
                          events_.add("error", kept.error().detail, {}, true);
                      }
                      watch_confirmation();
                      done(std::move(outcome));
                  }});
}

/// The generation that waits and runs; nothing when none does.
std::optional<awaited_confirmation> core::unconfirmed() const {
    auto const& awaited = confirmation_.awaited();
    return awaited && awaited->version == running_.generation.version ? awaited : std::nullopt;
}

void core::confirm(std::string const& who, std::function<void(balance::result<confirmed>)> done) {
    if (auto may = may_change("dyad confirm"); !may) {
        done(may.error());
        return;
    }
    auto const waiting = unconfirmed();
    if (!waiting || going_back_) {
        done(balance::make_error(balance::errc::refused, going_back_
                                                             ? "it is too late: the configuration goes back just now"
                                                             : "no configuration waits for a confirmation"));
        return;
    }
    auto const before = confirmation_;
    confirmation_.settle(writer());
    if (auto kept = keep_confirmation(); !kept) {
        confirmation_ = before;
        done(kept.error());
        return;
    }
    watch_confirmation();
    events_.audit("config", "generation " + version_text(waiting->version) + " confirmed", who);
    done(confirmed{waiting->version, replicator_ && replicator_->status().connected});
}

/// On disk, and to the peer.
balance::result<> core::keep_confirmation() {
    if (auto saved = save(ctx_.state_dir, confirmation_); !saved) {
        return saved;
    }
    if (replicator_) {
        replicator_->set_document(confirmation_.document());
    }
    return {};
}

void core::watch_confirmation() {
    confirm_timer_.cancel();
    if (!unconfirmed() || leaving_ || !may_change({})) {
        return;
    }
    confirm_timer_.expires_after(confirmation_.left(boot_moment::now()));
    confirm_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec && !leaving_) {
            go_back();
        }
    });
}

/// Another generation than the one that waited: it is settled.
void core::settle_confirmation() {
    if (!confirmation_.awaited() || unconfirmed() || !may_change({})) {
        return;
    }
    confirmation_.settle(writer());
    if (auto kept = keep_confirmation(); !kept) {
        events_.add("error", kept.error().detail, {}, true);
    }
    watch_confirmation();
}

void core::go_back() {
    auto const waiting = unconfirmed();
    if (!waiting || going_back_ || !may_change({})) {
        return;
    }
    if (confirmation_.left(boot_moment::now()).count() > 0) {
        return;
    }
    auto const why =
        version_text(waiting->version) + " was not confirmed within " + config::format_duration(waiting->period);
    auto const old = store_->load(waiting->back_to);
    auto next = old ? successor_like(*old, "dyad, since " + why) : balance::result<cluster::generation>(old.error());
    if (!next) {
        went_back(next.error());
        return;
    }
    going_back_ = true;
    make_current(std::move(*next), {"made of " + version_text(waiting->back_to) + ", since " + why,
                                    {},
                                    {},
                                    [this](balance::result<applied> const& outcome) {
                                        going_back_ = false;
                                        went_back(outcome ? balance::result<>() : balance::result<>(outcome.error()));
                                    }});
}

void core::went_back(balance::result<> const& outcome) {
    auto const error = outcome ? std::string() : outcome.error().detail;
    if (error != std::exchange(go_back_error_, error) && !error.empty()) {
        events_.add("error", "the configuration that nobody confirmed cannot go back yet: " + error, {}, true);
    }
    if (outcome) {
        settle_confirmation();
    } // else the next tick tries again
}

} // namespace dyad
