// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/access_record.hpp"
#include "core/http_message.hpp"
#include "proxy/access_journal.hpp"
#include "proxy/buffer_pool.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/greeting.hpp"
#include "proxy/listening_socket.hpp"
#include "proxy/http_session.hpp"
#include "proxy/server_link.hpp"
#include "proxy/socket_supply.hpp"
#include "proxy/tcp_session.hpp"

#include <balance/proxy.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace balance::layer7 {

class worker;

/// Heads are read into this and rewritten at once: no session keeps one.
struct http_scratch {
    core::http::request request;
    core::http::response response;
};

/// What a listening socket is for.
struct place {
    std::shared_ptr<layer7::service> service;
    std::string name;           ///< of the service
    bool tls = false;           ///< clients come in TLS
    std::uint16_t to_port = 0;  ///< where servers without a port of their own are spoken to

    bool operator==(place const&) const = default;
};

/// What the threads of a proxy have in common.
struct crew {
    proxy::settings settings;
    std::vector<std::unique_ptr<worker>> workers;
    std::atomic<std::size_t> connections{0}; ///< of all threads
    std::atomic<bool> draining{false};       ///< clients of mode http are to come back elsewhere
    std::unique_ptr<access_journal> journal; ///< from before the first worker starts
    socket_supply sockets;                   ///< for transparent services
    std::atomic<unsigned> full_workers{0};   ///< that have acceptors without room

    std::mutex mutex; ///< of `on_learnt`
    std::shared_ptr<std::function<void(std::span<persistence_entry const>)> const> on_learnt;
};

/// One thread of the proxy: accepts, and relays what it accepted or was given by a busier one.
///
/// All threads wait on the same listening sockets, each with its own epoll (EPOLLEXCLUSIVE: one of them wakes).
class worker {
public:
    worker(crew& c, std::size_t index);
    ~worker();
    worker(worker const&) = delete;
    worker& operator=(worker const&) = delete;

    void start();
    /// Ends the thread; its connections are reset.
    void stop();

    // From any thread; done a moment later.
    void accept_on(std::shared_ptr<listening_socket> socket, place where);
    void stop_accepting(std::shared_ptr<listening_socket> socket);
    void cut_the_dead(); ///< sessions whose server's life has ended
    void reset_clients(bool of_transparent_services_alone);
    void look_for_sockets(); ///< there are some again that sessions may wait for
    void look_for_clients(); ///< as `proxy::look_for_clients`
    /// After all that was asked for before.
    void call(std::function<void()> task) { loop_.post(std::move(task)); }
    [[nodiscard]] std::size_t load() const noexcept { return load_.load(std::memory_order_relaxed); }

    // For sessions, on its own thread.
    [[nodiscard]] event_loop& loop() noexcept { return loop_; }
    [[nodiscard]] buffer_pool& buffers() noexcept { return buffers_; }
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    [[nodiscard]] session_list<greeting>& greeted() noexcept { return greeting_; }
    [[nodiscard]] session_list<tcp_session>& connecting() noexcept { return connecting_; }
    [[nodiscard]] session_list<tcp_session>& relaying() noexcept { return relaying_; }
    [[nodiscard]] session_list<http_session>& exchanging() noexcept { return exchanging_; }
    [[nodiscard]] socket_line& unsupplied() noexcept { return unsupplied_; }
    [[nodiscard]] link_pool& links() noexcept { return links_; }
    [[nodiscard]] proxy::settings const& limits() const noexcept { return crew_.settings; }
    /// Is this client's next connection to be accepted by somebody else?
    [[nodiscard]] bool is_draining() const noexcept { return crew_.draining.load(std::memory_order_relaxed); }
    [[nodiscard]] http_scratch& scratch() noexcept { return scratch_; }
    /// Counts sessions, from 1.
    [[nodiscard]] std::uint64_t next_number() noexcept { return ++number_; }
    /// Looks often enough for sessions that are silent for that long.
    void keep_limit(std::chrono::milliseconds idle) noexcept;
    void resume_later(resumable& s) { to_resume_.push_back(&s); }
    /// Its client is known.
    void begin_session(arrival a);
    void retire(greeting& g, bool stays);
    void retire(tcp_session& s);
    void retire(http_session& s);
    void learnt(persistence_entry const& e);
    /// Is what this service's clients do written down?
    [[nodiscard]] bool logs(session_rules const& rules) const noexcept { return rules.log && crew_.journal->is_open(); }
    void log(core::access_record const& r) noexcept { crew_.journal->add(index_, r); }
    /// The record of one that no session was made for.
    void log_turned_away(arrival const& a, core::ending why) noexcept;
    /// Accepts nothing for a moment: the machine has no room.
    void rest();
    /// A socket for a connection to a server; with a client, one that has the client's address. None, and `errno` says why:
    /// EAGAIN, like a shortage, passes.
    [[nodiscard]] descriptor socket_to(int family, address const* client) noexcept;

private:
    struct acceptor final : watcher {
        worker* owner = nullptr;
        std::shared_ptr<listening_socket> socket; ///< null: no longer accepting
        place where;
        bool full = false; ///< does not accept, because its service has all the clients it may have
        void ready(std::uint32_t) override { owner->accept(*this); }
    };

    void accept(acceptor& a);
    void settle(arrival a);
    void begin(arrival a);
    void cut_all();
    bool listen(acceptor& a);
    void resume_accepting();
    void stop_at_limit(acceptor& a);
    void look_for_room();
    void tell_of_room();
    [[nodiscard]] bool let_in(arrival& a);
    void left();
    void serve_unsupplied();
    std::chrono::milliseconds after_batch();
    void tick();

    crew& crew_;
    std::size_t index_;
    event_loop loop_;
    buffer_pool buffers_;
    std::vector<std::unique_ptr<acceptor>> acceptors_;
    std::vector<std::unique_ptr<acceptor>> old_acceptors_; ///< until the batch that may name them is over
    bool paused_ = false;
    bool some_full_ = false; ///< acceptors
    std::atomic<bool> looks_for_room_{false}; ///< as above, for other threads

    session_pool<greeting> greetings_;
    session_pool<tcp_session> tcp_sessions_;
    session_pool<http_session> http_sessions_;
    std::vector<resumable*> to_resume_;
    std::vector<resumable*> resuming_;
    session_list<greeting> greeting_;
    session_list<tcp_session> connecting_;
    session_list<tcp_session> relaying_;
    session_list<http_session> exchanging_;
    socket_line unsupplied_; ///< some of those
    link_pool links_{loop_};
    http_scratch scratch_;
    std::uint64_t number_ = 0;
    event_loop::clock::time_point next_tick_{};
    event_loop::clock::time_point next_idle_check_{};
    std::chrono::milliseconds idle_period_{60'000};
    event_loop::clock::time_point next_http_check_{};
    std::atomic<std::size_t> load_{0};
    std::thread thread_;
};

} // namespace balance::layer7
