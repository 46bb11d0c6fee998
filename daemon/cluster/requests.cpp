// SPDX-License-Identifier: Apache-2.0
// What operators ask of a running node, but for its configuration (cluster/generations.cpp).
#include "cluster/core.hpp"
#include "cluster/monotonic.hpp"
#include "cluster/pair_findings.hpp"

#include <balance/text.hpp>
#include <config/words.hpp>

#include <algorithm>
#include <utility>

namespace dyad {

namespace {

/// The checker makes no test longer than 50 s.
constexpr std::chrono::seconds test_patience{55};
constexpr std::chrono::seconds history_patience{2};

} // namespace

balance::result<std::vector<balance::server_key>> core::set_admin(std::vector<balance::server_key> keys,
                                                                  balance::admin_state state, std::string const& who,
                                                                  std::chrono::milliseconds cut_after) {
    auto const before = servers_;
    auto const was = [&before](balance::server_key const& key) {
        auto const* known = before.find(key);
        return std::string(balance::to_string(known ? known->state.admin : balance::admin_state::online));
    };
    servers_.set_admin(keys, state, writer(), cut_after);
    auto const words = servers_.document();
    if (auto saved = save(ctx_.state_dir, words); !saved) {
        servers_ = before;
        return saved.error();
    }
    if (replicator_) {
        replicator_->set_document(words);
    }
    for (auto const& key : keys) {
        events_.audit("operator",
                      key.service + "/" + key.server + ": " + was(key) + " -> " + std::string(balance::to_string(state)) +
                          (cut_after.count() != 0 ? ", cut after " + config::format_duration(cut_after) : ""),
                      who);
    }
    tell_checker(); // halted servers are not checked
    states_changed();
    return keys;
}

void core::cut_what_is_left() {
    auto const due = servers_.cut_those_due(monotonic_ms());
    if (due.empty()) {
        return;
    }
    for (auto const& key : due) {
        events_.add("operator", key.service + "/" + key.server + ": its time to drain is over, connections are cut");
    }
    states_changed();
}

cluster::node::answer core::audited(std::string const& what, std::string const& who, cluster::node::answer done) {
    events_.audit("operator", what + " asked for", who);
    return [this, what, who, done = std::move(done)](balance::result<> outcome) {
        events_.audit("operator", what + (outcome ? " done" : " refused: " + outcome.error().detail), who);
        done(std::move(outcome));
    };
}

void core::check_history(balance::server_key const& key, checker_questions::answer done) {
    ask_checker("history", key, history_patience, std::move(done));
}

void core::test_server(balance::server_key const& key, std::string const& who, checker_questions::answer done) {
    if (servers_.find(key) != nullptr) {
        events_.add("operator", "check of " + key.service + "/" + key.server + " asked for", who);
    }
    ask_checker("test", key, test_patience, std::move(done));
}

void core::ask_checker(char const* what, balance::server_key const& key, std::chrono::milliseconds patience,
                       checker_questions::answer done) {
    if (servers_.find(key) == nullptr) {
        done(balance::make_error(balance::errc::not_found, "there is no server " +
                                                               balance::in_quotes(key.service + "/" + key.server) +
                                                               " in the running configuration; 'dyad status' lists them"));
        return;
    }
    questions_.ask({{"type", what}, {"service", key.service}, {"server", key.server}}, patience, std::move(done));
}

void core::take_over(std::string const& who, cluster::node::answer done) {
    node_->take_over(on_main(audited("take-over", who, std::move(done))));
}

void core::hand_over(std::string const& who, cluster::node::answer done) {
    node_->hand_over(on_main(audited("hand-over", who, std::move(done))));
}

void core::set_maintenance(bool on, std::string const& who, cluster::node::answer done) {
    node_->set_maintenance(on, on_main(audited(on ? "maintenance" : "end of maintenance", who, std::move(done))));
}

void core::run_firewall_script(std::string const& who, layer4_worker::order when, std::function<void(balance::result<>)> done) {
    if (self_.firewall_script.empty()) {
        done(balance::make_error(balance::errc::not_found,
                                 "node.toml names no script; add [firewall] with script = \"/etc/dyad/firewall.sh\""));
        return;
    }
    layer4_.run_script(self_.firewall_script, when, self_.firewall_timeout, [this, who, done = std::move(done)](balance::result<> outcome) {
        events_.add("firewall", outcome ? self_.firewall_script + " ran" : outcome.error().detail, who, !outcome);
        if (!leaving_) {
            look_at_layer4(); // it may have thrown our rules away
        }
        done(std::move(outcome));
    });
}

void core::survey(std::function<void(overview const&)> done) {
    layer4_.status([this, done = std::move(done)](auto layer4) {
        auto const node = node_->status();
        auto const layer4_status = layer4 ? std::move(*layer4) : std::vector<balance::service_status>{};
        auto const replication = replicator_ ? replicator_->status() : cluster::replicator_status{};
        auto const layer7 = proxy_totals_.sum();
        auto retiring = retiring_proxies_;
        for (auto& p : retiring) {
            p.connections = proxy_totals_.connections(p.pid);
        }
        done(overview{.self = self_,
                      .role = !paired() ? self_.role : owns_configuration() ? cluster::node_id::primary : cluster::node_id::secondary,
                      .node = node,
                      .running = running_,
                      .servers = servers_,
                      .peer_health = peer_health_,
                      .layer4 = layer4_status,
                      .layer7 = layer7,
                      .checks_late = checks_late_,
                      .not_listening = not_listening_,
                      .processes = children_->processes(),
                      .retiring_proxies = std::move(retiring),
                      .replication = replicator_ ? &replication : nullptr,
                      .remembered_clients = tables_.clients(),
                      .tables_in_sync = replicator_ && tables_in_sync(),
                      .relay = relay_.get(),
                      .relay_error = relay_error_,
                      .translations = translations_ ? translations_->counted() : translation_relay::numbers{},
                      .key_waits_for = rotation_waits_for(),
                      .ready = layer4_ready_ && listeners_ready_,
                      .config_dir = ctx_.config_dir.string(),
                      .unconfirmed = unconfirmed(),
                      .confirm_left = confirmation_.left(boot_moment::now()),
                      .edited = edited(),
                      .started_ms = started_ms_,
                      .now_ms = monotonic_ms()});
    });
}

void core::status(std::function<void(boost::json::object)> done) {
    survey([done = std::move(done)](overview const& o) { done(to_json(o)); });
}

void core::examine(std::string const& service,
                   std::function<void(balance::result<std::vector<balance::finding>>)> done) {
    auto const& services = running_.cluster.services.services;
    if (!service.empty() &&
        std::none_of(services.begin(), services.end(), [&](auto const& s) { return s.name == service; })) {
        done(balance::make_error(balance::errc::not_found, "there is no service " + balance::in_quotes(service) +
                                                               "; 'dyad status' lists them"));
        return;
    }
    if (examiner_.busy()) {
        done(balance::make_error(balance::errc::refused, "an examination is under way already; try again in some seconds"));
        return;
    }
    balance::examination how{.service = service, .active = state() == cluster::node_state::active, .hold = holding_};
    for (auto const& f : running_.cluster.floating) {
        how.floating.push_back(f.address);
    }
    examiner_.examine(running_.cluster.services, servers_.list(), std::move(how),
                      [this, service, done = std::move(done)](std::vector<balance::finding> layer4) mutable {
                          survey([service, layer4 = std::move(layer4), done = std::move(done)](overview const& o) {
                              done(merged(pair_findings(o), layer4, service));
                          });
                      });
}

std::string core::edited() const {
    auto const text = read_file(ctx_.config_dir / cluster_file);
    if (!text || *text == file_of(running_.generation, cluster_file)) {
        return {};
    }
    if (!owns_configuration()) {
        return "cluster.toml was edited on the secondary, where replication writes it: make the change on the primary";
    }
    return "cluster.toml was edited and not applied: 'dyad plan' shows what would change, 'dyad apply' makes it so";
}

} // namespace dyad
