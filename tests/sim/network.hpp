// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "event_queue.hpp"
#include "random.hpp"

#include <cluster/types.hpp>

#include <array>
#include <vector>

namespace sim {

inline constexpr std::size_t max_links = 4;

/// A datagram between the nodes. Sessions are numbered instead of being random: nobody forges here.
struct packet {
    enum class kind : std::uint8_t { heartbeat, challenge, response, goodbye };
    kind what = kind::heartbeat;
    std::uint8_t from = 0;
    std::uint8_t link = 0;
    std::uint32_t session = 0;  ///< the sender's
    std::uint32_t token = 0;    ///< challenge: the session that asks; response: the one that is answered
    std::uint64_t sequence = 0; ///< of the sender's session, over all links
    instant sent = 0;
    cluster::node_report report;
};

/// What can go wrong with one link in one direction. Counters, since faults overlap.
struct path {
    int cut = 0;
    int lossy = 0;
    int slow = 0;
    int doubling = 0;
    int shuffling = 0;
};

/// The links, and the datagrams on them.
class network {
public:
    /// What becomes of a datagram: after how long it arrives, once or twice.
    struct fate {
        std::array<instant, 2> delay{};
        std::size_t copies = 0;
    };

    [[nodiscard]] path& at(std::size_t link, std::size_t from) noexcept { return paths_[link][from]; }
    [[nodiscard]] int& interface_down(std::size_t link, std::size_t node) noexcept { return down_[link][node]; }

    /// `slowness` is what a slow link adds at most, `loss` in parts of a million.
    fate decide(random& dice, packet const& p, instant delay, instant jitter, instant slowness, std::uint32_t loss) {
        path const& way = paths_[p.link][p.from];
        if (way.cut > 0 || down_[p.link][0] > 0 || down_[p.link][1] > 0 || (way.lossy > 0 && dice.chance(loss)))
            return {};
        fate f;
        f.copies = way.doubling > 0 && dice.chance(300'000) ? 2 : 1;
        for (std::size_t i = 0; i < f.copies; ++i) {
            f.delay[i] = delay + (jitter > 0 ? dice.between(0, jitter) : 0);
            if (way.slow > 0 || (way.shuffling > 0 && dice.chance(300'000)) || i > 0)
                f.delay[i] += dice.between(0, slowness);
        }
        return f;
    }

    std::uint32_t store(packet const& p) {
        if (free_.empty()) {
            packets_.push_back(p);
            return static_cast<std::uint32_t>(packets_.size() - 1);
        }
        std::uint32_t const i = free_.back();
        free_.pop_back();
        packets_[i] = p;
        return i;
    }
    packet take(std::uint32_t i) {
        free_.push_back(i);
        return packets_[i];
    }

    /// Everything works again.
    void heal() noexcept {
        paths_ = {};
        down_ = {};
    }

private:
    std::array<std::array<path, 2>, max_links> paths_{};
    std::array<std::array<int, 2>, max_links> down_{};
    std::vector<packet> packets_;
    std::vector<std::uint32_t> free_;
};

} // namespace sim
