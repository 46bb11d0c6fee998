// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/access_record.hpp"
#include "core/http_message.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/http_stream.hpp"
#include "proxy/server_link.hpp"
#include "proxy/session.hpp"

#include <boost/intrusive/list.hpp>

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace balance::layer7 {

class worker;

/// A session's place in its worker's line of those that wait for a socket; it leaves the line by itself at its end.
using place_in_line = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// One client's connection in mode http: request after request, each to a server of its own choice.
///
/// A request that a server did not answer is sent again when that can do no harm: nothing was connected, or a kept
/// connection ended without a word and the request may be repeated (RFC 9110 9.2.2) and is still here as a whole.
/// Requests that may not be repeated never go over another client's connection.
class http_session final : public resumable, public room_seeker, public place_in_line, private link_user {
public:
    using clock_time = event_loop::clock::time_point;

    explicit http_session(worker& owner);
    http_session(http_session const&) = delete;
    http_session& operator=(http_session const&) = delete;

    void start(arrival a);
    void cut() { finish(true, core::ending::cut); }
    /// Does the server see the client's address?
    [[nodiscard]] bool borrows_address() const noexcept { return rules_->transparent && !choice_.fallback; }
    /// Ends what goes on with a server whose life has ended.
    void check_life();
    void check_time(clock_time now);
    /// For one that waits for a socket: there may be one by now.
    void look_for_socket();
    // Of the server that one was chosen for who waits for a socket.
    [[nodiscard]] bool server_lives() const noexcept { return choice_.life == choice_.server->life.load(std::memory_order_relaxed); }
    [[nodiscard]] bool server_is_ipv6() const noexcept { return choice_.server->target.address.is_v6(); }
    void resume() override;
    bool room(std::uint64_t ticket, std::optional<choice> const& place) override;

private:
    friend class session_list<http_session>;

    struct side final : watcher {
        http_session* owner = nullptr;
        relay_end end;
        descriptor socket;
        tls_state tls;
        void ready(std::uint32_t events) override { owner->client_ready(events); }
    };
    enum class phase : std::uint8_t {
        ended,
        idle,       ///< between requests: nothing of the next has come
        head,       ///< some of a request's head has come
        connecting, ///< to a server
        answer,     ///< the request goes on, nothing of the answer has come
        exchange,   ///< the answer goes on
        tunnel,     ///< both sides speak another protocol
        last_words  ///< what is left of an answer goes out, then the connection ends
    };

    /// `unsupplied`: of sockets that others make for us.
    enum class attempt : std::uint8_t { begun, failed, unsupplied };

    static constexpr std::uint32_t every_edge = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

    void client_ready(std::uint32_t events);
    void server_ready(std::uint32_t events) override;

    /// Goes on until nothing more can be done without waiting.
    void run();
    void step();

    void read_request();
    void take_request(std::string_view head);
    void send_request();
    void connect_next();
    [[nodiscard]] bool go_to(choice c);
    [[nodiscard]] bool reach_server();
    void wait_for_socket();
    /// Only while connecting. There is no link then, and on the way from one server to the next no server.
    [[nodiscard]] bool waits_for_socket() const noexcept { return is_linked(); }
    /// `tls`: null in clear.
    [[nodiscard]] attempt connect_to(endpoint const& target, tls_context const* tls);
    [[nodiscard]] bool tells_client() const noexcept;
    [[nodiscard]] bool greet() noexcept;
    void use_link();
    void connected();
    void connect_failed();
    void server_failed();
    void read_answer();
    void take_answer(std::string_view head);
    void learn_session(core::http::response const& r);
    void send_answer();
    void end_exchange();
    void move_tunnel();
    void move_tunnel(http_stream& from_to, relay_end& from, relay_end& to);
    void say_last_words();

    [[nodiscard]] bool apply_policy(core::http::request const& r);
    [[nodiscard]] bool is_too_large() const noexcept;
    void refuse(std::uint16_t status);
    void refuse(std::uint16_t status, core::ending why);
    void refuse_for_now(std::chrono::nanoseconds wait);
    void count(failure f) noexcept;
    void end_with(std::string const& answer, unsigned status, core::ending why);
    void leave_server(bool keep);
    void stop_waiting();
    void enter(phase p);
    void finish(bool reset, core::ending why);
    void begin_record(core::http::request const* r);
    void end_record(core::ending why) noexcept;
    [[nodiscard]] bool turn_is_over();
    [[nodiscard]] std::size_t head_limit() const noexcept;

    /// What the access log will say of a request; the session has them from its first request that is logged on.
    struct notes {
        bool open = false; ///< a request is under way and not written down yet
        std::string method;
        std::string host;
        std::string target;
        unsigned status = 0;
        std::uint64_t in_before = 0;  ///< bytes that `up_` had passed on
        std::uint64_t out_before = 0; ///< and `down_`
        clock_time chosen_at{};       ///< the epoch when it has not come so far; the next two as well
        clock_time connected_at{};
        clock_time answered_at{};
    };

    worker& worker_;
    phase phase_ = phase::ended;
    std::uint64_t number_ = 0; ///< of this session in its worker
    side client_;
    std::unique_ptr<server_link> link_;
    arrival arrival_;
    std::string client_text_; ///< the client's address
    std::shared_ptr<session_rules const> rules_;
    std::uint64_t ticket_ = 0; ///< while connecting: waits for room at a server
    choice choice_;
    std::array<backend const*, most_attempts> tried_{};
    std::size_t attempts_ = 0;

    http_stream up_;   ///< client to server
    http_stream down_; ///< server to client
    core::http::head_finder finder_;
    std::unique_ptr<notes> notes_;

    // Of the request that goes on:
    std::string method_;
    asker who_;
    std::chrono::steady_clock::time_point asked_at_{};
    std::string_view cookie_; ///< name of the cookie for persistence, within `rules_`; empty: none
    unsigned client_minor_ = 1;
    bool repeatable_ = false;   ///< may be sent twice
    bool repeated_ = false;     ///< was sent twice
    bool asks_upgrade_ = false;
    bool gave_up_ = false;      ///< the server takes no more of it
    bool client_stays_ = false; ///< the client's connection outlives the answer
    bool server_stays_ = false; ///< and the server's too

    core::ending tunnel_ended_ = core::ending::client_closed; ///< who did so first
    bool half_closed_ = false; ///< the client was told that no more comes
    clock_time phase_since_{};
    clock_time active_at_{};
    std::uint64_t steps_ = 0; ///< changes of phase, so that `run` sees them
    unsigned turn_ = 0;       ///< requests and chunks of this turn
    std::size_t slot_ = 0;    ///< in its worker's list
};

/// Oldest first.
using socket_line = boost::intrusive::list<http_session, boost::intrusive::constant_time_size<false>>;

} // namespace balance::layer7
