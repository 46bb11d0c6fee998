// SPDX-License-Identifier: Apache-2.0
#include "cluster/layer4_observer.hpp"

#include <algorithm>
#include <utility>

namespace dyad {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortest_settling{
    250}; ///< what comes meanwhile is seen by the same look; what we did ourselves, too
constexpr milliseconds longest_settling{1500};
constexpr std::chrono::seconds open_period{10};
constexpr int share = 200;     ///< of a processor, for looks that nothing asked for
constexpr int told_share = 10; ///< and for those that something did
constexpr std::chrono::minutes longest_rest{1};

} // namespace

layer4_observer::layer4_observer(boost::asio::any_io_executor executor, layer4_worker& worker,
                                 std::function<void()> look)
    : worker_(worker), look_(std::move(look)), events_(executor), settle_(executor), settle_period_(shortest_settling) {
}

void layer4_observer::looked(std::chrono::microseconds cost, bool found, bool wanted) {
    auto const now = clock::now();
    bool const told = std::exchange(told_, false);
    auto const least = std::chrono::ceil<milliseconds>(cost * told_share);
    settle_period_ = told && !found ? settle_period_ * 2 : shortest_settling;
    settle_period_ = std::clamp(std::max(settle_period_, least), shortest_settling, longest_settling);
    // A request is told before it is carried out, so what a told look did not find may come yet.
    again_ = now + (told || found ? clock::duration(longest_settling)
                                  : std::min<clock::duration>(cost * share, longest_rest));
    if (watch_ && (!wanted || watch_->blind())) {
        end();
    }
    if (!wanted) {
        error_.clear();
    } else if (!watch_ && !opening_ && now >= open_again_) {
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
        if (!opened) {
            return;
        }
        boost::system::error_code ec;
        events_.assign((*opened)->descriptor(), ec);
        if (ec) {
            error_ = ec.message();
            worker.end_watch(std::move(*opened));
            return;
        }
        watch_ = std::move(*opened);
        wait();
        look_soon(); // for what was changed before
    });
}

void layer4_observer::end() {
    if (watch_) {
        events_.release(); // the watch's own
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
    auto const now = clock::now();
    if (now - std::exchange(told_at_, now) > 2 * longest_settling) {
        settle_period_ = shortest_settling; // it was quiet
    }
    settle_.expires_after(settle_period_);
    settle_.async_wait([this, alive = std::weak_ptr<bool>(alive_)](boost::system::error_code ec) {
        if (!ec && !alive.expired()) {
            settling_ = false;
            told_ = true;
            look_();
        }
    });
}

} // namespace dyad
