// SPDX-License-Identifier: Apache-2.0
#include "cluster/event_log.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <utility>

namespace dyad {
namespace {

std::string utc_now() {
    auto const now = std::chrono::system_clock::now();
    auto const seconds = std::chrono::system_clock::to_time_t(now);
    auto const milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 24> date{};
    std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::array<char, 8> fraction{};
    std::snprintf(fraction.data(), fraction.size(), ".%03dZ", static_cast<int>(milliseconds));
    return std::string(date.data()) + fraction.data();
}

} // namespace

void event_log::add(std::string_view kind, std::string text, std::string who, bool important) {
    push({0, utc_now(), std::string(kind), std::move(text), std::move(who), false}, important);
}

void event_log::audit(std::string_view kind, std::string text, std::string who) {
    entry e{0, utc_now(), std::string(kind), std::move(text), std::move(who), true};
    if (keep_) {
        keep_(e);
    }
    push(std::move(e), false);
}

void event_log::restore(std::vector<entry> earlier) {
    auto const first = earlier.size() - std::min(earlier.size(), restored_at_most);
    for (auto i = first; i < earlier.size(); ++i) {
        earlier[i].id = next_++;
        entries_.push_back(std::move(earlier[i]));
    }
}

void event_log::push(entry e, bool important) {
    auto const by = e.who.empty() ? std::string() : " (" + e.who + ")";
    spdlog::log(important ? spdlog::level::warn : spdlog::level::info, "{}: {}{}", e.kind, e.text, by);
    e.id = next_++;
    entries_.push_back(std::move(e));
    if (entries_.size() > capacity) {
        entries_.pop_front();
    }
    for (auto& wake : std::exchange(waiting_, {})) {
        wake();
    }
}

std::vector<event_log::entry> event_log::after(std::uint64_t id) const {
    std::vector<entry> found;
    for (auto const& e : entries_) {
        if (e.id > id) {
            found.push_back(e);
        }
    }
    return found;
}

void event_log::when_after(std::uint64_t id, std::function<void()> wake) {
    if (id < last()) {
        wake();
        return;
    }
    waiting_.push_back(std::move(wake));
}

boost::json::object to_json(event_log::entry const& e) {
    return {{"id", e.id}, {"time", e.time}, {"kind", e.kind}, {"text", e.text}, {"who", e.who}, {"audit", e.audit}};
}

} // namespace dyad
