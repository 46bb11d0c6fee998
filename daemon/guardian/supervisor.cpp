// SPDX-License-Identifier: Apache-2.0
#include "guardian/supervisor.hpp"

#include "cluster/process.hpp"
#include "ipc/channel.hpp"

#include <spdlog/spdlog.h>

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <system_error>
#include <utility>

namespace dyad {

namespace {

/// Together at most 5 s: a hand-over takes 2 s at most, workers have nothing to finish.
constexpr std::chrono::milliseconds cluster_stop_limit{4800};
constexpr std::chrono::milliseconds worker_stop_limit{500};

int open_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (int const number : {SIGTERM, SIGINT, SIGHUP}) {
        ::sigaddset(&set, number);
    }
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    int const fd = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        throw std::system_error(errno, std::generic_category(), "signalfd");
    }
    return fd;
}

} // namespace

supervisor::supervisor(guardian_settings settings, std::vector<int> locks)
    : will_(std::move(settings.remove_addresses), std::move(settings.send_goodbyes)),
      stall_(io_, *liveness_.get(), [this] { on_stall(); }),
      cluster_(io_, {"cluster", std::move(settings.cluster), std::move(locks), liveness_.get()},
               {[this] { on_cluster_started(); }, [this](child_end how) { on_cluster_ended(how); },
                [this](boost::json::object const& m, auto&&) { on_cluster_message(m); }}),
      checker_(io_, {"checker", std::move(settings.checker), {}, nullptr},
               {[this] { on_worker_started(checker_); }, [this](child_end) { on_worker_ended(); },
                [](boost::json::object const&, auto&&) {}}),
      proxy_(io_, {"proxy", std::move(settings.proxy), {}, nullptr},
             {[this] { on_worker_started(proxy_); }, [this](child_end) { on_worker_ended(); },
              [this](boost::json::object const& m, auto&&) { on_proxy_message(m); }}) {
    signals_.assign(open_signals());
}

int supervisor::run() {
    wait_for_signals();
    pet_watchdog();
    cluster_.start();
    checker_.start();
    proxy_.start();
    io_.run();
    return exit_code_;
}

void supervisor::wait_for_signals() {
    signals_.async_wait(signals_.wait_read, [this](boost::system::error_code ec) {
        signalfd_siginfo info{};
        while (!ec && ::read(signals_.native_handle(), &info, sizeof info) == sizeof info) {
            on_signal(static_cast<int>(info.ssi_signo));
        }
        if (!ec) {
            wait_for_signals();
        }
    });
}

void supervisor::on_signal(int number) {
    if (number == SIGHUP) {
        cluster_.send({{"type", "reload"}});
        return;
    }
    begin_stop();
}

void supervisor::pet_watchdog() {
    auto const interval = notifier_.watchdog_interval();
    if (interval.count() == 0) {
        return;
    }
    notifier_.send("WATCHDOG=1");
    watchdog_timer_.expires_after(interval / 2);
    watchdog_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            pet_watchdog();
        }
    });
}

void supervisor::on_cluster_started() {
    leaving_ = false;
    auto const up = std::chrono::steady_clock::now() - started_at_;
    cluster_.send({{"type", "process"},
                   {"name", "guardian"},
                   {"pid", ::getpid()},
                   {"restarts", 0},
                   {"up_ms", std::chrono::duration_cast<std::chrono::milliseconds>(up).count()},
                   {"quick_deaths", 0},
                   {"reason", ""}});
    cluster_.send(cluster_.describe());
    for (auto* worker : {&checker_, &proxy_}) {
        if (worker->running()) {
            cluster_.send(worker->describe());
            connect(*worker);
        }
    }
}

void supervisor::on_cluster_ended(child_end how) {
    stall_.forget();
    liveness_.get()->store(0);
    stop_timer_.cancel();
    if (!how.clean() || !leaving_) {
        will_.execute();
    }
    if (phase_ == phase::stopping_cluster) {
        return end_rest();
    }
    bool const final = how.exited && (how.code == exit_refused || how.code == exit_configuration);
    if (phase_ == phase::running && final && !was_ready_ && cluster_.restarts() == 0) {
        exit_code_ = 1; // it said why on stderr; trying again would only say it again
        cluster_.retire();
        end_rest();
    }
}

void supervisor::on_stall() {
    spdlog::critical(
        "the heartbeat thread of the cluster process (pid {}) stands still: it is killed, and its floating "
        "addresses are taken off",
        cluster_.pid());
    cluster_.signal(SIGKILL);
    will_.take_addresses_off(); // again, and with the goodbye, when it is dead for certain
}

void supervisor::on_worker_started(supervised& worker) {
    cluster_.send(worker.describe());
    if (&worker == &proxy_) {
        listener_change all;
        for (auto const& [local, socket] : listeners_.held()) {
            all.open.push_back(local);
        }
        if (!all.open.empty() || !listeners_.failed().empty()) {
            pass_listeners(all); // before it is connected, so that it has its sockets when its configuration comes
        }
    }
    connect(worker);
}

void supervisor::on_worker_ended() { leave_when_alone(); }

void supervisor::connect(supervised& worker) {
    if (!cluster_.running() || !worker.running()) {
        return;
    }
    auto const sockets = ipc::socket_pair();
    if (!sockets) {
        spdlog::error("cluster and {} process cannot be connected: {}", worker.name(), sockets.error().detail);
        return;
    }
    boost::json::object const attach{
        {"type", "attach"}, {"role", worker.name()}, {"pid", worker.pid()}, {"restarts", worker.restarts()}};
    std::array const first{sockets->first.get()};
    std::array const second{sockets->second.get()};
    cluster_.send(attach, first);
    worker.send(attach, second);
}

void supervisor::begin_stop() {
    if (phase_ != phase::running) {
        return;
    }
    spdlog::info("stopping: the cluster process hands over and leaves");
    notifier_.send("STOPPING=1");
    phase_ = phase::stopping_cluster;
    for (auto* child : {&cluster_, &checker_, &proxy_}) {
        child->retire();
    }
    if (!cluster_.running()) {
        return end_rest();
    }
    cluster_.send({{"type", "stop"}});
    expect_cluster_end();
}

/// It is not watched any more once its heartbeat thread has ended.
void supervisor::expect_cluster_end() {
    stop_timer_.expires_after(cluster_stop_limit);
    stop_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            spdlog::error("the cluster process did not leave in time: it is killed");
            cluster_.signal(SIGKILL);
        }
    });
}

void supervisor::end_rest() {
    phase_ = phase::stopping_rest;
    for (auto* worker : {&checker_, &proxy_}) {
        worker->retire();
        worker->signal(SIGTERM);
    }
    stop_timer_.expires_after(worker_stop_limit);
    stop_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            checker_.signal(SIGKILL);
            proxy_.signal(SIGKILL);
        }
    });
    leave_when_alone();
}

void supervisor::leave_when_alone() {
    if (phase_ == phase::stopping_rest && !cluster_.running() && !checker_.running() && !proxy_.running()) {
        io_.stop();
    }
}

} // namespace dyad
