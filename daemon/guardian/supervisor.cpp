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
                [this](running_child&, boost::json::object const& m) { on_cluster_message(m); }}),
      checker_(io_, {"checker", std::move(settings.checker), {}, nullptr},
               {[this] { on_checker_started(); }, [this](child_end) { leave_when_alone(); },
                [](running_child&, boost::json::object const&) {}}),
      proxies_(io_, {"proxy", std::move(settings.proxy), {}, nullptr}, settings.proxy_patience,
               {[this](running_child& proxy) { on_proxy_started(proxy); }, [this] { leave_when_alone(); },
                [this] { on_proxies_changed(); },
                [this](running_child& from, boost::json::object const& m) { on_proxy_message(from, m); }}),
      program_path_(std::move(settings.program)), proxy_arguments_(std::move(settings.proxy_arguments)) {
    signals_.assign(open_signals());
}

int supervisor::run() {
    wait_for_signals();
    pet_watchdog();
    cluster_.start();
    checker_.start();
    proxies_.start();
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
    if (checker_.running()) {
        on_checker_started();
    }
    if (proxies_.serving().running()) {
        cluster_.send(proxies_.serving().describe());
    }
    for (auto* proxy : proxies_.all()) {
        connect(*proxy, "proxy", proxies_.serving().restarts());
    }
    cluster_.send(proxies_.describe());
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

void supervisor::on_checker_started() {
    cluster_.send(checker_.describe());
    connect(*checker_.child(), checker_.name(), checker_.restarts());
}

void supervisor::on_proxy_started(running_child& proxy) {
    if (&proxy == proxies_.serving().child()) {
        on_proxies_changed();
    }
    listener_change all;
    for (auto const& [local, socket] : listeners_.held()) {
        all.open.push_back(local);
    }
    if (!all.open.empty() || !listeners_.failed().empty()) {
        pass_listeners(all, proxy); // before it is connected, so that it has its sockets when its configuration comes
    }
    connect(proxy, "proxy", proxies_.serving().restarts());
}

void supervisor::on_proxies_changed() {
    if (proxies_.serving().running()) {
        cluster_.send(proxies_.serving().describe());
    }
    cluster_.send(proxies_.describe());
}

void supervisor::connect(running_child& worker, std::string const& role, std::uint64_t restarts) {
    if (!cluster_.running()) {
        return;
    }
    auto const sockets = ipc::socket_pair();
    if (!sockets) {
        spdlog::error("cluster and {} process cannot be connected: {}", role, sockets.error().detail);
        return;
    }
    boost::json::object const attach{{"type", "attach"}, {"role", role}, {"pid", worker.pid()}, {"restarts", restarts}};
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
    cluster_.retire();
    checker_.retire();
    proxies_.retire();
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
    checker_.retire();
    proxies_.retire();
    checker_.signal(SIGTERM);
    proxies_.signal(SIGTERM);
    stop_timer_.expires_after(worker_stop_limit);
    stop_timer_.async_wait([this](boost::system::error_code ec) {
        if (!ec) {
            checker_.signal(SIGKILL);
            proxies_.signal(SIGKILL);
        }
    });
    leave_when_alone();
}

void supervisor::leave_when_alone() {
    if (phase_ == phase::stopping_rest && !cluster_.running() && !checker_.running() && !proxies_.any_running()) {
        io_.stop();
    }
}

} // namespace dyad
