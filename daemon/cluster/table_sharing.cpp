// SPDX-License-Identifier: Apache-2.0
// Layer 7's persistence tables: what one proxy learns the others hear of, and the peer.
#include "cluster/core.hpp"
#include "cluster/message_lists.hpp"
#include "cluster/monotonic.hpp"
#include "cluster/table_file.hpp"
#include "ipc/records.hpp"
#include "ipc/values.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace dyad {

namespace json = boost::json;
using source = balance::persistence_copy::source;

namespace {

/// The replication protocol that knows the channel of `cluster::table_exchange`. Before it there were JSON objects.
constexpr unsigned protocol_with_tables = 2;
constexpr std::string_view old_channel = "persistence";
constexpr std::size_t entries_for_an_old_peer = 10'000; ///< some 1.5 MB of JSON

constexpr std::chrono::milliseconds in_sync_for{1000};
constexpr std::chrono::milliseconds confirmed_within{50};
constexpr std::chrono::minutes kept_every{5};

/// Room for the clients of all tables, and some.
constexpr std::size_t least_entries = 65'536;

} // namespace

// ---- the proxies ----

void core::send_tables_to_proxy(std::int64_t pid) {
    tables_.write_all(ipc::records_in_a_message, monotonic_ms(), [&](std::string const& bytes) {
        bool const room = children_->waiting_for_proxy(pid) < ipc::max_queue / 2; // its configuration must find some too
        if (!room || !children_->to_proxy(pid, ipc::records_message(bytes))) {
            events_.add("error", "the proxy did not take all of the persistence tables", {}, true);
            return false;
        }
        return true;
    });
}

void core::proxy_learnt(std::int64_t pid, json::object const& message) {
    auto const records = ipc::records_in(message);
    if (!records) {
        events_.add("error", "the proxy's message about persistence was not understood: " + records.error().detail, {}, true);
        return;
    }
    tables_.merge(records->entries, source::here, monotonic_ms());
    children_->to_proxies(message, {}, pid);
    tell_peer_of_tables(records->entries);
}

// ---- the peer ----

bool core::peer_is_old() const { return replicator_->status().protocol < protocol_with_tables; }

void core::begin_to_share_tables() {
    if (!peer_is_old()) {
        return send_about_tables(table_exchange_->connected());
    }
    tables_.write_all(ipc::records_in_a_message, monotonic_ms(), [this](std::string const& bytes) {
        tell_old_peer(balance::read_persistence(bytes).value());
        return true;
    });
}

void core::tell_peer_of_tables(std::span<balance::persistence_record const> fresh) {
    if (!replicator_ || !replicator_->status().connected) {
        return;
    }
    if (peer_is_old()) {
        return tell_old_peer(fresh);
    }
    send_about_tables(table_exchange_->changed(monotonic_ms()));
}

void core::send_about_tables(std::vector<std::string> const& messages) {
    for (auto const& m : messages) {
        if (!replicator_->send(cluster::table_exchange::channel, m)) {
            // A change left out would count as known with the next one: the next connection goes on behind the last that is.
            return replicator_->reconnect("too much waits to be sent");
        }
    }
}

/// As entries in JSON, which the release before this one understands.
void core::tell_old_peer(std::span<balance::persistence_record const> records) {
    while (!records.empty()) {
        auto const some = records.first(std::min(records.size(), entries_for_an_old_peer));
        records = records.subspan(some.size());
        json::array entries;
        for (auto const& r : some) {
            entries.push_back(ipc::pack({std::string(r.service), r.client, std::string(r.server), r.sequence, r.remaining}));
        }
        if (!replicator_->send(old_channel, json::serialize(json::object{{"entries", std::move(entries)}}))) {
            events_.add("error", "the peer did not take the persistence tables; it gets them at the next connection", {}, true);
        }
    }
}

bool core::is_about_tables(std::string_view channel) { return channel == cluster::table_exchange::channel || channel == old_channel; }

void core::peer_tells_of_tables(std::string_view channel, std::string_view bytes) {
    if (channel == old_channel) {
        return old_peer_tells_of_tables(bytes);
    }
    auto const heard = table_exchange_->take(bytes, monotonic_ms());
    if (!heard) {
        events_.add("error", "the peer's message about persistence was not understood: " + heard.error().detail, {}, true);
        return confirm_tables_soon();
    }
    if (!heard->records.empty()) {
        children_->to_proxies(ipc::records_message(heard->records));
    }
    send_about_tables(heard->answers);
    confirm_tables_soon();
    if (table_exchange_->peer_has_all()) {
        peer_had_all_ms_ = monotonic_ms();
    }
}

void core::confirm_tables_soon() {
    if (!table_exchange_->owes_confirmation() || std::exchange(confirms_tables_, true)) {
        return;
    }
    tables_timer_.expires_after(confirmed_within);
    tables_timer_.async_wait([this](boost::system::error_code ec) {
        confirms_tables_ = false;
        if (!ec && table_exchange_->owes_confirmation()) {
            send_about_tables(table_exchange_->confirm());
        }
    });
}

void core::old_peer_tells_of_tables(std::string_view text) {
    boost::system::error_code ec;
    auto const value = json::parse(json::string_view(text.data(), text.size()), ec);
    if (ec || !value.is_object()) {
        return;
    }
    auto const entries = list_of<balance::persistence_entry>(value.get_object(), "entries", events_);
    std::vector<balance::persistence_record> records;
    std::ranges::transform(entries, std::back_inserter(records), balance::as_record);
    tables_.merge(records, source::peer, monotonic_ms());
    balance::persistence_writer writer;
    for (auto const& r : records) {
        writer.add(r);
    }
    children_->to_proxies(ipc::records_message(writer.take()));
}

bool core::has_tables_of_peer() const { return peer_is_old() || table_exchange_->has_all(); }

/// While clients come, some entries are always on their way: what the peer had a moment ago counts.
bool core::tables_in_sync() const {
    bool const told = peer_is_old() || table_exchange_->peer_has_all() || monotonic_ms() - peer_had_all_ms_ < in_sync_for.count();
    return replicator_->status().connected && has_tables_of_peer() && told;
}

/// A service that comes back under an old name begins with an empty table.
void core::keep_tables_of_services() {
    std::set<std::string_view> names;
    std::size_t entries = least_entries;
    for (auto const& s : running_.cluster.services.services) {
        if (!balance::is_layer4(s.mode) && s.persistence.mode != balance::persistence::kind::none) {
            names.insert(s.name);
            entries += s.persistence.entries;
        }
    }
    tables_.set_limit(entries);
    tables_.keep_only([&](std::string_view service) { return names.contains(service); });
}

// ---- the disk ----

void core::take_kept_tables() {
    if (auto const taken = load_tables(ctx_.state_dir, monotonic_ms(), tables_); !taken) {
        events_.add("error", taken.error().detail, {}, true);
    }
    kept_change_ = tables_.last_change();
    kept_tables_ms_ = monotonic_ms();
}

void core::keep_tables() {
    if (tables_.last_change() == kept_change_) {
        return;
    }
    kept_change_ = tables_.last_change();
    kept_tables_ms_ = monotonic_ms();
    if (auto const kept = save_tables(ctx_.state_dir, tables_, kept_tables_ms_); !kept) {
        events_.add("error", kept.error().detail, {}, true);
    }
}

/// For a loss of power, which both nodes may share.
void core::keep_tables_now_and_then() {
    if (monotonic_ms() - kept_tables_ms_ >= std::chrono::milliseconds(kept_every).count()) {
        keep_tables();
    }
}

} // namespace dyad
