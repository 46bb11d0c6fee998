// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/access_record.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/relay.hpp"
#include "proxy/session.hpp"
#include "proxy/tls.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>

namespace balance::layer7 {

class worker;

/// One client's connection and its server's: connect, relay, end. Lives on its worker's thread and is used again after
/// its end.
///
/// Resets and half-closes of one side are passed on to the other. A server that cannot be connected counts as down for
/// this connection alone, and another is tried.
class tcp_session final : public resumable, public room_seeker {
public:
    using clock_time = event_loop::clock::time_point;

    explicit tcp_session(worker& owner);
    tcp_session(tcp_session const&) = delete;
    tcp_session& operator=(tcp_session const&) = delete;

    void start(arrival a);

    /// Ends it with a reset to both sides.
    void cut() { finish(true, core::ending::cut); }
    /// Does the server see the client's address?
    [[nodiscard]] bool borrows_address() const noexcept { return rules_->transparent && !choice_.fallback; }
    /// Cuts it if its server's life has ended; one that is not connected yet looks for another server instead.
    void check_life();
    void check_connect(clock_time now);
    void check_idle(clock_time now);
    void resume() override;
    bool room(std::uint64_t ticket, std::optional<choice> const& place) override;

private:
    friend class session_list<tcp_session>;

    struct side final : watcher {
        tcp_session* owner = nullptr;
        relay_end end;
        descriptor socket;
        tls_state tls;
        void ready(std::uint32_t events) override { owner->ready(*this, events); }
    };
    struct half {
        relay_lane lane;
        bool closed = false; ///< nothing more goes this way
        bool deaf = false;   ///< because its receiver takes no more
    };
    enum class phase : std::uint8_t { idle, connecting, relaying };
    /// `starved`: for lack of descriptors or memory; `unsupplied`: of sockets that others make for us.
    enum class attempt : std::uint8_t { begun, failed, starved, unsupplied };

    void ready(side& s, std::uint32_t events);
    void connect_next();
    [[nodiscard]] bool go_to(choice c);
    [[nodiscard]] attempt connect_to(endpoint const& target);
    void connect_failed();
    [[nodiscard]] bool greet() noexcept;
    void connected();
    void join(half& h, side& from, side& to);
    void move();
    [[nodiscard]] bool move(half& h, half& reverse);
    void leave_server();
    void give_up_waiting();
    void count(failure f) noexcept;
    void finish(bool reset, core::ending why);
    void log(core::ending why) noexcept;

    worker& worker_;
    phase phase_ = phase::idle;
    bool more_ = false; ///< its turn was over: waits to be resumed
    side client_;
    side server_;
    half up_;   ///< client to server
    half down_; ///< server to client
    arrival arrival_;
    std::shared_ptr<session_rules const> rules_;
    std::uint64_t ticket_ = 0; ///< while connecting: waits for room at a server, since `active_at_`
    choice choice_;
    std::array<backend const*, most_attempts> tried_{};
    std::size_t attempts_ = 0;
    clock_time arrived_at_{};
    clock_time chosen_at_{};    ///< a server; only where there is an access log
    clock_time connected_at_{}; ///< as before; the epoch when it was not
    clock_time active_at_{}; ///< last event; while connecting, the start of the attempt
    bool starved_ = false;   ///< there was no descriptor for the server's socket since `active_at_`
    std::size_t slot_ = 0;   ///< in its worker's list
};

} // namespace balance::layer7
