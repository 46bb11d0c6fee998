// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_process.hpp"

#include "config/config.hpp"
#include "config/listening.hpp"
#include "ipc/base64.hpp"
#include "ipc/fields.hpp"
#include "ipc/values.hpp"

#include <boost/asio/post.hpp>
#include <balance/share.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace dyad {

namespace {

constexpr std::chrono::milliseconds settle_limit{1000};
constexpr std::chrono::milliseconds flush_period{20}; ///< entries are on their way within 50 ms
constexpr std::chrono::milliseconds status_period{1000};
constexpr std::size_t entries_per_message = 10'000; ///< some 1.5 MB of JSON

void misunderstood(std::string_view type, balance::error const& why) {
    spdlog::error("message \"{}\": {}", type, why.detail);
}

/// Absent from a cluster process that knows of none.
std::vector<std::pair<std::string, std::string>> certificates_in(boost::json::object const& message) {
    std::vector<std::pair<std::string, std::string>> out;
    if (auto const* all = message.if_contains("certificates"); all != nullptr && all->is_object()) {
        for (auto const& [name, pem] : all->get_object()) {
            if (auto const bytes = ipc::from_base64(pem.is_string() ? pem.get_string() : std::string_view())) {
                out.emplace_back(std::string(name), std::string(bytes->begin(), bytes->end()));
            }
        }
    }
    return out;
}

} // namespace

proxy_process::proxy_process(int guardian_fd, balance::proxy::settings s)
    : proxy_(s),
      links_(io_, guardian_fd,
             {[this] { introduced_ = false; }, [this](boost::json::object const& m) { on_cluster(m); },
              [this](boost::json::object const& m, std::vector<ipc::descriptor> d) { on_guardian(m, std::move(d)); }}) {
    proxy_.on_persistence([this](std::span<balance::persistence_entry const> entries) {
        if (outbox_.add(entries)) {
            boost::asio::post(io_, [this] { flush_later(); });
        }
    });
}

void proxy_process::run() {
    report_status();
    io_.run();
    proxy_.stop(); // its threads use the outbox
}

void proxy_process::on_guardian(boost::json::object const& message, std::vector<ipc::descriptor> descriptors) {
    if (auto const taken = listeners_.take(message, std::move(descriptors)); !taken) {
        return misunderstood("listeners", taken.error());
    }
    if (configured_) {
        apply_when_settled();
    }
}

void proxy_process::on_cluster(boost::json::object const& message) {
    auto const type = ipc::fields(message).text("type");
    if (type == "configure") {
        configure(message);
    } else if (type == "states") {
        set_states(message);
    } else if (type == "merge") {
        merge(message);
    } else if (type == "reset_clients") {
        proxy_.reset_clients();
    } else {
        spdlog::error("the cluster process sent a message of unknown type \"{}\"", type);
    }
}

void proxy_process::configure(boost::json::object const& message) {
    ipc::fields from(message);
    auto text = from.make(from.text("cluster_toml"));
    auto states = ipc::unpack_all<balance::server_state>(message, "states");
    auto const page_port = from.make(from.number<std::uint16_t>("page_port"));
    if (!text || !states || !page_port) {
        return misunderstood("configure", !text ? text.error() : !states ? states.error() : page_port.error());
    }
    if (*text != text_ && !parse(std::move(*text))) {
        return;
    }
    desired_.page_port = *page_port;
    desired_.certificates = certificates_in(message);
    states_ = std::move(*states);
    configured_ = true;
    if (!std::exchange(introduced_, true)) {
        send_entries(proxy_.persistence_snapshot());
    }
    links_.hear_guardian();
    apply_when_settled();
}

bool proxy_process::parse(std::string text) {
    auto parsed = config::parse_cluster(text, "cluster.toml", {});
    if (!parsed.value) {
        for (auto const& fault : parsed.diagnostics) {
            spdlog::error("{}", config::to_string(fault));
        }
        return false;
    }
    desired_ = std::move(parsed.value->services);
    text_ = std::move(text);
    return true;
}

void proxy_process::set_states(boost::json::object const& message) {
    auto states = ipc::unpack_all<balance::server_state>(message, "states");
    if (!states) {
        return misunderstood("states", states.error());
    }
    states_ = std::move(*states);
    if (configured_) {
        apply_when_settled();
    }
}

void proxy_process::merge(boost::json::object const& message) {
    auto const entries = ipc::unpack_all<balance::persistence_entry>(message, "entries");
    if (!entries) {
        return misunderstood("merge", entries.error());
    }
    proxy_.merge(*entries);
}

void proxy_process::apply_when_settled() {
    auto wanted = config::endpoints_of(desired_);
    wanted.merge(config::page_endpoints(desired_));
    if (listeners_.settled(wanted)) {
        settle_timer_.cancel();
        settling_ = false;
        return apply();
    }
    if (std::exchange(settling_, true)) {
        return;
    }
    settle_timer_.expires_after(settle_limit);
    settle_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec && std::exchange(settling_, false)) {
            spdlog::warn("some listening sockets have not come: the other services are served");
            apply();
        }
    });
}

void proxy_process::apply() {
    auto reachable =
        config::restrict_to(desired_, [this](balance::endpoint const& e) { return listeners_.has(e); });
    auto const of_page = config::page_endpoints(desired_);
    auto wanted = config::endpoints_of(reachable);
    wanted.insert(of_page.begin(), of_page.end());
    auto fresh = listeners_.hand_over(wanted);
    auto const first_of_page =
        std::partition(fresh.begin(), fresh.end(), [&](auto const& l) { return !of_page.contains(l.local); });
    page_.serve({first_of_page, fresh.end()}, of_page);
    fresh.erase(first_of_page, fresh.end());
    proxy_.use_listeners(std::move(fresh));
    proxy_.apply(balance::with_shares(std::move(reachable), states_), states_);
}

void proxy_process::send_entries(std::span<balance::persistence_entry const> entries) {
    for (std::size_t at = 0; at < entries.size(); at += entries_per_message) {
        auto const part = entries.subspan(at, std::min(entries_per_message, entries.size() - at));
        links_.to_cluster({{"type", "persistence"}, {"entries", ipc::pack_all(part)}});
    }
}

void proxy_process::flush_later() {
    flush_timer_.expires_after(flush_period);
    flush_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            send_entries(outbox_.take()); // lost without a cluster process: the next one gets all tables
        }
    });
}

void proxy_process::report_status() {
    status_timer_.expires_after(status_period);
    status_timer_.async_wait([this](boost::system::error_code ec) {
        if (ec) {
            return;
        }
        if (configured_ && links_.has_cluster()) {
            links_.to_cluster({{"type", "status"}, {"services", ipc::pack_all(status())}});
        }
        report_status();
    });
}

std::vector<balance::service_status> proxy_process::status() const {
    auto all = proxy_.status();
    for (auto& s : all) {
        auto const described = std::ranges::find(desired_.services, s.name, &balance::virtual_service::name);
        if (!s.not_served.empty() || described == desired_.services.end()) {
            continue;
        }
        balance::configuration alone;
        alone.services = {*described};
        auto const wanted = config::endpoints_of(alone);
        bool const none = std::ranges::none_of(wanted, [this](auto const& e) { return listeners_.has(e); });
        if (auto const* why = none && !wanted.empty() ? listeners_.failure(*wanted.begin()) : nullptr) {
            s.not_served = *why;
        }
    }
    return all;
}

} // namespace dyad
