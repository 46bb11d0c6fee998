// SPDX-License-Identifier: Apache-2.0
// What the cluster process and the proxy ask of the guardian. A message that is not understood is logged and changes nothing.
#include "guardian/supervisor.hpp"
#include "ipc/fields.hpp"
#include "ipc/values.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <vector>

namespace dyad {

namespace {

/// Of each family, at once.
constexpr std::size_t most_sockets = 256;

void misunderstood(std::string_view type, balance::error const& why) {
    spdlog::error("message \"{}\" of the cluster process: {}", type, why.detail);
}

boost::json::array pack(std::vector<listeners::failure> const& failures) {
    boost::json::array failed;
    for (auto const& failure : failures) {
        auto entry = ipc::pack(failure.local);
        entry["error"] = failure.error;
        failed.push_back(std::move(entry));
    }
    return failed;
}

} // namespace

void supervisor::on_cluster_message(boost::json::object const& message) {
    static std::map<std::string, message_handler, std::less<>> const handlers{
        {"ready", &supervisor::on_ready},       {"leaving", &supervisor::on_leaving},
        {"status", &supervisor::on_status},     {"deadtime", &supervisor::on_deadtime},
        {"floating", &supervisor::on_floating}, {"goodbye", &supervisor::on_goodbye},
        {"listen", &supervisor::on_listen},     {"replace_proxy", &supervisor::on_replace_proxy},
    };
    auto const type = ipc::fields(message).text("type");
    auto const found = handlers.find(type);
    if (found == handlers.end()) {
        spdlog::error("the cluster process sent a message of unknown type \"{}\"", type);
        return;
    }
    (this->*found->second)(message);
}

void supervisor::on_ready(boost::json::object const&) {
    was_ready_ = true;
    notifier_.send("READY=1");
}

void supervisor::on_leaving(boost::json::object const&) {
    leaving_ = true;
    if (phase_ == phase::running) { // a signal of somebody's, not our word
        expect_cluster_end();
    }
}

void supervisor::on_status(boost::json::object const& message) {
    auto text = ipc::fields(message).text("text");
    std::replace(text.begin(), text.end(), '\n', ' '); // a line feed would begin another assignment
    notifier_.send("STATUS=" + text);
}

void supervisor::on_deadtime(boost::json::object const& message) {
    ipc::fields from(message);
    auto const deadtime = from.make(from.duration("ms"));
    if (!deadtime) {
        return misunderstood("deadtime", deadtime.error());
    }
    stall_.watch(*deadtime);
}

void supervisor::on_floating(boost::json::object const& message) {
    auto addresses = ipc::unpack_all<cluster::floating_address>(message, "addresses");
    if (!addresses) {
        return misunderstood("floating", addresses.error());
    }
    will_.set_addresses(std::move(*addresses));
}

void supervisor::on_goodbye(boost::json::object const& message) {
    auto datagrams = ipc::unpack_all<cluster::sealed_datagram>(message, "datagrams");
    if (!datagrams) {
        return misunderstood("goodbye", datagrams.error());
    }
    will_.set_goodbyes(std::move(*datagrams));
}

void supervisor::on_listen(boost::json::object const& message) {
    auto const sockets = ipc::unpack_all<balance::endpoint>(message, "sockets");
    if (!sockets) {
        return misunderstood("listen", sockets.error());
    }
    auto const failed_before = listeners_.failed();
    auto const change = listeners_.apply({sockets->begin(), sockets->end()});
    if (change != listener_change{} || listeners_.failed() != failed_before) {
        for (auto* proxy : proxies_.accepting()) {
            pass_listeners(change, *proxy);
        }
    }
    report_listeners();
    retry_listeners_later();
}

void supervisor::retry_listeners_later() {
    listen_timer_.cancel();
    if (listeners_.failed().empty()) {
        return;
    }
    listen_timer_.expires_after(std::chrono::seconds(1));
    listen_timer_.async_wait([this](boost::system::error_code ec) {
        if (ec) {
            return;
        }
        auto const change = listeners_.retry();
        if (!change.open.empty()) {
            for (auto* proxy : proxies_.accepting()) {
                pass_listeners(change, *proxy);
            }
            report_listeners();
        }
        retry_listeners_later();
    });
}

/// The first message also says what to close; every one says what could not be opened.
void supervisor::pass_listeners(listener_change const& change, running_child& to) {
    auto removed = ipc::pack_all(change.close);
    std::size_t at = 0;
    do {
        boost::json::array added;
        std::vector<int> sockets;
        for (; at < change.open.size() && sockets.size() < ipc::max_descriptors; ++at) {
            added.push_back(ipc::pack(change.open[at]));
            sockets.push_back(listeners_.held().at(change.open[at]).get());
        }
        to.send({{"type", "listeners"},
                 {"add", std::move(added)},
                 {"remove", std::exchange(removed, {})},
                 {"failed", pack(listeners_.failed())}},
                sockets);
    } while (at < change.open.size());
}

void supervisor::report_listeners() {
    cluster_.send({{"type", "listen_result"}, {"failed", pack(listeners_.failed())}});
}

void supervisor::on_replace_proxy(boost::json::object const& message) {
    ipc::fields from(message);
    auto const id = from.number<std::uint64_t>("id");
    auto const finish_within = from.make(from.duration("finish_within_ms"));
    if (!finish_within) {
        return misunderstood("replace_proxy", finish_within.error());
    }
    auto const answer = [this, id](replacement const& r) {
        cluster_.send({{"type", "proxy_replaced"},
                       {"id", id},
                       {"error", r.error},
                       {"was", r.was},
                       {"pid", r.pid},
                       {"connections", r.connections},
                       {"version", r.version}});
    };
    auto const opened = open_program(program_path_, proxy_arguments_);
    opened ? proxies_.replace(*opened, *finish_within, answer) : answer({.error = opened.error().detail});
}

/// A proxy speaks with strangers: whatever it says, it gets a few sockets at most, and each time an answer.
void supervisor::on_proxy_message(running_child& proxy, boost::json::object const& message) {
    ipc::fields from(message);
    auto const type = from.text("type");
    std::array const wanted{from.make(from.number<std::size_t>("ipv4")), from.make(from.number<std::size_t>("ipv6"))};
    if (type != "sockets_wanted" || !wanted[0] || !wanted[1]) {
        spdlog::error("the proxy process sent a message that was not understood");
        return;
    }
    if (proxy.is_behind()) {
        return; // else one that only asks would have us hold sockets without end; it asks again
    }
    for (bool const ipv6 : {false, true}) {
        for (auto missing = std::min(*wanted[ipv6 ? 1 : 0], most_sockets); missing > 0;) {
            auto const sockets = open_borrowing_sockets(ipv6, std::min(missing, ipc::max_descriptors));
            std::vector<int> descriptors;
            for (auto const& s : sockets) {
                descriptors.push_back(s.get());
            }
            proxy.send({{"type", "sockets"}, {"ipv6", ipv6}}, descriptors);
            missing = descriptors.empty() ? 0 : missing - descriptors.size();
        }
    }
}

} // namespace dyad
