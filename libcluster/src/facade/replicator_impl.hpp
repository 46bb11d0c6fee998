// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/replication_link.hpp"
#include "replicate/documents.hpp"
#include "replicate/exchange.hpp"

#include <cluster/replicator.hpp>

#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cluster {

/// Turns the exchange's actions into I/O and what comes back into events.
struct replicator::impl {
    using answer = std::function<void(result<outcome>)>;

    impl(boost::asio::any_io_executor e, replicator_settings s, generation_store& g);

    result<> start();
    void stop();
    void apply(generation g, answer done);
    void set_document(shared_document d);
    bool send(std::string_view channel, std::string_view bytes);
    void set_keys(key_pair const& k);
    void reconnect(std::string why);
    [[nodiscard]] replicator_status status() const;

    std::function<result<>(generation const&)> prepare;
    std::function<void(generation const&)> committed;
    std::function<void(shared_document const&)> document;
    std::function<void(std::string_view, std::string_view)> stream;
    std::function<void(bool)> connected;
    replicate::documents documents;

private:
    /// A generation on its way, ours or the peer's.
    struct cargo {
        generation content;
        generation_id id;
    };

    /// Steps the exchange until it and its effects are at rest.
    void run(replicate::event e);
    void wake_at(replicate::time_point when);
    void came_up(wire::replication::hello const& h);
    void went_down(std::string const& why);
    [[nodiscard]] std::string other_release() const;
    void received(wire::replication::message m);
    void reset_exchange();

    void perform(replicate::say const& a);
    void perform(replicate::stage const& a);
    void perform(replicate::commit_staged const& a);
    void perform(replicate::drop_staged const& a);
    void perform(replicate::answer_apply const& a);
    void perform(replicate::alarm const& a);
    void perform(replicate::drop_connection const& a);
    result<> stage_arrived(generation_id const& id);

    boost::asio::any_io_executor executor_;
    replicator_settings settings_;
    generation_store& store_;
    replicate::exchange exchange_;
    std::shared_ptr<net::replication_link> link_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<impl*> self_; ///< for handlers that may outlive us
    std::deque<replicate::event> events_;
    bool running_ = false;
    std::uint64_t life_ = 0; ///< counts stops
    std::optional<cargo> departing_;
    answer done_;
    std::optional<cargo> arriving_;
    std::string alarm_;
    std::string peer_name_;
    unsigned protocol_ = 0;
    std::string peer_release_;
};

} // namespace cluster
