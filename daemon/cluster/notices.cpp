// SPDX-License-Identifier: Apache-2.0
// What the other processes, the node and the peer say.
#include "cluster/core.hpp"
#include "cluster/message_lists.hpp"
#include "cluster/monotonic.hpp"
#include "ipc/values.hpp"

#include <balance/text.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace dyad {

namespace json = boost::json;

namespace {

/// By then the other node's kernel has told of connections that began before this one became active.
constexpr auto hold_period = connections_told + std::chrono::milliseconds(300);

} // namespace

void core::from_guardian(json::object const& m) {
    auto const type = text_of(m, "type");
    if (type == "stop") {
        leave("asked to stop");
    } else if (type == "reload") {
        hand_over_access_log(); // whoever rotates logs asks like this
        auto text = read_file(ctx_.config_dir / cluster_file);
        if (!text) {
            events_.add("error", text.error().detail, {}, true);
            return;
        }
        apply(std::move(*text), "SIGHUP", [this](balance::result<applied> outcome) {
            if (!outcome) {
                events_.add("error", "reload: " + outcome.error().detail, {}, true);
            }
        });
    } else if (type == "listen_result") {
        listen_result(m);
    } else if (type == "proxies") {
        take_roles(m);
    } else if (type == "proxy_replaced") {
        proxy_replaced(m);
    }
}

void core::listen_result(json::object const& m) {
    not_listening_.clear();
    auto const* failed = m.if_contains("failed");
    for (auto const& item : failed && failed->is_array() ? failed->get_array() : json::array{}) {
        if (auto const* o = item.if_object()) {
            auto const where = text_of(*o, "address") + " port " + std::to_string(number_of(*o, "port"));
            not_listening_[where] = text_of(*o, "error");
            events_.add("error", where + ": " + text_of(*o, "error"), {}, true);
        }
    }
    listeners_ready_ = true;
    listeners_follow_ = false;
    set_floating_when_served();
    update_fitness();
}

void core::from_checker(json::object const& m) {
    auto const type = text_of(m, "type");
    if (type == "results") {
        for (auto& entry : list_of<ipc::last_result>(m, "entries", events_)) {
            servers_.set_result(entry.key, std::move(entry.reason), entry.latency.count());
        }
        return;
    }
    if (type == "lateness") {
        auto const time = ipc::unpack<balance::percentiles>(m.contains("time") ? m.at("time") : json::value());
        checks_late_ = time ? *time : balance::percentiles{};
        return;
    }
    if (type == "tested" || type == "history") {
        questions_.answered(m);
        return;
    }
    if (type == "hook") {
        events_.add("health", text_of(m, "text"), {}, true);
        return;
    }
    auto const event = ipc::unpack<balance::health_event>(m);
    if (type != "health" || !event) {
        events_.add("error", "a message of the checker was not understood", {}, true);
        return;
    }
    auto const& [key, health, last, agent] = *event;
    bool const other_share = note_agent(key, agent);
    if (servers_.set_health(key, health, last.reason, last.latency.count(), monotonic_ms())) {
        auto const what = key.service + "/" + key.server + " is " + std::string(balance::to_string(health));
        events_.add("health", what + ": " + last.reason, {}, health == balance::health::down);
        states_changed();
        tell_peer_of(key);
    } else if (other_share) {
        states_changed();
    }
}

/// What an agent says every second is no event, but whether it lets clients in.
bool core::note_agent(balance::server_key const& key, balance::agent_view const& agent) {
    auto const* known = servers_.find(key);
    bool const was_out = known != nullptr && known->state.share == 0;
    if (!servers_.set_agent(key, agent)) {
        return false;
    }
    if (was_out != (agent.share == 0)) {
        events_.add("health", key.service + "/" + key.server +
                                  (was_out ? " gets new connections again" : " gets no new connections") + ": " +
                                  (agent.said.empty() ? "no agent is asked any more" : agent.said));
    }
    return true;
}

void core::node_event(cluster::node_event const& e) {
    events_.add(e.kind, e.text, {}, e.important);
    if (e.kind == "state" && paired()) {
        state_changed(e.state);
    }
    if (e.kind == "state") {
        told_state_ = e.state;
        follow_translations();
        tell_pace();
        tell_peer_of_state();
    }
    if (e.kind == "state" || e.kind == "maintenance") {
        notify_state({.state = e.state, .maintenance = e.maintenance, .epoch = e.epoch}, e.service_ok,
                     e.kind == "state" ? e.reason : e.text);
    }
    end_chain_without_peer();
    if (e.kind == "link" || e.kind == "peer") {
        follow_chain();
    }
    tell_guardian();
    update_fitness();
}

void core::state_changed(cluster::node_state now) {
    if (leaving_) {
        return;
    }
    hold_timer_.cancel();
    if (now == cluster::node_state::active) {
        hold_timer_.expires_after(hold_period);
        hold_timer_.async_wait([this](boost::system::error_code ec) {
            if (!ec && node_->status().state == cluster::node_state::active) {
                hold_unknown(false);
            }
        });
        return;
    }
    if (now == cluster::node_state::passive) {
        if (!holding_) { // it has been active
            served_until_ms_ = monotonic_ms();
        }
        hold_unknown(true);
        if (relay_) {
            relay_->forget();
        }
    }
}

void core::peer_document(cluster::shared_document const& d) {
    if (d.name == confirmation::document_name) {
        if (confirmation_.merge(d, boot_moment::now())) {
            if (auto saved = save(ctx_.state_dir, confirmation_); !saved) {
                events_.add("error", saved.error().detail, {}, true);
            }
            watch_confirmation();
        }
        return;
    }
    if (d.name != "servers" || !servers_.merge(d)) {
        return;
    }
    if (auto saved = save(ctx_.state_dir, d); !saved) {
        events_.add("error", saved.error().detail, {}, true);
    }
    events_.add("operator", "drain and halt states came from the peer");
    tell_checker();
    states_changed();
}

void core::peer_stream(std::string_view channel, std::string_view bytes) {
    if (channel == "connections") {
        if (relay_) {
            relay_->from_peer(bytes);
        }
        return;
    }
    if (channel == "connections wanted") {
        if (relay_ && node_->status().state == cluster::node_state::active) {
            relay_->play_back();
        }
        return;
    }
    if (channel == "translations") {
        if (translations_) {
            translations_->from_peer(bytes);
        }
        return;
    }
    if (channel == health_channel) {
        peer_found(bytes);
        return;
    }
    if (channel == key_channel) {
        key_replacement_->received(bytes);
        return;
    }
    if (is_about_parting(channel)) {
        peer_parts(bytes);
        return;
    }
    if (is_about_tables(channel)) {
        peer_tells_of_tables(channel, bytes);
    }
}

void core::peer_connected(bool connected) {
    bool const planned = !connected && key_replacement_->switched();
    events_.add("replication",
                connected ? "connected to the peer"
                : planned ? "the connection to the peer is made anew, with the pair's new key"
                          : "lost the connection to the peer",
                {}, !connected && !planned);
    if (connected) {
        key_replacement_->connected(replicator_->status().key);
    } else {
        key_replacement_->disconnected();
    }
    if (connected) {
        begin_to_share_tables();
        ask_for_connections();
    } else {
        peer_health_.forget();
        table_exchange_->disconnected();
    }
    tell_peer_of_all();
    follow_translations();
    update_fitness();
}

} // namespace dyad
