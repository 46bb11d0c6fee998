// SPDX-License-Identifier: Apache-2.0
#include "net/driver.hpp"

#include "net/capabilities.hpp"
#include "net/quiet_thread.hpp"
#include "net/real_time.hpp"

#include <algorithm>
#include <random>

namespace cluster::net {
namespace {

constexpr int driver_priority = 50;
constexpr std::chrono::seconds ping_interval{1};
constexpr std::chrono::seconds request_limit{5};
constexpr int announcements_per_turn = 64;
constexpr int renewals_per_lifetime = 4;

milliseconds refresh_of(node_settings const& s) { return milliseconds{s.address_lifetime} / renewals_per_lifetime; }

failover::machine_settings machine_settings_of(node_settings const& s) {
    failover::machine_settings m;
    m.self = s.self;
    m.timing = s.timing;
    m.links = s.links.size();
    m.epoch = s.epoch;
    m.maintenance = s.maintenance;
    m.refresh = refresh_of(s);
    m.lifetime = s.address_lifetime;
    m.witness_limit = s.witness_limit;
    m.witness_pause = s.witness_pause;
    return m;
}

address_keeper::settings keeper_settings_of(node_settings const& s) {
    return {.links = s.links, .lifetime = s.address_lifetime, .authority = 2 * refresh_of(s), .real_time = s.real_time};
}

} // namespace

driver::driver(node_settings s)
    : settings_(std::move(s)), paths_(settings_, clock::now()), machine_(machine_settings_of(settings_), clock::now()),
      keeper_(keeper_settings_of(settings_), reports_), announcer_(settings_.announce_rate),
      pings_(settings_.ping_nodes), now_(clock::now()), started_(now_), next_ping_(now_), next_liveness_(now_),
      next_publish_(now_), memory_(settings_.links.size()) {
    actions_.reserve(16);
    health_.pings_configured = static_cast<std::uint8_t>(std::min<std::size_t>(pings_.nodes().size(), 255));
    if (paths_.size() != 0) {
        goodbyes_ = paths_.sealed_goodbyes({*settings_.key, settings_.other_key});
    }
    waiter_.watch(commands_.descriptor());
    waiter_.watch(reports_.descriptor());
    publish();
}

driver::~driver() { stop(); }

result<> driver::start(callbacks c) {
    callbacks_ = std::move(c);
    if (auto const permitted = need_network_capabilities(); !permitted) {
        return permitted;
    }
    if (auto const opened = paths_.open(); !opened) {
        return opened;
    }
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        waiter_.watch(paths_.descriptor(i));
    }
    auto announce = announce_socket::open();
    if (!announce) {
        return announce.error();
    }
    announce_socket_.emplace(std::move(*announce));
    waiter_.watch(announce_socket_->descriptor());
    ping_sockets_.clear();
    auto const identifier = static_cast<std::uint16_t>(std::random_device{}());
    for (bool const v4 : {true, false}) {
        if (std::none_of(pings_.nodes().begin(), pings_.nodes().end(),
                         [v4](address const& a) { return a.is_v4() == v4; })) {
            continue;
        }
        auto socket = ping_socket::open(v4, identifier);
        if (!socket) {
            return socket.error();
        }
        waiter_.watch(socket->descriptor());
        ping_sockets_.push_back(std::move(*socket));
    }
    if (auto const kept = keeper_.start(settings_.floating, callbacks_.move); !kept) {
        return kept;
    }
    thread_ = quiet_thread("dyad-heartbeat", [this] { run(); });
    return {};
}

void driver::stop() {
    if (thread_.joinable()) {
        commands_.post([](driver& d) { d.finished_ = true; });
        thread_.join();
    }
}

bool driver::wait_stopped(milliseconds limit) {
    std::unique_lock lock{stopped_mutex_};
    return stopped_changed_.wait_for(lock, limit, [this] { return stopped_; });
}

void driver::request(failover::request what, node::answer done) {
    commands_.post([what, done = std::move(done)](driver& d) {
        auto const id = ++d.last_request_;
        d.requests_.emplace(id, waiting{done, d.now_ + request_limit});
        d.step(failover::operator_request{what, id});
    });
}

void driver::set_local_health(local_fitness f) {
    commands_.post([f](driver& d) {
        d.health_.ready = f.ready;
        d.health_.synchronised = f.synchronised;
        d.report_health();
    });
}

void driver::set_config(config_version v, sha256 const& hash) {
    commands_.post([v, hash](driver& d) { d.paths_.set_config(v, hash); });
}

void driver::set_keys(key_pair const& k, node::answer done) {
    {
        std::lock_guard const lock{goodbyes_mutex_};
        goodbyes_ = paths_.sealed_goodbyes(k);
    }
    commands_.post([k, done = std::move(done)](driver& d) {
        d.paths_.set_keys(k);
        d.changed_ = true;
        if (done) {
            done({});
        }
    });
}

std::vector<sealed_datagram> driver::goodbyes() const {
    std::lock_guard const lock{goodbyes_mutex_};
    return goodbyes_;
}

void driver::set_floating(std::vector<floating_address> f) { keeper_.set_floating(std::move(f)); }

void driver::run() {
    if (settings_.real_time) {
        for (auto const& missing : {lock_memory(), make_real_time(driver_priority)}) {
            if (!missing.empty()) {
                tell("error", missing, false);
            }
        }
    }
    while (!finished_) {
        turn();
        if (!finished_) {
            waiter_.wait(next_turn());
        }
    }
    end();
}

/// One look at everything. The time is taken first: what had arrived by then is delivered before it is believed that
/// nothing did.
void driver::turn() {
    now_ = std::max(now_, clock::now());
    if (settings_.liveness != nullptr) {
        auto const ns = std::chrono::nanoseconds{std::chrono::steady_clock::now().time_since_epoch()}.count();
        settings_.liveness->store(static_cast<std::uint64_t>(ns), std::memory_order_relaxed); // CLOCK_MONOTONIC
        next_liveness_ = now_ + settings_.timing.deadtime / 5;
    }
    receive_heartbeats();
    commands_.take([this](command&& c) { c(*this); });
    take_reports();
    take_probe_answers();
    for (auto& socket : ping_sockets_) {
        if (auto const asked = socket.receive(pings_, now_)) {
            step(failover::ping_node_answered{*asked});
        }
    }
    if (now_ >= machine_.deadline()) {
        step(failover::timer_expired{});
    }
    send_announcements();
    send_pings();
    expire_requests();
    if (changed_ || now_ >= next_publish_) {
        publish();
    }
}

void driver::receive_heartbeats() {
    for (std::size_t i = 0; i < paths_.size(); ++i) {
        paths_.receive(i, now_, [this, i](wire::verdict const& v) { judge(i, v); });
    }
}

void driver::take_reports() {
    reports_.take([this](keeper_report&& r) { std::visit([this](auto const& what) { on(what); }, r); });
}

void driver::send_announcements() {
    for (int i = 0; i < announcements_per_turn; ++i) {
        auto const a = announcer_.next(now_);
        if (!a) {
            return;
        }
        announce_socket_->announce(*a);
    }
}

void driver::send_pings() {
    if (ping_sockets_.empty() || now_ < next_ping_) {
        return;
    }
    next_ping_ = std::max(next_ping_ + ping_interval, now_);
    report_health();
    ask_ping_nodes();
}

void driver::ask_ping_nodes() {
    auto const round = pings_.begin_round(now_);
    for (auto const& node : pings_.nodes()) {
        auto& socket = node.is_v4() ? ping_sockets_.front() : ping_sockets_.back();
        socket.send(node, round);
    }
}

void driver::expire_requests() {
    while (!requests_.empty() && requests_.begin()->second.limit <= now_) {
        carry_out(failover::answer_request{requests_.begin()->first, failover::refusal::timed_out});
    }
}

driver::time_point driver::next_turn() const noexcept {
    auto next = std::min({machine_.deadline(), announcer_.deadline(), next_publish_});
    if (!ping_sockets_.empty()) {
        next = std::min(next, next_ping_);
    }
    if (settings_.liveness != nullptr) {
        next = std::min(next, next_liveness_);
    }
    return next;
}

void driver::step(failover::event const& e) {
    machine_.step(now_, e, actions_);
    for (auto const& a : actions_) {
        std::visit([this](auto const& what) { carry_out(what); }, a);
    }
    actions_.clear();
}

void driver::end() {
    keeper_.stop(); // the addresses are off before the peer hears the goodbye
    if (!said_goodbye_) {
        paths_.send_goodbyes();
    }
    held_.clear();
    for (auto& [id, w] : std::exchange(requests_, {})) {
        w.done(balance::make_error(balance::errc::refused, "the node is stopping"));
    }
    publish();
    if (settings_.liveness != nullptr) {
        settings_.liveness->store(0, std::memory_order_relaxed); // nobody is to be missed
    }
    std::lock_guard const lock{stopped_mutex_};
    stopped_ = true;
    stopped_changed_.notify_all();
}

} // namespace cluster::net
