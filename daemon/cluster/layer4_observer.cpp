// SPDX-License-Identifier: Apache-2.0
#include "cluster/layer4_observer.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace dyad {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds settle_period{
    250}; ///< what comes meanwhile is seen by the same look; what we did ourselves, too
constexpr std::chrono::seconds open_period{30};
constexpr int share = 100; ///< of a processor, for looks that nothing asked for
constexpr std::chrono::minutes longest{1};

} // namespace

layer4_observer::layer4_observer(boost::asio::any_io_executor executor, layer4_worker& worker,
                                 std::function<void()> look)
    : worker_(worker), look_(std::move(look)), events_(executor), settle_(executor) {}

void layer4_observer::looked(std::chrono::microseconds cost, bool wanted) {
    again_ = clock::now() + std::min<clock::duration>(cost * share, longest);
    if (watch_ && (!wanted || watch_->blind())) {
        end();
    }
    if (wanted && !watch_ && !opening_ && clock::now() >= open_again_) {
        begin();
    }
}

bool layer4_observer::due() const { return !watch_ || watch_->blind() || clock::now() >= again_; }

void layer4_observer::stop() {
    alive_.reset();
    settle_.cancel();
    end();
}

void layer4_observer::begin() {
    opening_ = true;
    open_again_ = clock::now() + open_period;
    worker_.start_watch([this, &worker = worker_, alive = std::weak_ptr<bool>(alive_)](auto opened) {
        if (alive.expired()) {
            if (opened) {
                worker.end_watch(std::move(*opened));
            }
            return;
        }
        opening_ = false;
        error_ = opened ? std::string() : opened.error().detail;
        if (opened) {
            watch_ = std::move(*opened);
            events_.assign(::dup(watch_->descriptor()));
            wait();
            look_soon(); // for what was changed before
        }
    });
}

void layer4_observer::end() {
    boost::system::error_code ignored;
    events_.close(ignored);
    if (watch_) {
        worker_.end_watch(std::exchange(watch_, nullptr));
    }
}

void layer4_observer::wait() {
    events_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [this, alive = std::weak_ptr<bool>(alive_)](boost::system::error_code ec) {
                           if (ec || alive.expired() || !watch_) {
                               return;
                           }
                           if (watch_->changed()) {
                               look_soon();
                           }
                           if (!watch_->blind()) {
                               wait();
                           }
                       });
}

void layer4_observer::look_soon() {
    if (std::exchange(settling_, true)) {
        return;
    }
    settle_.expires_after(settle_period);
    settle_.async_wait([this, alive = std::weak_ptr<bool>(alive_)](boost::system::error_code ec) {
        if (!ec && !alive.expired()) {
            settling_ = false;
            look_();
        }
    });
}

} // namespace dyad
