// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/buffer_pool.hpp"
#include "proxy/event_loop.hpp"
#include "proxy/listening_socket.hpp"
#include "proxy/session.hpp"

#include <balance/proxy.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace balance::layer7 {

class worker;

/// What the threads of a proxy have in common.
struct crew {
    proxy::settings settings;
    std::vector<std::unique_ptr<worker>> workers;
    std::atomic<std::size_t> connections{0}; ///< of all threads

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
    void accept_on(std::shared_ptr<listening_socket> socket, std::shared_ptr<service> s);
    void stop_accepting(std::shared_ptr<listening_socket> socket);
    void cut_the_dead(); ///< sessions whose server's life has ended
    [[nodiscard]] std::size_t load() const noexcept { return load_.load(std::memory_order_relaxed); }

    // For sessions, on its own thread.
    [[nodiscard]] event_loop& loop() noexcept { return loop_; }
    [[nodiscard]] buffer_pool& buffers() noexcept { return buffers_; }
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    [[nodiscard]] session_list& connecting() noexcept { return connecting_; }
    [[nodiscard]] session_list& relaying() noexcept { return relaying_; }
    void resume_later(session& s) { to_resume_.push_back(&s); }
    void retire(session& s);
    void learnt(persistence_entry const& e);
    /// Accepts nothing for a moment: the machine has no room.
    void rest();

private:
    struct acceptor final : watcher {
        worker* owner = nullptr;
        std::shared_ptr<listening_socket> socket; ///< null: no longer accepting
        std::shared_ptr<layer7::service> service;
        void ready(std::uint32_t) override { owner->accept(*this); }
    };

    void accept(acceptor& a);
    void settle(arrival a);
    void begin(arrival a);
    bool listen(acceptor& a);
    void resume_accepting();
    std::chrono::milliseconds after_batch();
    void tick();

    crew& crew_;
    std::size_t index_;
    event_loop loop_;
    buffer_pool buffers_;
    std::vector<std::unique_ptr<acceptor>> acceptors_;
    std::vector<std::unique_ptr<acceptor>> old_acceptors_; ///< until the batch that may name them is over
    bool paused_ = false;

    std::vector<std::unique_ptr<session>> sessions_; ///< all there are, in use or not
    std::vector<session*> free_;
    std::vector<session*> retired_; ///< until the batch that may name them is over
    std::vector<session*> to_resume_;
    std::vector<session*> resuming_;
    session_list connecting_;
    session_list relaying_;
    event_loop::clock::time_point next_tick_{};
    event_loop::clock::time_point next_idle_check_{};
    std::atomic<std::size_t> load_{0};
    std::thread thread_;
};

} // namespace balance::layer7
