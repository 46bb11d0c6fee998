// SPDX-License-Identifier: Apache-2.0
#include "cluster/operations.hpp"

#include "cluster/monotonic.hpp"
#include "cluster/pair_findings.hpp"

#include <balance/text.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/json/array.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace dyad {

namespace json = boost::json;
using api::respond;
using api::response;

namespace {

/// An error as an answer: its lines are faults when there are several.
response refusal(balance::error const& e) {
    unsigned const status = e.code == balance::errc::not_found               ? 404
                            : e.code == balance::errc::invalid_configuration ? 422
                            : e.code == balance::errc::io_error              ? 500
                            : e.code == balance::errc::timed_out             ? 504
                                                                             : 409;
    if (e.code != balance::errc::invalid_configuration) {
        return api::refused(status, e.detail);
    }
    json::array faults;
    for (std::string_view rest = e.detail; !rest.empty();) {
        auto const line = rest.substr(0, rest.find('\n'));
        faults.emplace_back(json::string_view(line.data(), line.size()));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    auto const count = faults.size();
    return {status,
            {{"error", "the configuration has " + std::to_string(count) + (count == 1 ? " fault" : " faults") +
                           "; nothing was applied"},
             {"faults", std::move(faults)}}};
}

json::array changes_json(std::vector<config_change> const& changes) {
    json::array list;
    for (auto const& c : changes) {
        list.push_back(json::object{{"object", c.object}, {"change", c.change}, {"text", c.text}});
    }
    return list;
}

bool flag_in(json::object const& body, char const* name) {
    auto const* value = body.if_contains(name);
    return value && value->is_bool() && value->get_bool();
}

json::object pairing_json(pairing_progress const& p) {
    using phase = pairing_progress::phase;
    json::array steps(p.steps.begin(), p.steps.end());
    auto const* const state = p.now == phase::working ? "working"
                              : p.now == phase::done  ? "done"
                              : p.now == phase::failed ? "failed"
                                                       : "idle";
    return {{"state", state}, {"steps", std::move(steps)}, {"error", p.error}};
}

std::uint64_t number_in(std::map<std::string, std::string> const& query, char const* name) {
    std::uint64_t value = 0;
    if (auto const found = query.find(name); found != query.end()) {
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
    }
    return value;
}

std::string word_in(std::map<std::string, std::string> const& query, char const* name) {
    auto const found = query.find(name);
    return found == query.end() ? std::string() : found->second;
}

/// The servers that a request names: one, all of a service, or a machine wherever it serves.
balance::result<std::vector<balance::server_key>> named_servers(config::cluster_config const& running,
                                                                json::object const& body) {
    auto const service_name = text_of(body, "service");
    auto const server_name = text_of(body, "server");
    auto const address_text = text_of(body, "address");
    std::optional<balance::address> wanted;
    if (!address_text.empty() && !service_name.empty()) {
        return balance::make_error(balance::errc::invalid_configuration, "name a service or an address, not both");
    }
    if (!address_text.empty()) {
        auto parsed = balance::parse_address(address_text);
        if (!parsed) {
            return parsed.error();
        }
        wanted = *parsed;
    }
    std::vector<balance::server_key> keys;
    for (auto const& service : running.services.services) {
        for (auto const& server : service.servers) {
            bool const by_name =
                !wanted && service.name == service_name && (server_name.empty() || server.name == server_name);
            if (by_name || (wanted && server.address == *wanted)) {
                keys.push_back({service.name, server.name});
            }
        }
    }
    if (keys.empty()) {
        auto const what = wanted ? "no service has a real server " + address_text
                                 : "there is no " + service_name + (server_name.empty() ? "" : "/" + server_name);
        return balance::make_error(balance::errc::not_found, what + "; 'dyad status' lists services and servers");
    }
    return keys;
}

class router : public std::enable_shared_from_this<router> {
public:
    router(core& c, boost::asio::any_io_executor executor) : core_(c), executor_(std::move(executor)) {}

    void operator()(api::request const& r, respond const& done) {
        bool const get = r.method == "GET";
        if (get && r.path == "/v1/status") {
            core_.status([done](json::object status) { done({200, std::move(status)}); });
        } else if (get && r.path == "/v1/directory") {
            done({200, {{"config_dir", core_.directory().string()}}});
        } else if (r.path == "/v1/persistence") {
            get ? persistence(r, done) : clear_persistence(r, done);
        } else if (get && r.path == "/v1/events") {
            events(r, done);
        } else if (get && r.path == "/v1/results") {
            core_.check_history({word_in(r.query, "service"), word_in(r.query, "server")}, answered(done));
        } else if (!get && r.path == "/v1/plan") {
            plan(r, done);
        } else if (!get && r.path == "/v1/apply") {
            apply(r, done);
        } else if (!get && r.path == "/v1/confirm") {
            core_.confirm(r.who.text(), [done](balance::result<core::confirmed> outcome) {
                done(outcome ? response{200,
                                        {{"term", outcome->version.term},
                                         {"generation", outcome->version.generation},
                                         {"peer_told", outcome->peer_told}}}
                             : refusal(outcome.error()));
            });
        } else if (!get && r.path == "/v1/pair-token") {
            core_.make_pair_token(r.who.text(), [done](balance::result<cluster::pairing_token> token) {
                done(token ? response{200,
                                      {{"token", token->text()},
                                       {"life_ms", cluster::pairing_host::settings{}.life.count()}}}
                           : refusal(token.error()));
            });
        } else if (!get && r.path == "/v1/pair") {
            pair(r, done);
        } else if (!get && r.path == "/v1/promote") {
            core_.promote(flag_in(r.body, "force"), r.who.text(), applied(done));
        } else if (!get && r.path == "/v1/unpair") {
            core_.unpair(flag_in(r.body, "force"), r.who.text(), [done](balance::result<core::parted> outcome) {
                done(outcome ? response{200, {{"stays", outcome->stays}, {"peer_told", outcome->peer_told}}}
                             : refusal(outcome.error()));
            });
        } else if (!get && r.path == "/v1/rotate-key") {
            auto const begun = core_.rotate_key(r.who.text());
            done(begun ? response{200, rotation_json()} : refusal(begun.error()));
        } else if (get && r.path == "/v1/rotation") {
            done({200, rotation_json()});
        } else if (get && r.path == "/v1/pairing") {
            done({200, pairing_json(core_.pairing())});
        } else if (get && r.path == "/v1/history") {
            history(done);
        } else if (!get && r.path == "/v1/rollback") {
            core_.rollback(text_of(r.body, "to"), r.who.text(), applied(done));
        } else if (!get && r.path == "/v1/servers") {
            servers(r, done);
        } else if (!get && r.path == "/v1/takeover") {
            core_.take_over(r.who.text(), moved(done));
        } else if (!get && r.path == "/v1/handover") {
            core_.hand_over(r.who.text(), moved(done));
        } else if (!get && r.path == "/v1/maintenance") {
            maintenance(r, done);
        } else if (!get && r.path == "/v1/test") {
            core_.test_server({text_of(r.body, "service"), text_of(r.body, "server")}, r.who.text(), answered(done));
        } else if (!get && r.path == "/v1/doctor") {
            core_.examine(text_of(r.body, "service"), [done](balance::result<std::vector<balance::finding>> found) {
                done(found ? response{200, {{"findings", to_json(*found)}}} : refusal(found.error()));
            });
        } else if (!get && r.path == "/v1/firewall") {
            core_.run_firewall_script(r.who.text(), layer4_worker::order::beside, [done](balance::result<> outcome) {
                done(outcome ? response{200, {}} : refusal(outcome.error()));
            });
        } else if (!get && r.path == "/v1/replace-proxy") {
            replace_proxy(r, done);
        } else {
            done(api::refused(404, "the control API has no " + r.method + " " + r.path));
        }
    }

private:
    void events(api::request const& r, respond const& done) {
        auto const after = number_in(r.query, "after");
        bool const audit = number_in(r.query, "audit") != 0;
        auto const wait = std::min<std::uint64_t>(number_in(r.query, "wait_ms"), 60000);
        auto timer = std::make_shared<boost::asio::steady_timer>(executor_, std::chrono::milliseconds(wait));
        timer->async_wait([self = shared_from_this(), timer, after, audit, done](boost::system::error_code) {
            json::array list;
            for (auto const& e : self->core_.events().after(after)) {
                if (e.audit || !audit) {
                    list.push_back(to_json(e));
                }
            }
            done({200, {{"events", std::move(list)}, {"last", self->core_.events().last()}}});
        });
        if (wait == 0) {
            return;
        }
        core_.events().when_after(after, [weak = std::weak_ptr(timer)] {
            if (auto const t = weak.lock()) {
                t->cancel();
            }
        });
    }

    void persistence(api::request const& r, respond const& done) {
        constexpr std::size_t most_in_a_page = 10'000;
        if (auto const text = word_in(r.query, "client"); !text.empty()) {
            return persistence_of(r, text, done);
        }
        std::optional<balance::persistence_copy::position> after;
        if (auto const service = word_in(r.query, "after_service"); !service.empty()) {
            auto const client = balance::parse_address(word_in(r.query, "after_client"));
            if (!client) {
                done(api::refused(400, "after_client: " + client.error().detail));
                return;
            }
            after = balance::persistence_copy::position{service, *client};
        }
        auto const asked = number_in(r.query, "limit");
        auto const limit = asked == 0 ? 100 : std::min<std::size_t>(asked, most_in_a_page);
        auto const found = core_.persistence(word_in(r.query, "service"), after, limit);
        if (!found) {
            done(refusal(found.error()));
            return;
        }
        json::array list;
        for (auto const& e : found->entries) {
            list.push_back(entry_json(e));
        }
        json::array kernels;
        for (auto const& s : core_.running().services.services) {
            if (balance::is_layer4(s.mode) && s.persistence.mode != balance::persistence::kind::none) {
                kernels.emplace_back(s.name);
            }
        }
        done({200, {{"entries", std::move(list)}, {"more", found->more}, {"layer4", std::move(kernels)}}});
    }

    void persistence_of(api::request const& r, std::string const& text, respond const& done) {
        auto const client = balance::parse_address(text);
        if (!client) {
            done(api::refused(400, "client: " + client.error().detail));
            return;
        }
        auto const found = core_.persistence_of(word_in(r.query, "service"), *client);
        if (!found) {
            done(refusal(found.error()));
            return;
        }
        json::array list;
        if (*found) {
            list.push_back(entry_json(**found));
        }
        done({200, {{"entries", std::move(list)}, {"more", false}, {"layer4", json::array()}}});
    }

    static json::object entry_json(balance::persistence_entry const& e) {
        return {{"service", e.service}, {"client", e.client.to_string()}, {"server", e.server}, {"remaining_ms", e.remaining.count()}};
    }

    void clear_persistence(api::request const& r, respond const& done) {
        std::optional<balance::address> client;
        if (auto const text = text_of(r.body, "client"); !text.empty()) {
            auto const parsed = balance::parse_address(text);
            if (!parsed) {
                done(api::refused(400, parsed.error().detail));
                return;
            }
            client = *parsed;
        }
        auto const outcome = core_.clear_persistence(text_of(r.body, "service"), client, r.who.text());
        done(outcome ? response{200, {{"cleared", outcome->entries}, {"peer_told", outcome->peer_told}}}
                     : refusal(outcome.error()));
    }

    void plan(api::request const& r, respond const& done) {
        auto const changes = core_.plan(text_of(r.body, "cluster_toml"));
        done(changes ? response{200, {{"changes", changes_json(*changes)}}} : refusal(changes.error()));
    }

    void apply(api::request const& r, respond const& done) {
        auto text = text_of(r.body, "cluster_toml");
        auto const* within = r.body.if_contains("confirm_ms");
        if (!within) {
            core_.apply(std::move(text), r.who.text(), applied(done));
            return;
        }
        core_.apply_to_confirm(std::move(text), r.who.text(), std::chrono::milliseconds(number_of(r.body, "confirm_ms")),
                               applied(done));
    }

    /// Answers with the generation that runs now, and what it changed, once it serves.
    std::function<void(balance::result<core::applied>)> applied(respond const& done) {
        return [this, done](balance::result<core::applied> outcome) {
            if (!outcome) {
                done(refusal(outcome.error()));
                return;
            }
            json::object answer{{"term", outcome->version.term},
                                {"generation", outcome->version.generation},
                                {"peer", outcome->peer},
                                {"confirm_ms", outcome->confirm_within.count()},
                                {"changes", changes_json(outcome->changes)}};
            if (outcome->confirm_within.count() != 0) { // whose time is running
                done({200, std::move(answer)});
                return;
            }
            core_.when_served([done, answer = std::move(answer)](std::string const& missing) mutable {
                answer["missing"] = missing;
                done({200, std::move(answer)});
            });
        };
    }

    void replace_proxy(api::request const& r, respond const& done) {
        core_.replace_proxy(r.who.text(), [done](balance::result<core::replaced_proxy> outcome) {
            done(outcome ? response{200,
                                    {{"was", outcome->was},
                                     {"pid", outcome->pid},
                                     {"connections", outcome->connections},
                                     {"finish_within_ms", outcome->finish_within.count()},
                                     {"version", outcome->version}}}
                         : refusal(outcome.error()));
        });
    }

    void pair(api::request const& r, respond const& done) {
        auto const peer = balance::parse_address(text_of(r.body, "address"));
        auto const token = peer ? cluster::pairing_token::parse(text_of(r.body, "token"))
                                : balance::result<cluster::pairing_token>(peer.error());
        if (!token) {
            done(api::refused(400, token.error().detail));
            return;
        }
        auto const begun = core_.pair_with(*peer, *token, r.who.text());
        done(begun ? response{200, pairing_json(core_.pairing())} : refusal(begun.error()));
    }

    json::object rotation_json() const {
        auto document = pairing_json(core_.rotation());
        document["waits_for"] = core_.rotation_waits_for();
        return document;
    }

    void history(respond const& done) {
        core_.history([done](std::vector<history_entry> entries) {
            json::array list;
            for (auto const& e : entries) {
                list.push_back(to_json(e));
            }
            done({200, {{"generations", std::move(list)}}});
        });
    }

    void servers(api::request const& r, respond const& done) {
        auto const state = balance::parse_admin_state(text_of(r.body, "action"));
        if (!state) {
            done(api::refused(400, state.error().detail));
            return;
        }
        std::chrono::milliseconds cut_after{0};
        if (auto const* after = r.body.if_contains("cut_after_ms")) {
            bool const usable = after->is_int64() && after->get_int64() >= 1 && after->get_int64() <= longest_drain_ms;
            if (!usable || *state != balance::admin_state::drain) {
                done(api::refused(400, "\"cut_after_ms\" goes with drain, and is 1 to " + std::to_string(longest_drain_ms)));
                return;
            }
            cut_after = std::chrono::milliseconds(after->get_int64());
        }
        auto keys = named_servers(core_.running(), r.body);
        if (keys) {
            keys = core_.set_admin(std::move(*keys), *state, r.who.text(), cut_after);
        }
        if (!keys) {
            bool const nonsense = keys.error().code == balance::errc::invalid_configuration;
            done(nonsense ? api::refused(400, keys.error().detail) : refusal(keys.error()));
            return;
        }
        json::array changed;
        for (auto const& key : *keys) {
            changed.push_back(json::object{{"service", key.service}, {"server", key.server}});
        }
        done({200, {{"changed", std::move(changed)}}});
    }

    void maintenance(api::request const& r, respond const& done) {
        auto const* on = r.body.if_contains("on");
        if (!on || !on->is_bool()) {
            done(api::refused(400, "maintenance needs {\"on\": true} or {\"on\": false}"));
            return;
        }
        core_.set_maintenance(on->get_bool(), r.who.text(), moved(done));
    }

    /// Answers with the checker's own document.
    checker_questions::answer answered(respond const& done) {
        return [done](balance::result<json::object> said) {
            done(said ? response{200, std::move(*said)} : refusal(said.error()));
        };
    }

    /// Answers with where the node stands now and how long it took.
    cluster::node::answer moved(respond const& done) {
        return [this, done, started = monotonic_ms()](balance::result<> outcome) {
            if (!outcome) {
                done(refusal(outcome.error()));
                return;
            }
            done({200, {{"state", cluster::to_string(core_.state())}, {"took_ms", monotonic_ms() - started}}});
        };
    }

    core& core_;
    boost::asio::any_io_executor executor_;
};

} // namespace

api::handler operations(core& c, boost::asio::any_io_executor executor) {
    auto routes = std::make_shared<router>(c, std::move(executor));
    return [routes](api::request const& r, respond const& done) { (*routes)(r, done); };
}

} // namespace dyad
