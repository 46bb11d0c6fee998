// SPDX-License-Identifier: Apache-2.0
// What runs becomes what is: floating IPs, IPVS, listening sockets, checks and relay follow the running configuration.
// Every step is a whole desired state that its receiver diffs, so each may be repeated at any time.
#include "cluster/check_secrets.hpp"
#include "cluster/core.hpp"
#include "cluster/monotonic.hpp"
#include "config/listening.hpp"
#include "ipc/base64.hpp"
#include "ipc/values.hpp"

#include <balance/connection_sync.hpp>
#include <balance/translation_sync.hpp>
#include <balance/validate.hpp>

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string_view>
#include <utility>

namespace dyad {

namespace {

constexpr std::int64_t relay_retry_period_ms = 60'000;

/// So long an operator who applied something is kept waiting for it.
constexpr std::chrono::seconds serve_patience{10};
constexpr std::chrono::milliseconds after_the_answer{100}; ///< memory is given back; nobody waits for it

/// Times that telling the states of all servers took.
constexpr int rest_of_telling = 4;

/// Name -> PEM with the key, in base64: the text around it may be in any encoding. They go from process to process and
/// nowhere else.
boost::json::object certificates_of(cluster::generation const& g) {
    constexpr std::string_view folder = "certificates/";
    constexpr std::string_view suffix = ".pem";
    boost::json::object out;
    for (auto const& [name, bytes] : g.files) {
        if (name.starts_with(folder) && name.ends_with(suffix)) {
            out[name.substr(folder.size(), name.size() - folder.size() - suffix.size())] =
                ipc::to_base64({reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size()});
        }
    }
    return out;
}

bool is_of_proxy(balance::virtual_service const& s) { return !balance::is_layer4(s.mode); }
bool is_of_kernel(balance::virtual_service const& s) { return balance::is_layer4(s.mode) || s.transparent; }

std::shared_ptr<balance::configuration const> layer4_part_of(balance::configuration const& c) {
    auto out = std::make_shared<balance::configuration>();
    std::copy_if(c.services.begin(), c.services.end(), std::back_inserter(out->services), &is_of_kernel);
    out->marks = c.marks;
    out->auto_nat_interface = c.auto_nat_interface;
    out->page_port = c.page_port;
    return out;
}

} // namespace

void core::run(running_config fresh) {
    running_ = std::move(fresh);
    enforce();
}

void core::enforce() {
    store_->keep(running_.cluster.kept_generations);
    running_.cluster.services.page_port = self_.fallback_port;
    running_.cluster.services.auto_nat_interface = self_.auto_nat_interface;
    layer4_part_ = layer4_part_of(running_.cluster.services);
    servers_.set_services(running_.cluster.services.services, monotonic_ms());
    keep_tables_of_services();
    layer4_follows_ = listeners_follow_ = memory_to_give_back_ = true;
    // Addresses that go, go at once; those that come wait until something serves them.
    auto staying = place(running_.cluster, self_);
    std::erase_if(staying, [were = std::set(floating_.begin(), floating_.end())](auto const& a) { return !were.contains(a); });
    if (staying != floating_) {
        node_->set_floating(floating_ = std::move(staying));
    }
    update_layer4(); // on its thread, while the others are told
    node_->set_config(running_.generation.version, running_.hash);
    tell_guardian();
    auto endpoints = config::endpoints_of(running_.cluster.services);
    endpoints.merge(config::page_endpoints(running_.cluster.services));
    children_->to_guardian({{"type", "listen"}, {"sockets", ipc::pack_all(endpoints)}});
    hand_over_access_log();
    if (auto const configuration = proxy_configuration()) {
        children_->to_proxies(*configuration);
    }
    tell_checker();
    tell_peer_of_all();
    follow_translations();
    follow_chain();
}

void core::tell_guardian() {
    auto addresses = place(running_.cluster, self_);
    for (auto const& held : node_->status().held) { // where they are beats where they were meant to be
        auto const same =
            std::find_if(addresses.begin(), addresses.end(), [&](auto const& a) { return a.address == held.address; });
        if (same == addresses.end()) {
            addresses.push_back(held);
        } else {
            same->interface = held.interface;
        }
    }
    if (addresses == guarded_) {
        return;
    }
    guarded_ = addresses;
    children_->to_guardian({{"type", "floating"}, {"addresses", ipc::pack_all(addresses)}});
}

void core::announce_ready() {
    tell_guardian_goodbyes();
    children_->to_guardian({{"type", "deadtime"}, {"ms", running_.cluster.timing.deadtime.count()}});
    children_->to_guardian({{"type", "ready"}});
}

std::optional<boost::json::object> core::proxy_configuration() const {
    if (running_.generation.files.empty()) {
        return std::nullopt; // a secondary that waits for its first generation
    }
    return boost::json::object{{"type", "configure"},
                               {"cluster_toml", file_of(running_.generation, cluster_file)},
                               {"marks", ipc::pack_all(running_.cluster.services.marks)},
                               {"page_port", running_.cluster.services.page_port},
                               {"certificates", certificates_of(running_.generation)},
                               {"states", ipc::pack_all(servers_.list(running_.cluster.services.services, &is_of_proxy))}};
}

void core::hand_over_access_log() {
    auto const& wanted = running_.cluster.access_log;
    ipc::descriptor file;
    if (wanted.to.starts_with('/')) {
        auto opened = access_log_.open(wanted.to);
        auto const error = opened ? std::string() : opened.error().detail;
        if (error != std::exchange(access_log_error_, error) && !error.empty()) {
            events_.add("error", error, {}, true);
        }
        if (!opened) {
            return; // the proxy keeps what it has; tried again with the next look
        }
        file = std::move(*opened);
    } else {
        access_log_.forget();
        access_log_error_.clear();
    }
    std::array const one{file.get()};
    children_->to_proxies({{"type", "access_log"}, {"journal", wanted.to == "journal"}, {"rate", wanted.rate}},
                          file ? std::span<int const>(one) : std::span<int const>());
}

void core::when_served(std::function<void(std::string const&)> then) {
    if (!layer4_follows_ && !listeners_follow_) {
        then(not_served_yet());
        return;
    }
    auto timer = std::make_shared<boost::asio::steady_timer>(io_, serve_patience);
    served_timers_.push_back(timer);
    timer->async_wait([this, timer, then = std::move(then)](boost::system::error_code) {
        std::erase(served_timers_, timer);
        then(not_served_yet());
    });
}

std::string core::not_served_yet() const {
    auto out = !layer4_error_.empty() ? "layer 4: " + layer4_error_ : layer4_follows_ ? "layer 4" : std::string();
    auto const sockets = listeners_follow_       ? "listening sockets"
                         : not_listening_.empty() ? std::string()
                                                  : std::to_string(not_listening_.size()) + " of the listening sockets, the first of them " +
                                                        not_listening_.begin()->first + ": " + not_listening_.begin()->second;
    return out + (out.empty() || sockets.empty() ? "" : "; ") + sockets;
}

void core::set_floating_when_served() {
    if (layer4_follows_ || listeners_follow_ || leaving_) {
        return;
    }
    for (auto const& timer : served_timers_) {
        timer->cancel();
    }
    if (auto wanted = place(running_.cluster, self_); wanted != floating_) {
        node_->set_floating(floating_ = std::move(wanted));
        tell_guardian();
    }
    if (std::exchange(memory_to_give_back_, false)) {
        memory_timer_.expires_after(after_the_answer);
        memory_timer_.async_wait([this](boost::system::error_code stopped) {
            if (!stopped) {
                node_->give_back_memory();
            }
        });
    }
}

void core::tell_checker() {
    if (running_.generation.files.empty()) {
        return;
    }
    children_->to_checker({{"type", "configure"},
                           {"cluster_toml", file_of(running_.generation, cluster_file)},
                           {"secrets", secrets_of_checks()},
                           {"known", ipc::pack_all(servers_.unusual())}});
    told_pace_ = 0; // it may be another checker
    tell_pace();
    seed_checker();
}

/// Read anew whenever the checker is told: an operator may have put them there meanwhile.
boost::json::object core::secrets_of_checks() {
    auto read = read_secrets(ctx_.config_dir / "secrets", running_.cluster.services.services);
    if (auto const& why = read.fault; why != std::exchange(secrets_fault_, why) && !why.empty()) {
        events_.add("error", why, {}, true);
    }
    boost::json::object out;
    for (auto const& [name, text] : read.texts) {
        out[name] = text;
    }
    return out;
}

/// At once. What changes while this is told, and for some times as long afterwards, is passed on together: a node whose
/// thousands of servers all change does not spend its time with telling.
void core::states_changed() {
    if (std::exchange(states_to_tell_, true)) {
        return;
    }
    states_timer_.expires_at(may_tell_states_at_);
    states_timer_.async_wait([this](boost::system::error_code ec) {
        states_to_tell_ = false;
        if (ec || leaving_) {
            return;
        }
        auto const began = std::chrono::steady_clock::now();
        children_->to_proxies({{"type", "states"}, {"states", ipc::pack_all(servers_.list(running_.cluster.services.services, &is_of_proxy))}});
        update_layer4();
        auto const ended = std::chrono::steady_clock::now();
        may_tell_states_at_ = ended + rest_of_telling * (ended - began);
    });
}

void core::update_layer4() {
    layer4_changed_ = true;
    look_at_layer4();
}

/// One apply at a time; what changes meanwhile is taken up by the next.
void core::look_at_layer4() {
    if (std::exchange(layer4_busy_, true)) {
        layer4_again_ = true;
        return;
    }
    auto done = [this, any = !layer4_part_->services.empty()](auto outcome, std::chrono::microseconds cost) {
        layer4_busy_ = false;
        if (!leaving_) {
            observer_.looked(cost, outcome && !outcome->empty(), any);
            if (auto const& why = observer_.error(); why != std::exchange(watch_error_, why) && !why.empty()) {
                events_.add("layer4", "nobody tells of changes by others, they are looked for every 1.5 s: " + why);
            }
        }
        auto const error = outcome ? std::string() : outcome.error().detail;
        if (error != std::exchange(layer4_error_, error) && !error.empty()) {
            events_.add("error", error, {}, true);
        }
        for (auto const& change : outcome ? *outcome : std::vector<balance::layer4::change>{}) {
            events_.add("layer4", change.text);
        }
        layer4_ready_ = layer4_ready_ || outcome.has_value();
        layer4_follows_ = layer4_follows_ && layer4_again_;
        set_floating_when_served();
        update_fitness();
        if (outcome) {
            follow_connections();
        }
        if (std::exchange(layer4_again_, false) && !leaving_) {
            look_at_layer4();
        }
    };
    if (std::exchange(layer4_changed_, false)) {
        layer4_.apply(layer4_part_, servers_.list(layer4_part_->services, &is_of_kernel), std::move(done));
    } else {
        layer4_.apply_again(std::move(done));
    }
}

/// Connections are kept alike on both nodes as long as there are layer-4 services that allow it.
void core::follow_connections() {
    if (leaving_) {
        return; // leave() ends it, once the kernel has told all
    }
    auto const& c = running_.cluster.services;
    bool const wanted =
        replicator_ && balance::can_synchronise(c) &&
        std::any_of(c.services.begin(), c.services.end(), [](auto const& s) { return balance::is_layer4(s.mode); });
    if (!wanted) {
        end_relay();
        relay_error_.clear();
        return;
    }
    if (relay_ || monotonic_ms() < relay_retry_ms_ || std::exchange(relay_starting_, true)) {
        return;
    }
    layer4_.start_sync({.first = self_.role == cluster::node_id::primary}, [this](auto sync) {
        relay_starting_ = false;
        auto const error = sync ? std::string() : sync.error().detail;
        if (error != std::exchange(relay_error_, error) && !error.empty()) {
            events_.add("error", "layer-4 connections do not survive a failover: " + error, {}, true);
        }
        if (!sync) {
            relay_retry_ms_ = monotonic_ms() + relay_retry_period_ms;
            return;
        }
        if (leaving_) {
            layer4_.end_sync(std::move(*sync));
            return;
        }
        relay_ = std::make_unique<connection_relay>(io_.get_executor(), std::move(*sync), [this](std::string_view d) {
            return replicator_->send("connections", d);
        });
        events_.add("layer4", "connections are kept alike on both nodes");
        ask_for_connections();
    });
}

/// What the peer's kernel told while nobody here listened.
void core::ask_for_connections() {
    if (relay_) {
        replicator_->send("connections wanted", {}); // a peer that is not there yet is asked when it comes
    }
}

void core::end_relay() {
    if (relay_) {
        auto sync = relay_->sync();
        relay_.reset();
        layer4_.end_sync(std::move(sync)); // the last owner, who may block
    }
}

/// What the kernel translates for snat services is kept alike by whoever serves, up to the end of his handing over.
void core::follow_translations() {
    auto sources = balance::snat_sources(running_.cluster.services);
    if (!replicator_ || (!translations_ && sources.empty())) {
        return;
    }
    if (!translations_) {
        translations_ = std::make_unique<translation_relay>(
            io_.get_executor(), [this](std::string_view m) { return replicator_->send("translations", m); },
            [this](std::string const& why) {
                events_.add("error", "connections of snat services may not survive a failover: " + why, {}, true);
            });
    }
    bool const active = told_state_ == cluster::node_state::active;
    serving_ = active || (serving_ && told_state_ == cluster::node_state::releasing);
    translations_->follow({std::move(sources), active, serving_ && replicator_->status().connected});
}

/// A node that is not active, or not for long, answers no packet of a connection that it may yet be told of.
void core::hold_unknown(bool on) {
    if (std::exchange(holding_, on) == on) {
        return;
    }
    layer4_.hold_unknown(on);
    if (children_ && !leaving_) {
        update_layer4();
    }
}

/// Could this node serve at once? Nothing is acquired before that.
void core::update_fitness() {
    bool const has_configuration = !running_.generation.files.empty();
    auto const replication = replicator_ ? replicator_->status() : cluster::replicator_status{};
    bool const alone = !replicator_ || (!replication.connected && !node_->status().peer_alive);
    bool const synchronised = alone || (replication.in_sync && has_tables_of_peer());
    node_->set_local_health({.ready = has_configuration && layer4_ready_ && listeners_ready_,
                             .synchronised = has_configuration && synchronised});
}

} // namespace dyad
