// SPDX-License-Identifier: Apache-2.0
#include "cluster/connection_relay.hpp"

#include "cluster/monotonic.hpp"

#include <span>
#include <utility>

namespace dyad {

namespace {

constexpr std::int64_t longest_interest_ms = 15 * 60 * 1000;

std::string_view as_text(std::vector<std::byte> const& bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

} // namespace

void sync_backlog::add(std::string datagram, std::int64_t now_ms) {
    bytes_ += datagram.size();
    kept_.push_back({now_ms, std::move(datagram)});
    while (!kept_.empty() && (bytes_ > most_bytes_ || now_ms - kept_.front().at_ms > longest_interest_ms)) {
        bytes_ -= kept_.front().datagram.size();
        kept_.pop_front();
    }
}

void sync_backlog::forget() noexcept {
    kept_.clear();
    bytes_ = 0;
}

void sync_backlog::each(std::int64_t now_ms, std::function<void(std::string_view)> const& use) const {
    for (auto const& e : kept_) {
        if (now_ms - e.at_ms <= longest_interest_ms) {
            use(e.datagram);
        }
    }
}

connection_relay::connection_relay(boost::asio::any_io_executor executor,
                                   std::shared_ptr<balance::connection_sync> sync,
                                   std::function<bool(std::string_view)> send)
    : sync_(std::move(sync)), readable_(executor, sync_->descriptor()), send_(std::move(send)) {
    wait();
}

connection_relay::~connection_relay() { readable_.release(); }

void connection_relay::wait() {
    readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code ec) {
        if (ec) {
            return;
        }
        while (auto const datagram = sync_->read()) {
            std::string text(as_text(*datagram));
            tell(text);
            backlog_.add(std::move(text), monotonic_ms());
        }
        wait();
    });
}

void connection_relay::tell(std::string_view datagram) {
    if (send_(datagram)) {
        ++counted_.sent;
    }
}

void connection_relay::play_back() {
    backlog_.each(monotonic_ms(), [this](std::string_view datagram) { tell(datagram); });
}

void connection_relay::from_peer(std::string_view datagram) {
    ++counted_.received;
    backlog_.add(std::string(datagram), monotonic_ms()); // to be told to the peer that comes back, should this node take over
    sync_->deliver(std::as_bytes(std::span(datagram)));
}

} // namespace dyad
