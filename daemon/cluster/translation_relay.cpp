// SPDX-License-Identifier: Apache-2.0
#include "cluster/translation_relay.hpp"

#include <balance/translation_sync.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <span>
#include <utility>

namespace dyad {

namespace {

/// IPVS tells of a connection when it is two seconds old at least; the translation is there before.
constexpr std::chrono::milliseconds telling_period{200};
constexpr std::chrono::minutes whole_period{5};
constexpr std::chrono::seconds after_a_loss{1};
constexpr std::chrono::seconds after_an_error{60};

/// What the peer told and the kernel has not heard yet. Twice what the peer can tell at a time.
constexpr std::size_t most_waiting = 64u << 20;

} // namespace

/// What happens on the thread. `deliver` and `report` are called there, and take it home.
class translation_relay::worker {
public:
    /// `deliver(messages)`: answered by `delivered`.
    worker(std::function<void(messages)> deliver, std::function<void(std::string)> report)
        : deliver_(std::move(deliver)), report_(std::move(report)) {}
    worker(worker const&) = delete;
    worker& operator=(worker const&) = delete;
    ~worker() { close(); }

    void run() { io_.run(); }
    void stop() { io_.stop(); }
    void follow(order o) {
        boost::asio::post(io_, [this, o = std::move(o)]() mutable { begin(std::move(o)); });
    }
    /// False: too much is waiting already.
    bool restore(std::string message);
    void delivered(bool all) {
        boost::asio::post(io_, [this, all] {
            under_way_ = false;
            if (!all) {
                tell_all_after(after_a_loss);
            }
        });
    }

private:
    void begin(order o);
    void open();
    void close();
    void begin_telling();
    void end_telling();
    void wait();
    void tell_changes_soon();
    void tell_all_after(std::chrono::steady_clock::duration pause);
    void tell_all();
    void deliver(messages told);
    void restored(balance::result<balance::translation_sync::outcome> const& outcome);
    void failed(std::string const& why);

    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
    std::function<void(messages)> deliver_;
    std::function<void(std::string)> report_;
    std::optional<balance::translation_sync> sync_;
    boost::asio::posix::stream_descriptor readable_{io_}; ///< of `sync_`, whose it stays
    boost::asio::steady_timer changes_due_{io_};
    boost::asio::steady_timer all_due_{io_};
    order order_;
    bool telling_ = false;
    bool collecting_ = false; ///< `changes_due_` runs
    bool under_way_ = false;  ///< what was told last has not been sent yet
    std::string last_failure_;
    std::atomic<std::size_t> waiting_{0}; ///< bytes that the peer told
};

void translation_relay::worker::begin(order o) {
    bool const other_sources = o.sources != order_.sources;
    order_ = std::move(o);
    if (order_.sources.empty()) {
        close();
        return;
    }
    if (!sync_) {
        open();
    }
    if (!sync_) {
        return;
    }
    if (other_sources) {
        sync_->set_sources(order_.sources);
    }
    if (order_.telling != telling_) {
        order_.telling ? begin_telling() : end_telling();
    } else if (telling_ && other_sources) {
        tell_all_after({});
    }
}

void translation_relay::worker::open() {
    auto opened = balance::translation_sync::open();
    if (!opened) {
        failed(opened.error().detail);
        return;
    }
    sync_.emplace(std::move(*opened));
    sync_->set_sources(order_.sources);
    readable_.assign(sync_->descriptor());
}

void translation_relay::worker::close() {
    changes_due_.cancel();
    all_due_.cancel();
    telling_ = collecting_ = false;
    if (sync_) {
        readable_.release();
        sync_.reset();
    }
}

void translation_relay::worker::begin_telling() {
    telling_ = true;
    sync_->tell(true);
    wait();
    tell_all();
}

/// The peer may be about to serve: it gets what there is up to now.
void translation_relay::worker::end_telling() {
    telling_ = collecting_ = false;
    changes_due_.cancel();
    all_due_.cancel();
    readable_.cancel();
    [[maybe_unused]] bool const complete = sync_->read(); // the peer's word counts from now on
    deliver(sync_->changes());
    sync_->tell(false);
}

void translation_relay::worker::wait() {
    readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code ec) {
        if (ec || !telling_) {
            return;
        }
        if (!sync_->read()) {
            tell_all_after(after_a_loss);
        }
        tell_changes_soon();
        wait();
    });
}

void translation_relay::worker::tell_changes_soon() {
    if (std::exchange(collecting_, true)) {
        return;
    }
    changes_due_.expires_after(telling_period);
    changes_due_.async_wait([this](boost::system::error_code ec) {
        if (ec || !telling_) {
            return;
        }
        collecting_ = false;
        if (under_way_) {
            tell_changes_soon();
            return;
        }
        deliver(sync_->changes());
    });
}

void translation_relay::worker::tell_all_after(std::chrono::steady_clock::duration pause) {
    if (!telling_) {
        return;
    }
    all_due_.expires_after(pause);
    all_due_.async_wait([this](boost::system::error_code ec) {
        if (!ec && telling_) {
            tell_all();
        }
    });
}

void translation_relay::worker::tell_all() {
    if (under_way_) {
        tell_all_after(after_a_loss);
        return;
    }
    auto all = sync_->all();
    if (!all) {
        failed(all.error().detail);
        tell_all_after(after_an_error);
        return;
    }
    last_failure_.clear();
    deliver(std::move(*all));
    tell_all_after(whole_period);
}

void translation_relay::worker::deliver(messages told) {
    if (!told.empty()) {
        under_way_ = true;
        deliver_(std::move(told));
    }
}

bool translation_relay::worker::restore(std::string message) {
    auto const size = message.size();
    if (waiting_.load() + size > most_waiting) {
        boost::asio::post(io_, [this] {
            // What was lost may be a part of all: what it did not name must not be taken for gone.
            auto const order = order_;
            close();
            begin(order);
        });
        return false;
    }
    waiting_ += size;
    boost::asio::post(io_, [this, message = std::move(message)] {
        waiting_ -= message.size();
        if (sync_) {
            restored(sync_->restore(std::as_bytes(std::span(message)), order_.serving));
        }
    });
    return true;
}

void translation_relay::worker::restored(balance::result<balance::translation_sync::outcome> const& outcome) {
    if (!outcome) {
        failed(outcome.error().detail);
    } else if (outcome->refused > 0) {
        failed("the kernel did not take connections of the peer: " + outcome->why);
    }
}

void translation_relay::worker::failed(std::string const& why) {
    if (why != std::exchange(last_failure_, why)) {
        report_(why);
    }
}

translation_relay::translation_relay(boost::asio::any_io_executor home, std::function<bool(std::string_view)> send,
                                     std::function<void(std::string const&)> report)
    : send_(std::move(send)), report_(std::move(report)) {
    auto deliver = [this, home, alive = alive_](messages told) {
        boost::asio::post(home, [this, alive, told = std::move(told)] {
            if (*alive) {
                worker_->delivered(tell(told));
            }
        });
    };
    auto tell_home = [this, home, alive = alive_](std::string why) {
        boost::asio::post(home, [this, alive, why = std::move(why)] {
            if (*alive) {
                report_(why);
            }
        });
    };
    worker_ = std::make_shared<worker>(std::move(deliver), std::move(tell_home));
    thread_ = std::thread([w = worker_] { w->run(); });
}

translation_relay::~translation_relay() {
    *alive_ = false;
    worker_->stop();
    thread_.join();
}

void translation_relay::follow(order o) {
    if (o != last_) {
        last_ = o;
        worker_->follow(std::move(o));
    }
}

void translation_relay::from_peer(std::string_view message) {
    ++counted_.received;
    if (!worker_->restore(std::string(message))) {
        report_("the peer tells of more translated connections than the kernel takes in");
    }
}

/// All in one go, so that no part of all goes through one connection and the next part through another.
bool translation_relay::tell(messages const& told) {
    for (auto const& m : told) {
        if (!send_({reinterpret_cast<char const*>(m.data()), m.size()})) {
            return false;
        }
        ++counted_.sent;
    }
    return true;
}

} // namespace dyad
