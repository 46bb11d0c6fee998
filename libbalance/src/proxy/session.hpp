// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/descriptor.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/relay.hpp"
#include "proxy/service.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>

namespace balance::layer7 {

class worker;

/// A client just accepted.
struct arrival {
    descriptor socket;
    address client;
    std::uint16_t port = 0; ///< that the client connected to
    std::shared_ptr<layer7::service> service;
};

/// One client's connection and its server's: connect, relay, end. Lives on its worker's thread and is used again after
/// its end.
///
/// Resets and half-closes of one side are passed on to the other. A server that cannot be connected counts as down for
/// this connection alone, and another is tried.
class session {
public:
    using clock_time = event_loop::clock::time_point;

    explicit session(worker& owner);
    session(session const&) = delete;
    session& operator=(session const&) = delete;

    void start(arrival a);

    /// Ends it with a reset to both sides.
    void cut() { finish(true); }
    /// Cuts it if its server's life has ended; one that is not connected yet looks for another server instead.
    void check_life();
    void check_connect(clock_time now, std::chrono::milliseconds limit);
    void check_idle(clock_time now, std::chrono::milliseconds limit);
    /// Goes on where its turn was over.
    void resume();

private:
    friend class session_list;

    struct side final : watcher {
        session* owner = nullptr;
        relay_end end;
        descriptor socket;
        void ready(std::uint32_t events) override { owner->ready(*this, events); }
    };
    struct half {
        relay_lane lane;
        bool closed = false; ///< nothing more goes this way
        bool deaf = false;   ///< because its receiver takes no more
    };
    enum class phase : std::uint8_t { idle, connecting, relaying };
    enum class attempt : std::uint8_t { begun, failed, starved };
    static constexpr std::size_t most_attempts = 4; // the first and three more

    void ready(side& s, std::uint32_t events);
    void connect_next();
    [[nodiscard]] attempt connect_to(endpoint const& target);
    void connect_failed();
    void connected();
    void join(half& h, side& from, side& to);
    void move();
    [[nodiscard]] bool move(half& h, half& reverse);
    void leave_server();
    void finish(bool reset);

    worker& worker_;
    phase phase_ = phase::idle;
    bool more_ = false; ///< its turn was over: waits to be resumed
    side client_;
    side server_;
    half up_;   ///< client to server
    half down_; ///< server to client
    arrival arrival_;
    choice choice_;
    std::array<backend const*, most_attempts> tried_{};
    std::size_t attempts_ = 0;
    clock_time active_at_{}; ///< last event; while connecting, the start of the attempt
    bool starved_ = false;   ///< there was no descriptor for the server's socket since `active_at_`
    std::size_t slot_ = 0;   ///< in its worker's list
};

/// Sessions that their worker walks through; each knows its place, so that adding and taking out cost the same always.
class session_list {
public:
    void add(session& s) {
        s.slot_ = sessions_.size();
        sessions_.push_back(&s);
    }
    void remove(session const& s) noexcept {
        sessions_.back()->slot_ = s.slot_;
        sessions_[s.slot_] = sessions_.back();
        sessions_.pop_back();
    }
    [[nodiscard]] bool empty() const noexcept { return sessions_.empty(); }

    /// Calls `f` with each; `f` may take its session out of the list, and no other.
    template <class F>
    void for_each(F&& f) {
        for (std::size_t i = sessions_.size(); i-- > 0;)
            f(*sessions_[i]);
    }

private:
    std::vector<session*> sessions_;
};

} // namespace balance::layer7
