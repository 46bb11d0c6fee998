// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/joining.hpp"

#include <cluster/key_rotation.hpp>
#include <cluster/key_store.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dyad {

/// Replaces the pair's key together with the peer: turns the actions of `cluster::key_rotation` into files, words and keys
/// in force. All calls on the executor's only thread.
class key_replacement {
public:
    struct hooks {
        std::function<void(std::string_view bytes)> send; ///< on the channel "key"
        /// Puts keys in force, for heartbeats, connections and the guardian's goodbyes, then calls back.
        std::function<void(cluster::key_pair const&, std::function<void()>)> use;
        std::function<void()> reconnect;
        std::function<std::uint64_t()> heard; ///< fingerprint of the key of the peer's newest heartbeat
        std::function<void(std::string const& text, std::string const& who)> audit;
        std::function<void(std::string const& text)> error;
    };

    key_replacement(boost::asio::any_io_executor executor, cluster::node_id self, cluster::key_store files, hooks h);

    void connected(std::uint64_t key);
    void disconnected();
    void received(std::string_view bytes);

    /// Makes a key and begins. Errors: `refused` with the reason.
    balance::result<> start(std::string const& who);
    /// Of what was started here last.
    [[nodiscard]] pairing_progress const& progress() const noexcept { return progress_; }
    /// What is waited for; empty unless a replacement is under way.
    [[nodiscard]] std::string_view waits_for() const noexcept { return machine_.waits_for(); }
    /// The connection is given up to make one with the key that is new, once both send with it.
    [[nodiscard]] bool switched() const noexcept { return machine_.keys().previous != 0; }

private:
    void perform(cluster::key_rotation::actions const& actions);
    void carry_out(cluster::key_rotation::holds const& a);
    void carry_out(cluster::key_rotation::offer const& a);
    void carry_out(cluster::key_rotation::refused const& a);
    void carry_out(cluster::key_rotation::store const& a);
    void carry_out(cluster::key_rotation::reconnect const& a);
    void carry_out(cluster::key_rotation::failed const& a);
    balance::result<> change_files(cluster::key_rotation::store const& a);
    void tell(cluster::key_rotation::store const& a);
    void reach(std::string step);
    void look_again();
    void end_if_done();

    std::shared_ptr<key_replacement*> self_; ///< for what may come when this is gone
    boost::asio::steady_timer timer_;
    cluster::key_store files_;
    cluster::key_rotation machine_;
    hooks hooks_;
    std::optional<cluster::key> coming_; ///< ours or the peer's, until it is kept
    std::string who_ = "dyadd";
    pairing_progress progress_;
    std::string told_error_; ///< so that each is told once
    bool looking_ = false;
};

} // namespace dyad
