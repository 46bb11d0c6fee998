// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener_pool.hpp"

#include "ipc/values.hpp"

#include <fcntl.h>

#include <algorithm>
#include <utility>

namespace dyad {

namespace {

balance::result<std::map<balance::endpoint, std::string>> failures_of(boost::json::object const& message) {
    auto const where = ipc::unpack_all<balance::endpoint>(message, "failed");
    if (!where) {
        return where.error();
    }
    auto const& list = message.at("failed").get_array();
    std::map<balance::endpoint, std::string> failed;
    for (std::size_t i = 0; i < where->size(); ++i) {
        auto const* const text = list[i].get_object().if_contains("error");
        failed[(*where)[i]] = text != nullptr && text->is_string() ? std::string(text->get_string()) : "unknown";
    }
    return failed;
}

} // namespace

balance::result<> listener_pool::take(boost::json::object const& message, std::vector<ipc::descriptor> descriptors) {
    auto const added = ipc::unpack_all<balance::endpoint>(message, "add");
    auto const removed = ipc::unpack_all<balance::endpoint>(message, "remove");
    auto failed = failures_of(message);
    if (!added || !removed || !failed) {
        return !added ? added.error() : !removed ? removed.error() : failed.error();
    }
    if (added->size() != descriptors.size()) {
        return balance::make_error(balance::errc::protocol_error, "\"add\" must name every descriptor");
    }
    for (auto const& old : *removed) {
        held_.erase(old);
    }
    for (std::size_t i = 0; i < added->size(); ++i) {
        held_[(*added)[i]] = std::move(descriptors[i]);
        handed_.erase((*added)[i]); // another socket than the one the relay has
    }
    failed_ = std::move(*failed);
    return {};
}

std::string const* listener_pool::failure(balance::endpoint const& e) const {
    auto const found = failed_.find(e);
    return found == failed_.end() ? nullptr : &found->second;
}

bool listener_pool::settled(std::set<balance::endpoint> const& wanted) const {
    return std::ranges::all_of(wanted, [this](auto const& e) { return has(e) || failed_.contains(e); });
}

std::vector<balance::listener> listener_pool::hand_over(std::set<balance::endpoint> const& wanted) {
    std::erase_if(handed_, [&](auto const& e) { return !wanted.contains(e); });
    std::vector<balance::listener> fresh;
    for (auto const& e : wanted) {
        auto const found = held_.find(e);
        if (found == held_.end() || handed_.contains(e)) {
            continue;
        }
        if (int const copy = ::fcntl(found->second.get(), F_DUPFD_CLOEXEC, 0); copy >= 0) {
            fresh.push_back({e, copy});
            handed_.insert(e);
        }
    }
    return fresh;
}

} // namespace dyad
