// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/checker.hpp>
#include <balance/service.hpp>
#include <cluster/replicator.hpp>

#include <boost/json/value.hpp>

#include <chrono>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace dyad {

/// The longest time that a drained server may get to finish: a week.
inline constexpr std::int64_t longest_drain_ms = std::int64_t{7} * 24 * 3'600'000;

/// The authoritative list of what the health checks and the operators say of every real server.
///
/// Operators' words (drain, halt) are one document that both nodes share: the newest stamp wins, and they outlive the
/// servers they speak of, so that a server that is removed and added again keeps what was said. Pure: no I/O.
class server_states {
public:
    struct entry {
        balance::server_state state;
        std::string reason; ///< why the last check succeeded or failed
        std::int64_t latency_ms = 0;
        std::int64_t changed_at_ms = 0; ///< monotonic
        std::string agent;              ///< what its agent says; empty: there is none
        balance::endpoint target{};     ///< where it is, as configured
        balance::health first_health = balance::health::unknown; ///< before anybody looked
        std::uint64_t configuration = 0; ///< the last that it was part of
    };

    /// Keeps entries of servers that stay, forgets the health of those that went, adds the others as what their check says
    /// unasked: mostly unknown.
    void set_services(std::vector<balance::virtual_service> const& services, std::int64_t now_ms);

    /// True when the health changed. Unknown servers are ignored: the checks of a former configuration may be late.
    bool set_health(balance::server_key const& key, balance::health h, std::string reason, std::int64_t latency_ms,
                    std::int64_t now_ms);
    /// What its agent says and allows. True when what it allows changed.
    bool set_agent(balance::server_key const& key, balance::agent_view view);
    void set_result(balance::server_key const& key, std::string reason, std::int64_t latency_ms);

    /// Sets the operator's word for every key and counts the document's stamp up.
    /// `cut_after` is for drain: then what a server still has on layer 7 is cut; 0: never.
    void set_admin(std::span<balance::server_key const> keys, balance::admin_state state, cluster::node_id writer,
                   std::chrono::milliseconds cut_after = std::chrono::milliseconds(0));
    /// Servers whose time to finish is over since the last call; their connections are to be cut. The time runs from the first
    /// call after the word was heard, and ends, on each node for itself: a restart gives it anew.
    std::vector<balance::server_key> cut_those_due(std::int64_t now_ms);

    [[nodiscard]] entry const* find(balance::server_key const& key) const;
    [[nodiscard]] std::vector<balance::server_state> list() const;
    /// Without those that are as anybody expects who knows the configuration alone.
    [[nodiscard]] std::vector<balance::server_state> unusual() const;
    /// Of those services alone that are `wanted`.
    [[nodiscard]] std::vector<balance::server_state> list(std::vector<balance::virtual_service> const& services,
                                                          bool (*wanted)(balance::virtual_service const&)) const;
    [[nodiscard]] std::map<balance::server_key, entry> const& all() const noexcept { return entries_; }

    /// The operators' words as the document "servers", as shared with the peer and kept in servers.json.
    [[nodiscard]] cluster::shared_document document() const;
    /// Takes over a document that is newer than ours; false when it is not, or not understood.
    bool merge(cluster::shared_document const& d);

private:
    struct word {
        balance::admin_state state = balance::admin_state::drain; ///< only drain and halt
        std::int64_t cut_after_ms = 0;                            ///< drain: 0: never
        std::uint64_t since = 0;    ///< stamp of the document that said it first
        bool cut = false;           ///< that time is over, here
        std::int64_t cut_at_ms = 0; ///< monotonic, of this node; 0: the time does not run yet
    };

    void apply_words();

    std::map<balance::server_key, entry> entries_;
    std::map<balance::server_key, word> words_;
    std::uint64_t stamp_ = 0;
    std::uint64_t configuration_ = 0; ///< counts them
    cluster::node_id writer_ = cluster::node_id::none;
};

} // namespace dyad
