// SPDX-License-Identifier: Apache-2.0
#include "cluster/core.hpp"

#include "cluster/monotonic.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <random>
#include <utility>

namespace dyad {

namespace {

constexpr std::chrono::milliseconds reconcile_period{1500}; ///< what others changed is put right within 2 s
constexpr std::chrono::milliseconds longest_kill{500}; ///< until a witness that took too long is gone, and says so
constexpr std::chrono::milliseconds longest_leave{4000}; ///< the guardian's patience ends after 4.8 s

config::surroundings surroundings_of(std::filesystem::path const& directory) {
    config::surroundings around;
    std::error_code ec;
    around.have_cluster_key = std::filesystem::exists(directory / "cluster.key", ec);
    around.certificates = config::certificates_in(directory, std::chrono::system_clock::now());
    return around;
}

std::uint64_t random_bits() {
    std::random_device entropy;
    return std::uint64_t{entropy()} << 32 | entropy();
}

} // namespace

core::core(boost::asio::io_context& io, cluster_process_context ctx, config::node_config self,
           std::vector<cluster::link_settings> named_links)
    : io_(io), ctx_(std::move(ctx)), self_(std::move(self)), named_links_(std::move(named_links)), audit_(ctx_.state_dir),
      tables_(random_bits()), layer4_(io.get_executor()),
      observer_(io.get_executor(), layer4_, [this] { look_at_layer4(); }), examiner_(io.get_executor()),
      questions_(io.get_executor(), [this](boost::json::object const& m) { return children_->to_checker(m); }),
      notifications_(self_), state_programs_(io.get_executor(), {.timeout = self_.notify.timeout}),
      address_programs_(io.get_executor(), {.timeout = self_.notify.timeout}),
      witness_(io.get_executor(), {.timeout = self_.witness.timeout, .pause = {}}), hold_timer_(io), chain_timer_(io), tick_(io),
      confirm_timer_(io), pair_timer_(io), notify_timer_(io), health_timer_(io), tables_timer_(io),
      started_ms_(monotonic_ms()) {}

balance::result<> core::start() {
    keep_audit_trail();
    start_notifying();
    if (auto chosen = choose_configuration(); !chosen) {
        return chosen.error();
    }
    servers_.merge(load_words(ctx_.state_dir));
    take_kept_tables();
    confirmation_ = load_confirmation(ctx_.state_dir);
    if (auto started = start_node(); !started) {
        return started.error();
    }
    // What the node tells of itself begins with how it leaves this state.
    notify_state({.state = cluster::node_state::listening, .epoch = load_remembered(ctx_.state_dir).epoch}, false, "dyadd starts");
    if (paired()) {
        if (auto started = start_replication(); !started) {
            return started.error();
        }
    }
    children_ = std::make_unique<children>(io_.get_executor(), ctx_.guardian_fd, child_handlers());
    if (!owns_configuration() && store_->current()) {
        // A crash may have come between the commit and the files.
        auto const kept = store_->history();
        auto const before = kept.size() > 1 ? store_->load(kept[1]) : balance::result<cluster::generation>();
        write_configuration_files(before ? *before : cluster::generation{});
    }
    if (!self_.firewall_script.empty()) {
        run_firewall_script("start", layer4_worker::order::before, [](balance::result<>) {});
    }
    if (paired()) {
        layer4_.hold_unknown(holding_ = true); // until it has been active for a while; applied with the first configuration
        layer4_.guard_interface(balance::connection_sync::settings{}.interface);
    }
    enforce();
    settle_confirmation();
    watch_confirmation();
    tick();
    return {};
}

/// The newest committed generation; else what lies in the directory: the primary makes its first generation of it, a
/// secondary runs it as version 0/0 until the primary sends one.
balance::result<> core::choose_configuration() {
    auto opened = cluster::generation_store::open(ctx_.state_dir / "generations");
    if (!opened) {
        return opened.error();
    }
    store_ = std::move(*opened);
    history_.emplace(io_.get_executor(), *store_);
    if (!store_->notice().empty()) {
        events_.add("error", store_->notice(), {}, true);
    }
    if (store_->current()) {
        auto understood = understand(*store_->current(), reader_);
        if (!understood) {
            return understood.error();
        }
        running_ = std::move(*understood);
        return {};
    }
    auto text = read_file(ctx_.config_dir / cluster_file);
    if (!text) {
        bool const waits =
            paired() && self_.role == cluster::node_id::secondary && text.error().code == balance::errc::not_found;
        if (waits) {
            return {};
        }
        return balance::make_error(balance::errc::invalid_configuration,
                                   text.error().detail + "; 'dyad init' writes a first one");
    }
    auto first = read_directory(std::move(*text), "first start of " + self_.name);
    if (!first) {
        return first.error();
    }
    if (self_.role == cluster::node_id::primary || !paired()) {
        if (auto committed = store_->commit(*first); !committed) {
            return committed.error();
        }
    } else {
        first->version = {};
    }
    auto understood = understand(std::move(*first), reader_);
    if (!understood) {
        return understood.error();
    }
    running_ = std::move(*understood);
    return {};
}

balance::result<cluster::generation> core::read_directory(std::string cluster_text, std::string who) {
    auto const around = surroundings_of(ctx_.config_dir);
    auto const current = store_->current().value_or(cluster::generation{});
    auto next = next_generation(current, std::move(cluster_text), around, std::move(who), std::time(nullptr), reader_);
    if (!next) {
        return next.error();
    }
    for (auto const& known : *around.certificates) {
        auto const file = "certificates/" + known.name + ".pem";
        auto bytes = read_file(ctx_.config_dir / file);
        if (!bytes) {
            return bytes.error();
        }
        next->files.emplace_back(file, std::move(*bytes));
    }
    std::sort(next->files.begin(), next->files.end());
    return next;
}

balance::result<> core::start_node() {
    cluster::node_settings s;
    s.self = paired() ? self_.role : cluster::node_id::none;
    s.name = self_.name;
    s.timing = running_.cluster.timing;
    s.links = self_.links;
    s.floating = floating_ = place(running_.cluster, self_);
    s.ping_nodes = running_.cluster.ping_nodes;
    s.announce_rate = running_.cluster.announce_rate;
    if (!self_.witness.program.empty()) {
        s.witness_limit = self_.witness.timeout + longest_kill;
        s.witness_pause = self_.witness.pause;
    }
    auto const remembered = load_remembered(ctx_.state_dir);
    s.epoch = remembered.epoch;
    s.maintenance = remembered.maintenance;
    s.address_lifetime = running_.cluster.address_lifetime;
    s.real_time = self_.real_time;
    s.liveness = ctx_.liveness;
    if (paired()) {
        auto files = cluster::key_store::open(ctx_.config_dir);
        if (!files) {
            return files.error();
        }
        key_files_ = std::move(*files);
        auto const keys = key_files_->keys();
        s.key = keys.sending;
        s.other_key = keys.other;
    }
    node_ = std::make_unique<cluster::node>(std::move(s));
    node_->on_event([this](cluster::node_event const& e) { boost::asio::post(io_, [this, e] { node_event(e); }); });
    node_->on_persist([this](cluster::epoch epoch, bool maintenance) {
        boost::asio::post(io_, [this, epoch, maintenance] {
            if (auto saved = save(ctx_.state_dir, remembered_state{epoch, maintenance}); !saved) {
                events_.add("error", saved.error().detail, {}, true);
            }
        });
    });
    node_->on_witness([this](cluster::epoch epoch, std::function<void(bool)> answer) {
        boost::asio::post(io_, [this, epoch, answer = std::move(answer)] { ask_witness(epoch, answer); });
    });
    node_->on_move([this](cluster::address_move m) { before_move(m); });
    node_->on_held([this](std::vector<cluster::floating_address> const& held) {
        boost::asio::post(io_, [this, held] { notify_held(held); });
    });
    return node_->start();
}

balance::result<> core::start_replication() {
    auto const keys = key_files_->keys();
    cluster::replicator_settings s{.self = self_.role,
                                   .name = self_.name,
                                   .key = keys.sending,
                                   .paths = {},
                                   .port = self_.replication_port,
                                   .release = DYAD_VERSION,
                                   .other_key = keys.other};
    key_replacement_ =
        std::make_unique<key_replacement>(io_.get_executor(), self_.role, std::move(*key_files_), key_hooks());
    key_files_.reset();
    for (auto const& link : self_.links) {
        s.paths.push_back({link.local, link.peer, link.interface});
    }
    replicator_ = std::make_unique<cluster::replicator>(io_.get_executor(), std::move(s), *store_);
    replicator_->on_prepare([this](cluster::generation const& g) -> balance::result<> {
        auto understood = understand(g, reader_);
        return understood ? balance::result<>() : balance::result<>(understood.error());
    });
    replicator_->on_committed([this](cluster::generation const& g) {
        came_from_peer(g);
    });
    replicator_->on_document([this](cluster::shared_document const& d) { peer_document(d); });
    table_exchange_.emplace(tables_, random_bits());
    replicator_->on_stream([this](std::string_view channel, std::string_view bytes) { peer_stream(channel, bytes); });
    replicator_->on_connected([this](bool connected) { peer_connected(connected); });
    replicator_->set_document(servers_.document());
    replicator_->set_document(confirmation_.document());
    return replicator_->start();
}

children::handlers core::child_handlers() {
    return {.guardian = [this](boost::json::object const& m) { from_guardian(m); },
            .guardian_gone = [this] { leave("the guardian is gone"); },
            .checker_attached =
                [this] {
                    questions_.lost();
                    tell_checker();
                },
            .proxy_attached = [this](std::int64_t pid) { proxy_attached(pid); },
            .proxy_gone = [this](std::int64_t pid) { proxy_totals_.gone(pid); },
            .checker = [this](boost::json::object const& m) { from_checker(m); },
            .proxy = [this](std::int64_t pid, boost::json::object const& m) { from_proxy(pid, m); },
            .restarted =
                [this](process_info const& p) {
                    auto const why = p.reason.empty() ? std::string() : ": the one before " + p.reason;
                    events_.add("process", p.name + " was started again, pid " + std::to_string(p.pid) + why, {}, true);
                }};
}

/// What someone changed behind our back is put right here.
void core::tick() {
    tick_.expires_after(reconcile_period);
    tick_.async_wait([this](boost::system::error_code ec) {
        if (!ec && !leaving_) {
            if (observer_.due()) {
                look_at_layer4();
            }
            tell_guardian();
            if (access_log_.was_moved()) {
                hand_over_access_log();
            }
            update_fitness();
            notify_fitness();
            follow_translations();
            follow_chain();
            cut_what_is_left();
            tables_.sweep(monotonic_ms());
            keep_tables_now_and_then();
            tell_peer(); // what it did not take
            go_back(); // where it is due: the timer stands still while the machine sleeps
            tick();
        }
    });
}

void core::leave(std::string why) {
    if (std::exchange(leaving_, true)) {
        return;
    }
    events_.add("process", "leaving: " + why);
    notify_timer_.expires_after(longest_leave);
    children_->to_guardian({{"type", "leaving"}});
    bool const active = node_->status().state == cluster::node_state::active;
    bool const serves = active || monotonic_ms() - served_until_ms_ < connections_told.count();
    bool const tells_peer = relay_ && serves && replicator_->status().connected;
    node_->leave();
    keep_tables();
    tick_.cancel();
    memory_timer_.cancel();
    observer_.stop();
    // The kernel keeps for a while what it has to tell the peer of our connections.
    hold_timer_.expires_after(tells_peer ? connections_told : std::chrono::milliseconds(0));
    hold_timer_.async_wait([this](boost::system::error_code) {
        end_relay();
        translations_.reset();
        if (replicator_) {
            replicator_->stop();
        }
        boost::asio::post(io_, [this] { end_when_notified(); }); // after what the node has posted: its last epoch is kept
    });
}

void core::keep_audit_trail() {
    events_.restore(audit_.load());
    events_.on_audit([this](event_log::entry const& e) {
        auto const kept = audit_.append(e);
        auto const error = kept ? std::string() : kept.error().detail;
        if (error != std::exchange(audit_error_, error) && !error.empty()) {
            events_.add("error", error, {}, true);
        }
    });
}

/// Answers come on the node's thread; operators are answered on ours.
cluster::node::answer core::on_main(cluster::node::answer done) {
    return [this, done = std::move(done)](balance::result<> outcome) {
        boost::asio::post(io_, [done, outcome = std::move(outcome)] { done(outcome); });
    };
}

} // namespace dyad
