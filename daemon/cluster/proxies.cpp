// SPDX-License-Identifier: Apache-2.0
// The proxy processes: one that serves, one that is to take its place, those that were replaced and finish what they have.
#include "cluster/core.hpp"
#include "cluster/message_lists.hpp"
#include "cluster/monotonic.hpp"
#include "ipc/values.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace dyad {

namespace json = boost::json;

namespace {

/// Longer than the guardian waits for a proxy that does not serve.
constexpr std::chrono::seconds replacement_patience{20};

} // namespace

/// It may serve as soon as it is configured: what it must know before its first client comes first.
void core::proxy_attached(std::int64_t pid) {
    hand_over_access_log();
    send_tables_to_proxy(pid);
    if (auto const configuration = proxy_configuration()) {
        children_->to_proxy(pid, *configuration);
    }
}

void core::from_proxy(std::int64_t pid, json::object const& m) {
    auto const type = text_of(m, "type");
    if (type == "status") {
        auto const* const whole = m.if_contains("whole");
        proxy_totals_.take(pid, whole == nullptr || *whole == true, static_cast<std::uint64_t>(number_of(m, "connections")),
                           list_of<balance::service_status>(m, "services", events_));
    } else if (type == "errors") {
        auto reports = list_of<ipc::error_report>(m, "reports", events_);
        children_->to_checker({{"type", "errors"}, {"reports", ipc::pack_all(reports)}});
    } else if (type == "records") {
        proxy_learnt(pid, m);
    }
}

/// What the guardian says of them.
void core::take_roles(json::object const& m) {
    retiring_proxies_.clear();
    std::set<std::int64_t> replaced;
    auto const* const retiring = m.if_contains("retiring");
    for (auto const& item : retiring && retiring->is_array() ? retiring->get_array() : json::array{}) {
        if (auto const* o = item.if_object()) {
            auto const pid = number_of(*o, "pid");
            retiring_proxies_.push_back({pid, monotonic_ms() - number_of(*o, "retiring_ms"), 0});
            replaced.insert(pid);
        }
    }
    proxy_totals_.set_roles(number_of(m, "serving"), replaced);
}

void core::replace_proxy(std::string const& who, std::function<void(balance::result<replaced_proxy>)> done) {
    if (replaced_done_) {
        return done(balance::make_error(balance::errc::refused, "a replacement of the proxy is under way already"));
    }
    if (running_.generation.files.empty()) {
        return done(balance::make_error(balance::errc::refused, "this node has no configuration yet, so its proxy serves nothing; restart dyadd"));
    }
    events_.audit("operator", "replacement of the proxy asked for", who);
    replaced_done_ = [this, who, done = std::move(done)](balance::result<replaced_proxy> outcome) {
        events_.audit("operator",
                      outcome ? "proxy replaced: pid " + std::to_string(outcome->was) + " -> " + std::to_string(outcome->pid) + ", dyadd " +
                                    outcome->version + ", " + std::to_string(outcome->connections) + " connections finish in the old one"
                              : "proxy not replaced: " + outcome.error().detail,
                      who);
        done(std::move(outcome));
    };
    replacement_ = static_cast<std::uint64_t>(monotonic_ms()); // also another one than that of a cluster process before this one
    children_->to_guardian(
        {{"type", "replace_proxy"}, {"id", replacement_}, {"finish_within_ms", self_.proxy_finish_within.count()}});
    replacement_timer_.expires_after(replacement_patience);
    replacement_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            end_replacement(balance::make_error(balance::errc::timed_out, "the guardian does not answer; `dyad status` shows which proxy serves"));
        }
    });
}

void core::proxy_replaced(json::object const& m) {
    if (static_cast<std::uint64_t>(number_of(m, "id")) != replacement_) {
        return; // of a cluster process before this one, or too late
    }
    if (auto const error = text_of(m, "error"); !error.empty()) {
        return end_replacement(balance::make_error(balance::errc::refused, error));
    }
    end_replacement(replaced_proxy{.was = number_of(m, "was"),
                                   .pid = number_of(m, "pid"),
                                   .connections = static_cast<std::uint64_t>(number_of(m, "connections")),
                                   .finish_within = self_.proxy_finish_within,
                                   .version = text_of(m, "version")});
}

void core::end_replacement(balance::result<replaced_proxy> outcome) {
    replacement_timer_.cancel();
    if (auto const done = std::exchange(replaced_done_, nullptr)) {
        done(std::move(outcome));
    }
}

} // namespace dyad
