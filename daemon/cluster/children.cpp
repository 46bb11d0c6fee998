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
    bool const is_checker = text_of(m, "role") == "checker";
    auto& channel = is_checker ? checker_ : proxy_;
    channel = ipc::channel(executor_, std::move(socket));
    channel.on_message([this, is_checker](json::object received, std::vector<ipc::descriptor>) {
        (is_checker ? handlers_.checker : handlers_.proxy)(received);
    });
    channel.on_closed([](std::string const&) {}); // the guardian sends a new one
    channel.start();
    (is_checker ? handlers_.checker_attached : handlers_.proxy_attached)();
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
    bool const again = known->pid != fresh.pid;
    *known = fresh;
    if (again) {
        handlers_.restarted(fresh);
    }
}

} // namespace dyad
