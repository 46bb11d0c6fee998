// SPDX-License-Identifier: Apache-2.0
#include "cluster/server_states.hpp"

#include <balance/text.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <config/first_state.hpp>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace dyad {

namespace json = boost::json;

void server_states::set_services(std::vector<balance::virtual_service> const& services, std::int64_t now_ms) {
    ++configuration_;
    for (auto const& service : services) {
        for (auto const& server : service.servers) {
            auto const [place, is_new] = entries_.try_emplace({service.name, server.name});
            auto& e = place->second;
            e.target = {server.address, server.port};
            auto const first = config::first_health(service.check);
            bool const other_check = std::exchange(e.first_health, first) != first && first != balance::health::unknown;
            e.configuration = configuration_;
            if (is_new || (other_check && e.state.health != first)) {
                e.state.key = place->first;
                e.state.health = first;
                e.changed_at_ms = now_ms;
            }
        }
    }
    std::erase_if(entries_, [this](auto const& e) { return e.second.configuration != configuration_; });
    apply_words();
}

bool server_states::set_health(balance::server_key const& key, balance::health h, std::string reason,
                               std::int64_t latency_ms, std::int64_t now_ms) {
    auto const found = entries_.find(key);
    if (found == entries_.end()) {
        return false;
    }
    auto& e = found->second;
    e.reason = std::move(reason);
    e.latency_ms = latency_ms;
    if (e.state.health == h) {
        return false;
    }
    e.state.health = h;
    e.changed_at_ms = now_ms;
    return true;
}

bool server_states::set_agent(balance::server_key const& key, balance::agent_view view) {
    auto const found = entries_.find(key);
    if (found == entries_.end()) {
        return false;
    }
    found->second.agent = std::move(view.said);
    auto& state = found->second.state;
    bool const other_share = std::exchange(state.share, view.share) != view.share;
    return std::exchange(state.most_connections, view.most_connections) != view.most_connections || other_share;
}

void server_states::set_result(balance::server_key const& key, std::string reason, std::int64_t latency_ms) {
    if (auto const found = entries_.find(key); found != entries_.end()) {
        found->second.reason = std::move(reason);
        found->second.latency_ms = latency_ms;
    }
}

void server_states::set_admin(std::span<balance::server_key const> keys, balance::admin_state state,
                              cluster::node_id writer, std::chrono::milliseconds cut_after) {
    ++stamp_;
    for (auto const& key : keys) {
        if (state == balance::admin_state::online) {
            words_.erase(key);
        } else {
            words_[key] = {state, state == balance::admin_state::drain ? cut_after.count() : 0, stamp_, false, 0};
        }
    }
    writer_ = writer;
    apply_words();
}

std::vector<balance::server_key> server_states::cut_those_due(std::int64_t now_ms) {
    std::vector<balance::server_key> due;
    for (auto& [key, w] : words_) {
        if (w.cut || w.cut_after_ms == 0) {
            continue;
        }
        if (w.cut_at_ms == 0) {
            w.cut_at_ms = now_ms + w.cut_after_ms;
        } else if (now_ms >= w.cut_at_ms) {
            w.cut = true;
            due.push_back(key);
        }
    }
    if (!due.empty()) {
        apply_words();
    }
    return due;
}

server_states::entry const* server_states::find(balance::server_key const& key) const {
    auto const found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second;
}

std::vector<balance::server_state> server_states::list() const {
    std::vector<balance::server_state> states;
    states.reserve(entries_.size());
    for (auto const& [key, e] : entries_) {
        states.push_back(e.state);
    }
    return states;
}

std::vector<balance::server_state> server_states::unusual() const {
    std::vector<balance::server_state> states;
    for (auto const& [key, e] : entries_) {
        if (e.state != balance::server_state{key, e.first_health}) {
            states.push_back(e.state);
        }
    }
    return states;
}

std::vector<balance::server_state> server_states::list(std::vector<balance::virtual_service> const& services,
                                                       bool (*wanted)(balance::virtual_service const&)) const {
    std::set<std::string_view> names;
    for (auto const& service : services) {
        if (wanted(service)) {
            names.insert(service.name);
        }
    }
    std::vector<balance::server_state> states;
    auto name = names.begin();
    for (auto const& [key, e] : entries_) { // in the order of the services' names, too
        while (name != names.end() && *name < key.service) {
            ++name;
        }
        if (name == names.end()) {
            break;
        }
        if (*name == key.service) {
            states.push_back(e.state);
        }
    }
    return states;
}

cluster::shared_document server_states::document() const {
    json::array words;
    for (auto const& [key, w] : words_) {
        json::object said{{"service", key.service}, {"server", key.server}, {"admin", balance::to_string(w.state)}};
        if (w.cut_after_ms != 0) {
            said["cut_after_ms"] = w.cut_after_ms;
            said["since"] = w.since;
        }
        words.push_back(std::move(said));
    }
    return {"servers", stamp_, writer_, json::serialize(words)};
}

bool server_states::merge(cluster::shared_document const& d) {
    if (std::tie(d.stamp, d.writer) <= std::tie(stamp_, writer_)) {
        return false;
    }
    boost::system::error_code ec;
    auto const value = json::parse(d.bytes, ec);
    if (ec || !value.is_array()) {
        return false;
    }
    std::map<balance::server_key, word> words;
    for (auto const& item : value.get_array()) {
        auto const* object = item.if_object();
        auto const* service = object ? object->if_contains("service") : nullptr;
        auto const* server = object ? object->if_contains("server") : nullptr;
        auto const* admin = object ? object->if_contains("admin") : nullptr;
        if (!service || !server || !admin || !service->is_string() || !server->is_string() || !admin->is_string()) {
            return false;
        }
        auto const state = balance::parse_admin_state(std::string_view(admin->get_string()));
        if (!state) {
            return false;
        }
        word w{*state, 0, 0, false, 0};
        if (auto const* after = object->if_contains("cut_after_ms")) { // an older version says nothing of it
            auto const* since = object->if_contains("since");
            if (!after->is_int64() || after->get_int64() < 0 || after->get_int64() > longest_drain_ms || !since || !since->is_int64()) {
                return false;
            }
            w.cut_after_ms = after->get_int64();
            w.since = static_cast<std::uint64_t>(since->get_int64());
        }
        balance::server_key key{std::string(service->get_string()), std::string(server->get_string())};
        if (auto const known = words_.find(key); known != words_.end() && known->second.cut_after_ms == w.cut_after_ms &&
            known->second.since == w.since) {
            w = known->second; // its time runs already, or is over
        }
        words[std::move(key)] = w;
    }
    words_ = std::move(words);
    stamp_ = d.stamp;
    writer_ = d.writer;
    apply_words();
    return true;
}

void server_states::apply_words() {
    for (auto& [key, e] : entries_) {
        auto const said = words_.find(key);
        e.state.admin = said == words_.end() ? balance::admin_state::online : said->second.state;
        e.state.cut = said != words_.end() && said->second.cut;
    }
}

} // namespace dyad
