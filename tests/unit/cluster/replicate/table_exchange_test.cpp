// SPDX-License-Identifier: Apache-2.0
#include <cluster/table_exchange.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <set>
#include <string>

namespace {

using balance::milliseconds;
using balance::persistence_copy;
using balance::persistence_entry;
using cluster::table_exchange;

constexpr table_exchange::limits small{.message = 200, .under_way = 1000, .confirm = 500};

/// A node's copy and what is on its way to it.
struct end {
    explicit end(std::uint64_t instance) : exchange(copy, instance, small) {}

    persistence_copy copy{7};
    table_exchange exchange;
    std::deque<std::string> inbox;
    std::size_t records = 0; ///< bytes of entries that came
};

struct two_nodes {
    std::unique_ptr<end> a = std::make_unique<end>(1);
    std::unique_ptr<end> b = std::make_unique<end>(2);
    std::int64_t now = 0;
    std::uint64_t instances = 2;
    std::uint64_t sequence = 0;

    static void post(end& to, std::vector<std::string> const& messages) { to.inbox.insert(to.inbox.end(), messages.begin(), messages.end()); }
    void connect() {
        cut();
        post(*b, a->exchange.connected());
        post(*a, b->exchange.connected());
    }
    void cut() {
        for (auto* e : {a.get(), b.get()}) {
            e->inbox.clear();
            e->exchange.disconnected();
        }
    }
    /// False: nothing was on its way.
    bool deliver(end& to, end& from) {
        if (to.inbox.empty())
            return false;
        auto const message = to.inbox.front();
        to.inbox.pop_front();
        auto heard = to.exchange.take(message, now);
        REQUIRE(heard.has_value());
        to.records += heard->records.size();
        post(from, heard->answers);
        return true;
    }
    bool confirm(end& from, end& to) {
        if (!from.exchange.owes_confirmation())
            return false;
        post(to, from.exchange.confirm());
        return true;
    }
    void deliver_all() {
        while (deliver(*a, *b) || deliver(*b, *a) || confirm(*a, *b) || confirm(*b, *a)) {
        }
    }
    void write(end& where, end& other, int client, std::string server, int remaining = 1'000'000) {
        persistence_entry const e{"dicom", boost::asio::ip::address_v4(static_cast<unsigned>(client)), std::move(server), ++sequence,
                                  milliseconds(remaining)};
        auto const r = balance::as_record(e);
        where.copy.merge({&r, 1}, persistence_copy::source::here, now);
        post(other, where.exchange.changed(now));
    }
    void restart(std::unique_ptr<end>& which) {
        cut();
        which = std::make_unique<end>(++instances);
    }
    [[nodiscard]] auto entries(end const& e) const { return e.copy.read("", {}, 100'000, now).entries; }
    void check_alike() {
        deliver_all();
        auto const of_a = entries(*a);
        auto const of_b = entries(*b);
        auto const alike = [&](persistence_entry const& x, persistence_entry const& y) { // what was on its way lives on a little longer
            return x.service == y.service && x.client == y.client && x.server == y.server && x.sequence == y.sequence;
        };
        CHECK(std::ranges::equal(of_a, of_b, alike));
        CHECK(a->exchange.peer_has_all());
        CHECK(b->exchange.peer_has_all());
        CHECK(a->exchange.has_all());
        CHECK(b->exchange.has_all());
    }
};

} // namespace

TEST_CASE("both nodes end up with what each had and learnt") {
    two_nodes n;
    n.write(*n.a, *n.b, 1, "x");
    n.write(*n.b, *n.a, 2, "y");
    CHECK(n.a->inbox.empty()); // not connected
    n.connect();
    n.check_alike();
    CHECK(n.entries(*n.a).size() == 2);
    n.write(*n.a, *n.b, 3, "z");
    CHECK_FALSE(n.a->exchange.peer_has_all());
    n.check_alike();
    CHECK(n.entries(*n.b).size() == 3);
}

TEST_CASE("after a break only what is missing is told") {
    two_nodes n;
    for (int i = 0; i < 5000; ++i)
        n.write(*n.a, *n.b, i, "x");
    n.connect();
    n.check_alike();
    CHECK(n.b->records > 5000 * 7);
    CHECK(n.a->records == 0); // nothing came back
    n.cut();
    n.write(*n.a, *n.b, 17, "y");
    n.b->records = 0;
    n.connect();
    n.check_alike();
    CHECK(n.b->records > 0);
    CHECK(n.b->records < 100);
    CHECK(n.a->records == 0);
}

TEST_CASE("a node that was restarted gets everything, also what it once told itself") {
    two_nodes n;
    n.connect();
    for (int i = 0; i < 500; ++i)
        n.write(i % 2 == 0 ? *n.a : *n.b, i % 2 == 0 ? *n.b : *n.a, i, "x");
    n.check_alike();
    n.restart(n.a);
    n.connect();
    n.check_alike();
    CHECK(n.entries(*n.a).size() == 500);
    n.restart(n.b);
    n.connect();
    n.check_alike();
    CHECK(n.entries(*n.b).size() == 500);
}

TEST_CASE("a node has all only after the last piece") {
    two_nodes n;
    for (int i = 0; i < 500; ++i)
        n.write(*n.a, *n.b, i, "x");
    n.connect();
    int pieces = 0;
    while (!n.b->exchange.has_all()) {
        CHECK(n.entries(*n.b).size() < 500);
        REQUIRE((n.deliver(*n.b, *n.a) || n.deliver(*n.a, *n.b)));
        ++pieces;
    }
    CHECK(pieces > 10);
    CHECK(n.entries(*n.b).size() == 500);
    n.cut();
    CHECK_FALSE(n.b->exchange.has_all());
    n.connect();
    n.check_alike();
}

TEST_CASE("a peer that does not confirm is not told for ever, and hears the latest alone afterwards") {
    two_nodes n;
    n.connect();
    n.deliver_all();
    for (int round = 0; round < 100; ++round)
        for (int client = 0; client < 50; ++client)
            n.write(*n.a, *n.b, client, "server" + std::to_string(round % 7));
    std::size_t waiting = 0;
    for (auto const& m : n.b->inbox)
        waiting += m.size();
    CHECK(waiting < small.under_way + 300);
    n.check_alike();
}

TEST_CASE("what is no message is refused and changes nothing") {
    two_nodes n;
    n.connect();
    n.write(*n.a, *n.b, 1, "x");
    n.check_alike();
    auto& e = n.a->exchange;
    CHECK(e.take("", 0).has_error());
    CHECK(e.take(std::string(16, '\x01'), 0).has_error());
    CHECK(e.take(std::string(17, '\x04'), 0).has_error());
    CHECK(e.take("\x02" + std::string(16, '\x01') + "nonsense", 0).has_error());
    n.check_alike();
    auto const beyond = std::string("\x01\0\0\0\0\0\0\0\1", 9) + std::string(8, '\xff'); // it claims to know the future
    n.connect();
    n.a->inbox.push_front(beyond);
    n.check_alike();
}

TEST_CASE("two nodes agree in the end whatever is lost, restarted and written") {
    auto const seed = GENERATE(range(1u, 31u));
    std::mt19937 random(seed);
    auto const below = [&](unsigned most) { return static_cast<int>(random() % most); };
    two_nodes n;
    n.connect();
    for (; n.now < 3000; ++n.now) {
        auto& one = below(2) == 0 ? n.a : n.b;
        auto& other = one == n.a ? n.b : n.a;
        switch (below(40)) {
        case 0: n.cut(); break;
        case 1: n.connect(); break;
        case 2:
            if (below(10) == 0)
                n.restart(one);
            break;
        case 3:
            for (auto const& e : one->copy.clear("dicom", boost::asio::ip::address_v4(static_cast<unsigned>(below(80))), 32, n.now))
                n.sequence = std::max(n.sequence, e.sequence);
            n.post(*other, one->exchange.changed(n.now));
            break;
        default:
            if (below(3) == 0)
                n.write(*one, *other, below(80), std::string(1, static_cast<char>('a' + below(5))));
            else if (!n.deliver(*one, *other))
                n.confirm(*one, *other);
        }
    }
    n.connect();
    n.check_alike();
}
