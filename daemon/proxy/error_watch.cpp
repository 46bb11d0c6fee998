// SPDX-License-Identifier: Apache-2.0
#include "proxy/error_watch.hpp"

#include "config/words.hpp"

#include <set>
#include <utility>

namespace dyad {

namespace {

constexpr std::chrono::seconds quiet_after_report{1};
constexpr int samples_of_a_period = 16;

/// "10 errors of clients' requests within 10 s".
std::string reason_of(balance::virtual_service const& s, balance::observation const& limit) {
    auto time = config::format_duration(limit.within);
    time.insert(time.find_first_not_of("0123456789"), 1, ' ');
    return std::to_string(limit.errors) + (limit.errors == 1 ? " error" : " errors") + " of clients' " +
           (s.mode == balance::mode::http ? "requests" : "connections") + " within " + time;
}

} // namespace

bool error_tally::note(std::uint64_t total, clock::time_point now, balance::observation const& limit) {
    if (samples_.empty() || total < samples_.back().total) { // the same name, another server
        samples_.assign(1, {now, total});
        return false;
    }
    while (samples_.size() > 1 && samples_[1].at <= now - limit.within) {
        samples_.pop_front();
    }
    if (total - samples_.front().total >= limit.errors && now >= quiet_until_) {
        samples_.assign(1, {now, total});
        quiet_until_ = now + quiet_after_report;
        return true;
    }
    if (now - samples_.back().at >= limit.within / samples_of_a_period) {
        samples_.push_back({now, total});
    }
    return false;
}

void error_watch::configure(std::span<balance::virtual_service const> services, std::span<balance::server_state const> states) {
    auto before = std::exchange(watched_, {});
    for (auto const& s : services) {
        if (!s.observe || balance::is_layer4(s.mode)) {
            continue;
        }
        for (auto const& server : s.servers) {
            balance::server_key key{s.name, server.name};
            watched w{*s.observe, reason_of(s, *s.observe)};
            if (auto const known = before.find(key); known != before.end()) {
                w.tally = std::move(known->second.tally);
            }
            watched_.emplace(std::move(key), std::move(w));
        }
    }
    for (auto const& state : states) {
        if (auto const found = watched_.find(state.key); found != watched_.end()) {
            found->second.up = state.health == balance::health::up;
        }
    }
    for (auto& [key, w] : watched_) {
        if (!w.up) {
            w.tally.forget();
        }
    }
}

std::vector<ipc::error_report> error_watch::look(std::span<balance::server_errors const> errors, error_tally::clock::time_point now) {
    std::vector<ipc::error_report> out;
    for (auto const& e : errors) {
        auto const found = watched_.find(e.key);
        if (found == watched_.end() || !found->second.up) {
            continue;
        }
        auto& w = found->second;
        if (w.tally.note(e.count, now, w.limit)) {
            out.push_back({e.key, w.reason, w.limit.take_down});
        }
    }
    return out;
}

} // namespace dyad
