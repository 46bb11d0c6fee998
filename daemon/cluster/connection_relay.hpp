// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <balance/connection_sync.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace dyad {

/// The kernel tells of a connection three packets old when what it collected is 2 s old, and looks once a second; then
/// comes the way to the peer. After this it has told.
inline constexpr std::chrono::milliseconds connections_told{3300};

/// What the kernel said of its connections, for a peer that was not there to hear it. Oldest goes first when it is too
/// old to matter (IPVS forgets a silent TCP connection after 15 minutes) or when there is too much of it.
class sync_backlog {
public:
    explicit sync_backlog(std::size_t most_bytes = 16u << 20) : most_bytes_(most_bytes) {}

    void add(std::string datagram, std::int64_t now_ms);
    void forget() noexcept;
    /// Oldest first.
    void each(std::int64_t now_ms, std::function<void(std::string_view)> const& use) const;
    [[nodiscard]] std::size_t size() const noexcept { return kept_.size(); }

private:
    struct entry {
        std::int64_t at_ms;
        std::string datagram;
    };

    std::size_t most_bytes_;
    std::size_t bytes_ = 0;
    std::deque<entry> kept_;
};

/// Carries what the kernel says of its connections to the peer, and what the peer's kernel says to ours.
class connection_relay {
public:
    /// `send` gives bytes to the peer; false when they did not go.
    connection_relay(boost::asio::any_io_executor executor, std::shared_ptr<balance::connection_sync> sync,
                     std::function<bool(std::string_view)> send);
    connection_relay(connection_relay const&) = delete;
    connection_relay& operator=(connection_relay const&) = delete;
    ~connection_relay();

    /// The peer is there (again): it gets all that is still of interest, if this node serves the connections.
    void play_back();
    /// This node serves no connections any more: what it knew is told by the other from now on.
    void forget() noexcept { backlog_.forget(); }
    void from_peer(std::string_view datagram);

    struct numbers {
        std::uint64_t sent = 0;
        std::uint64_t received = 0;
    };
    [[nodiscard]] numbers counted() const noexcept { return counted_; }

    /// For who ends it, which blocks for a moment.
    [[nodiscard]] std::shared_ptr<balance::connection_sync> sync() const { return sync_; }

private:
    void wait();
    void tell(std::string_view datagram);

    std::shared_ptr<balance::connection_sync> sync_;
    boost::asio::posix::stream_descriptor readable_; ///< of `sync_`, whose it stays
    std::function<bool(std::string_view)> send_;
    sync_backlog backlog_;
    numbers counted_;
};

} // namespace dyad
