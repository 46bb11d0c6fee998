// SPDX-License-Identifier: Apache-2.0
#include "cluster/peer_health.hpp"

#include "ipc/fields.hpp"

#include <balance/text.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace dyad {

namespace json = boost::json;

namespace {

constexpr std::size_t longest_name = 64;
constexpr std::size_t longest_reason = 200;
constexpr std::size_t shown_disagreements = 3;

constexpr std::pair<std::string_view, balance::health> health_words[] = {
    {"unknown", balance::health::unknown}, {"up", balance::health::up}, {"down", balance::health::down}};

std::optional<health_word> word_of(json::value const& v) {
    ipc::fields from(v);
    health_word w{{from.text("service"), from.text("server")},
                  {from.address("address"), from.number<std::uint16_t>("port")},
                  balance::health::unknown,
                  from.text("reason")};
    auto const text = from.text("health");
    auto const known = std::find_if(std::begin(health_words), std::end(health_words), [&](auto const& h) { return h.first == text; });
    bool const whole = from.make(true) && known != std::end(health_words);
    if (!whole || w.key.service.size() > longest_name || w.key.server.size() > longest_name || w.reason.size() > longest_reason) {
        return std::nullopt;
    }
    w.health = known->second;
    return w;
}

health_word word_about(server_states::entry const& e) {
    return {e.state.key, e.target, e.state.health, e.reason.substr(0, longest_reason)};
}

} // namespace

std::string to_text(health_message const& m) {
    json::array words;
    words.reserve(m.words.size());
    for (auto const& w : m.words) {
        words.push_back(json::object{{"service", w.key.service},
                                     {"server", w.key.server},
                                     {"address", w.target.address.to_string()},
                                     {"port", w.target.port},
                                     {"health", balance::to_string(w.health)},
                                     {"reason", w.reason}});
    }
    return json::serialize(json::object{{"first", m.first}, {"active", m.active}, {"servers", std::move(words)}});
}

std::optional<health_message> parse_health_message(std::string_view bytes) {
    boost::system::error_code ec;
    auto const value = json::parse(json::string_view(bytes.data(), bytes.size()), ec);
    if (ec || !value.is_object()) {
        return std::nullopt;
    }
    ipc::fields from(value);
    health_message m{from.truth("first"), from.truth("active"), {}};
    auto const* const list = from.any("servers").if_array();
    if (!from.make(true) || list == nullptr || list->size() > words_in_a_message) {
        return std::nullopt;
    }
    for (auto const& item : *list) {
        auto word = word_of(item);
        if (!word) {
            return std::nullopt;
        }
        m.words.push_back(std::move(*word));
    }
    return m;
}

std::vector<health_message> health_news::take(server_states const& servers, bool active) {
    std::vector<health_message> out{{all_, active, {}}};
    auto const add = [&](server_states::entry const& e) {
        if (out.back().words.size() == words_in_a_message) {
            out.push_back({false, active, {}});
        }
        out.back().words.push_back(word_about(e));
    };
    if (all_) {
        for (auto const& [key, e] : servers.all()) {
            if (e.state.health != balance::health::unknown) {
                add(e);
            }
        }
    } else {
        for (auto const& key : changed_) {
            if (auto const* const e = servers.find(key)) {
                add(*e);
            }
        }
    }
    all_ = state_ = false;
    changed_.clear();
    return out;
}

void peer_health::take(health_message const& m) {
    if (m.first) {
        words_.clear();
    }
    heard_ = true;
    active_ = m.active;
    for (auto const& w : m.words) {
        if (auto const known = words_.find(w.key); known != words_.end()) {
            known->second = {w.target, w.health, w.reason};
        } else if (words_.size() < limit_) {
            words_.emplace(w.key, said{w.target, w.health, w.reason});
        }
    }
}

void peer_health::forget() {
    words_.clear();
    heard_ = active_ = false;
}

peer_health::said const* peer_health::find(server_states::entry const& server) const {
    auto const known = words_.find(server.state.key);
    return known != words_.end() && known->second.target == server.target ? &known->second : nullptr;
}

balance::health peer_health::of(server_states::entry const& server) const {
    auto const* const word = find(server);
    return word != nullptr ? word->health : balance::health::unknown;
}

std::string peer_health::text_of(server_states::entry const& server) const {
    return heard_ ? std::string(balance::to_string(of(server))) : std::string();
}

std::string peer_health::reason_of(server_states::entry const& server) const {
    auto const* const word = find(server);
    return word != nullptr ? word->reason : std::string();
}

std::vector<balance::health_event> peer_health::seeds(server_states const& servers) const {
    std::vector<balance::health_event> out;
    if (!active_) {
        return out;
    }
    for (auto const& [key, e] : servers.all()) {
        auto const health = of(e);
        bool const wanted = e.state.health == balance::health::unknown && e.state.admin != balance::admin_state::halt;
        if (wanted && health != balance::health::unknown) {
            out.push_back({key, health, {health == balance::health::up, ("found by the other node: " + reason_of(e)).substr(0, longest_reason), {}}});
        }
    }
    return out;
}

std::vector<balance::server_key> peer_health::otherwise(health_message const& m, server_states const& servers) const {
    std::vector<balance::server_key> out;
    for (auto const& w : m.words) {
        auto const* const e = active_ ? servers.find(w.key) : nullptr;
        if (e != nullptr && of(*e) != balance::health::unknown && e->state.health != balance::health::unknown && of(*e) != e->state.health) {
            out.push_back(w.key);
        }
    }
    return out;
}

std::string disagreement(server_states const& servers, peer_health const& peer) {
    std::string text;
    std::size_t count = 0;
    for (auto const& [key, e] : servers.all()) {
        auto const there = peer.of(e);
        if (there == balance::health::unknown || e.state.health == balance::health::unknown || there == e.state.health) {
            continue;
        }
        if (++count <= shown_disagreements) {
            text += (text.empty() ? "" : ", ") + key.service + "/" + key.server + " is " +
                    std::string(balance::to_string(e.state.health)) + " here and " + std::string(balance::to_string(there)) + " there";
        }
    }
    if (count == 0) {
        return {};
    }
    auto const more = count > shown_disagreements ? " and " + std::to_string(count - shown_disagreements) + " more" : std::string();
    return "the nodes find servers in different health: " + text + more + "; 'dyad test SERVICE/SERVER' on both shows why";
}

} // namespace dyad
