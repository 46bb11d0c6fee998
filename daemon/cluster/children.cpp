// SPDX-License-Identifier: Apache-2.0
#include "cluster/children.hpp"

#include "cluster/monotonic.hpp"

#include <algorithm>
#include <utility>

namespace dyad {

namespace json = boost::json;

std::int64_t number_of(json::object const& m, std::string_view name) {
    auto const* value = m.if_contains(name);
    boost::system::error_code ec;
    auto const n = value && value->is_number() ? value->to_number<std::int64_t>(ec) : 0;
    return ec ? 0 : n;
}

std::string text_of(json::object const& m, std::string_view name) {
    auto const* value = m.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

children::children(boost::asio::any_io_executor executor, int guardian_fd, handlers h)
    : executor_(executor), handlers_(std::move(h)), guardian_(executor, ipc::descriptor(guardian_fd)) {
    guardian_.on_message(
        [this](json::object m, std::vector<ipc::descriptor> descriptors) { from_guardian(m, std::move(descriptors)); });
    guardian_.on_closed([this](std::string const&) { handlers_.guardian_gone(); });
    guardian_.start();
}

void children::from_guardian(json::object const& m, std::vector<ipc::descriptor> descriptors) {
    auto const type = text_of(m, "type");
    if (type == "attach" && descriptors.size() == 1) {
        attach(m, std::move(descriptors.front()));
    } else if (type == "process") {
        note_process(m);
    } else {
        handlers_.guardian(m);
    }
}

void children::attach(json::object const& m, ipc::descriptor socket) {
    if (text_of(m, "role") != "checker") {
        return attach_proxy(number_of(m, "pid"), std::move(socket));
    }
    checker_ = ipc::channel(executor_, std::move(socket));
    checker_.on_message([this](json::object received, std::vector<ipc::descriptor>) { handlers_.checker(received); });
    checker_.on_closed([](std::string const&) {}); // the guardian sends a new one
    checker_.start();
    handlers_.checker_attached();
}

void children::attach_proxy(std::int64_t pid, ipc::descriptor socket) {
    auto& channel = proxies_[pid] = ipc::channel(executor_, std::move(socket));
    channel.on_message([this, pid](json::object received, std::vector<ipc::descriptor>) { handlers_.proxy(pid, received); });
    channel.on_closed([this, pid](std::string const&) {
        proxies_.erase(pid);
        handlers_.proxy_gone(pid);
    });
    channel.start();
    handlers_.proxy_attached(pid);
}

bool children::to_proxy(std::int64_t pid, json::object const& m) {
    auto const found = proxies_.find(pid);
    return found != proxies_.end() && found->second.send(m);
}

void children::to_proxies(json::object const& m, std::span<int const> descriptors, std::int64_t except) {
    for (auto& [pid, channel] : proxies_) {
        if (pid != except) {
            channel.send(m, descriptors);
        }
    }
}

std::size_t children::waiting_for_proxy(std::int64_t pid) const {
    auto const found = proxies_.find(pid);
    return found == proxies_.end() ? 0 : found->second.waiting();
}

void children::note_process(json::object const& m) {
    process_info const fresh{text_of(m, "name"), number_of(m, "pid"),
                             static_cast<std::uint64_t>(number_of(m, "restarts")),
                             monotonic_ms() - number_of(m, "up_ms"), text_of(m, "reason")};
    auto const known =
        std::find_if(processes_.begin(), processes_.end(), [&](process_info const& p) { return p.name == fresh.name; });
    if (known == processes_.end()) {
        processes_.push_back(fresh);
        return;
    }
    bool const again = known->pid != fresh.pid && known->restarts != fresh.restarts; // else it was replaced
    *known = fresh;
    if (again) {
        handlers_.restarted(fresh);
    }
}

} // namespace dyad
