// SPDX-License-Identifier: Apache-2.0
#include "conntrack/pending.hpp"
#include "samples.hpp"

#include <catch2/catch.hpp>

using namespace sample;

TEST_CASE("of each connection the newest change is told, once") {
    pending_changes pending;
    auto closing = tcp(40000, 1);
    closing.state = TCP_CONNTRACK_CLOSE_WAIT;
    CHECK(pending.add(kept(tcp(40000, 1))));
    CHECK(pending.add(kept(tcp(40001, 2))));
    CHECK(pending.add(kept(closing)));
    CHECK(pending.take() == std::vector<change>{kept(closing), kept(tcp(40001, 2))});
    CHECK(pending.empty());
    CHECK(pending.take().empty());
}

TEST_CASE("those that are gone come first, since others may have their translation") {
    pending_changes pending;
    CHECK(pending.add(kept(tcp(40000, 7))));
    CHECK(pending.add(gone(tcp(50000, 7))));
    CHECK(pending.take() == std::vector<change>{gone(tcp(50000, 7)), kept(tcp(40000, 7))});
}

TEST_CASE("a connection that has ended is gone, and comes back when its port is used again") {
    auto const state = GENERATE(TCP_CONNTRACK_TIME_WAIT, TCP_CONNTRACK_CLOSE);
    pending_changes pending;
    auto over = tcp(40000, 1);
    over.state = static_cast<std::uint8_t>(state);
    CHECK(pending.add(kept(over)));
    CHECK(pending.take() == std::vector<change>{gone(over)});
    CHECK(pending.add(kept(over)));
    CHECK(pending.add(kept(tcp(40000, 2))));
    CHECK(pending.take() == std::vector<change>{kept(tcp(40000, 2))});
}

TEST_CASE("a notice without the state does not hide the state told before") {
    pending_changes pending;
    auto closing = tcp(40000, 1);
    closing.state = TCP_CONNTRACK_CLOSE_WAIT;
    auto silent = tcp(40000, 1);
    silent.state = 0;
    CHECK(pending.add(kept(closing)));
    CHECK(pending.add(kept(silent)));
    CHECK(pending.take() == std::vector<change>{kept(closing)});
    CHECK(pending.add(kept(closing)));
    silent.reply = tcp(40000, 2).reply; // another connection from the same port
    CHECK(pending.add(kept(silent)));
    CHECK(pending.take() == std::vector<change>{kept(silent)});
}

TEST_CASE("there is room for so many connections, and for news of those") {
    pending_changes pending(2);
    CHECK(pending.add(kept(tcp(1, 1))));
    CHECK(pending.add(kept(tcp(2, 2))));
    CHECK_FALSE(pending.add(kept(tcp(3, 3))));
    CHECK(pending.add(gone(tcp(1, 1))));
    CHECK(pending.take() == std::vector<change>{gone(tcp(1, 1)), kept(tcp(2, 2))});
    CHECK(pending.add(kept(tcp(3, 3))));
    pending.forget();
    CHECK(pending.empty());
}

TEST_CASE("only assured connections with one of our sources are translated ones") {
    std::vector<balance::address> const ours{end(service, 0).address, end(source, 0).address};
    CHECK(is_translated(tcp(40000, 1), ours));
    CHECK_FALSE(is_translated(tcp(40000, 1), std::span(ours).first(1)));
    auto young = tcp(40000, 1);
    young.status &= ~static_cast<std::uint32_t>(IPS_ASSURED);
    CHECK_FALSE(is_translated(young, ours));
    auto untranslated = tcp(40000, 1);
    untranslated.status &= ~static_cast<std::uint32_t>(IPS_SRC_NAT);
    CHECK_FALSE(is_translated(untranslated, ours));
    auto own = tcp(40000, 1); // this node's own, from the same address
    own.key.original.source = own.reply.destination;
    CHECK_FALSE(is_translated(own, ours));
}
