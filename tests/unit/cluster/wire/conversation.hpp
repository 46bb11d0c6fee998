// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "net/openssl_suite.hpp"
#include "wire/own_session.hpp"
#include "wire/session_book.hpp"

#include <cluster/key.hpp>

#include <chrono>
#include <memory>
#include <vector>

namespace wire_test {

using namespace cluster;
using namespace cluster::wire;
using namespace std::chrono_literals;
using frame = std::vector<std::uint8_t>;
using kind = verdict::kind;

inline time_point const start{1000s};

inline key test_key(std::uint8_t seed = 0) {
    std::array<std::uint8_t, key::size> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(i + seed);
    }
    return key{bytes};
}

/// One life of one node: its session and its book.
struct life {
    explicit life(node_id self, key const& k = test_key(), time_point now = start, std::size_t links = 2)
        : suite(net::make_openssl_suite(k)), session(*suite, self), book({self, links, 1000ms}, *suite, now) {}

    frame beat(std::size_t link, time_point now, node_report const& report = {}) {
        heartbeat h;
        h.report = report;
        book.fill(h, now);
        return seal(link, h);
    }
    frame seal(std::size_t link, heartbeat h) {
        own_session::frame_buffer out{};
        auto const size = session.seal(link, h, out);
        return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
    }
    verdict hear(frame const& f, time_point now, std::size_t link = 0) { return book.receive(link, f, now); }
    std::uint64_t rejected(reject r, std::size_t link = 0) const {
        return book.counters(link).rejected[static_cast<std::size_t>(r)];
    }

    std::unique_ptr<wire::suite> suite;
    own_session session;
    session_book book;
};

/// Lets both exchange heartbeats on link 0 until they believe each other.
inline void introduce(life& a, life& b, time_point now) {
    for (int i = 0; i < 3; ++i) {
        b.hear(a.beat(0, now), now);
        a.hear(b.beat(0, now), now);
    }
}

/// What a datagram must not change: what the node believes, and what it would say next.
struct belief {
    explicit belief(life& l, time_point now) : believes(l.book.believes()), newest(l.book.newest()) {
        l.book.fill(said, now);
    }
    bool believes;
    heartbeat newest;
    heartbeat said{};

    bool operator==(belief const&) const = default;
};

} // namespace wire_test
