// SPDX-License-Identifier: Apache-2.0
// Two nodes replace their key, and everything that can happen to them happens at every step of it.
#include <cluster/key_rotation.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <unordered_map>
#include <vector>

using namespace cluster;
using change = key_rotation::store::change;

namespace {

constexpr std::uint64_t first = 1;

using message = std::variant<key_rotation::holds, key_rotation::offer, key_rotation::refused>;

struct side {
    held_keys disk{first};
    key_rotation machine;
    std::optional<key_rotation::store> pending;
    bool written = false; ///< the pending change, and it is in force
    std::deque<message> inbox;
    unsigned failures = 0; ///< told to the operator

    explicit side(node_id self) : machine(self, {first}) {}
    bool accepts(std::uint64_t key) const {
        return key == disk.current || (key != 0 && (key == disk.next || key == disk.previous));
    }
    bool operator==(side const&) const = default;
};

held_keys after(held_keys k, key_rotation::store const& s) {
    switch (s.what) {
    case change::keep_next: return {k.current, s.key, k.previous};
    case change::drop_next: return {k.current, 0, k.previous};
    case change::switch_over: return {k.next, 0, k.current};
    case change::drop_previous: return {k.current, k.next, 0};
    }
    return k;
}

/// The pair, the wire between them, and what is left of the faults that may happen.
struct world {
    std::array<side, 2> sides{side{node_id::primary}, side{node_id::secondary}};
    bool connected = false;
    unsigned faults = 0;
    std::uint64_t next_key = first + 1;
    unsigned starts = 0; ///< left

    bool operator==(world const&) const = default;

    static node_id id(std::size_t i) { return i == 0 ? node_id::primary : node_id::secondary; }

    void take(std::size_t i, key_rotation::actions const& actions) {
        bool again = false;
        for (auto const& a : actions) {
            if (auto const* s = std::get_if<key_rotation::store>(&a)) {
                REQUIRE_FALSE(sides[i].pending);
                sides[i].pending = *s;
                sides[i].written = false;
            } else if (std::holds_alternative<key_rotation::reconnect>(a)) {
                again = true;
            } else if (std::holds_alternative<key_rotation::failed>(a)) {
                ++sides[i].failures;
            } else if (connected) {
                std::visit(
                    [&](auto const& m) {
                        if constexpr (std::is_constructible_v<message, decltype(m)>) {
                            sides[1 - i].inbox.push_back(m);
                        }
                    },
                    a);
            }
        }
        if (again) {
            disconnect();
        }
    }
    void connect() {
        auto const key = sides[1].disk.current; // the secondary opens it
        if (!sides[0].accepts(key)) {
            return;
        }
        connected = true;
        for (std::size_t i : {0u, 1u}) {
            take(i, sides[i].machine.connected(key));
        }
    }
    void disconnect() {
        connected = false;
        for (std::size_t i : {0u, 1u}) {
            sides[i].inbox.clear();
            take(i, sides[i].machine.disconnected());
        }
    }
    void deliver(std::size_t i) {
        auto const m = sides[i].inbox.front();
        sides[i].inbox.pop_front();
        take(i, std::visit([&](auto const& what) { return sides[i].machine.heard(what); }, m));
    }
    void write(std::size_t i) {
        sides[i].disk = after(sides[i].disk, *sides[i].pending);
        sides[i].written = true;
    }
    void finish(std::size_t i, char const* failure) {
        sides[i].pending.reset();
        sides[i].written = false;
        take(i, sides[i].machine.stored(sides[i].disk, failure));
    }
    void crash(std::size_t i) {
        disconnect();
        auto const disk = sides[i].disk;
        sides[i] = side{id(i)};
        sides[i].disk = disk;
        sides[i].machine = key_rotation{id(i), disk};
    }
    void heartbeat(std::size_t to) {
        auto const key = sides[1 - to].disk.current;
        if (sides[to].accepts(key)) {
            take(to, sides[to].machine.heartbeat(key));
        }
    }

    using step = std::function<void(world&)>;
    /// Everything that may happen now; what is no fault first.
    std::vector<step> steps(bool with_faults) const {
        std::vector<step> out;
        for (std::size_t i : {0u, 1u}) {
            auto const& s = sides[i];
            if (!s.inbox.empty()) {
                out.push_back([i](world& w) { w.deliver(i); });
            }
            if (s.pending && !s.written) {
                out.push_back([i](world& w) { w.write(i); });
            }
            if (s.pending && s.written) {
                out.push_back([i](world& w) { w.finish(i, ""); });
            }
            if (s.machine.failed_to_store()) {
                out.push_back([i](world& w) { w.take(i, w.sides[i].machine.again()); });
            }
            out.push_back([i](world& w) { w.heartbeat(i); });
        }
        if (!connected) {
            out.push_back([](world& w) { w.connect(); });
        }
        for (std::size_t i : {0u, 1u}) {
            if (starts > 0) {
                out.push_back([i](world& w) {
                    if (auto const begun = w.sides[i].machine.start(w.next_key); begun) {
                        --w.starts;
                        ++w.next_key;
                        w.take(i, *begun);
                    }
                });
            }
            if (!with_faults || faults == 0) {
                continue;
            }
            out.push_back([i](world& w) {
                --w.faults;
                w.crash(i);
            });
            if (sides[i].pending && !sides[i].written) {
                out.push_back([i](world& w) {
                    --w.faults;
                    w.finish(i, "no space left");
                });
            }
        }
        if (with_faults && faults > 0 && connected) {
            out.push_back([](world& w) {
                --w.faults;
                w.disconnect();
            });
        }
        return out;
    }
    std::size_t digest() const {
        std::size_t h = connected + 2 * faults + 16 * starts + 64 * next_key;
        for (auto const& s : sides) {
            for (auto const n : {s.disk.current, s.disk.next, s.disk.previous, std::uint64_t{s.inbox.size()},
                                 std::uint64_t{s.pending ? 1u + static_cast<unsigned>(s.pending->what) : 0u}}) {
                h = h * 31 + n;
            }
        }
        return h;
    }
    bool is_at_rest() const {
        auto const plain = [](side const& s) { return s.disk.next == 0 && s.disk.previous == 0 && !s.machine.under_way(); };
        return connected && plain(sides[0]) && plain(sides[1]) && sides[0].disk == sides[1].disk && sides[0].inbox.empty() &&
               sides[1].inbox.empty();
    }
    /// Without faults everything that can happen does, in turn.
    bool comes_to_rest() {
        starts = 0;
        for (unsigned i = 0; i < 200; ++i) {
            if (is_at_rest()) {
                return true;
            }
            auto const possible = steps(false);
            possible[i % possible.size()](*this);
        }
        return false;
    }
    bool both_hear_each_other() const {
        return sides[0].accepts(sides[1].disk.current) && sides[1].accepts(sides[0].disk.current);
    }
};

/// Visits every state that can be reached; the number of them.
std::size_t explore(world const& begin, std::function<void(world const&)> const& look) {
    std::unordered_map<std::size_t, std::vector<world>> seen;
    std::deque<world> waiting{begin};
    std::size_t count = 0;
    auto const is_new = [&](world const& w) {
        auto& bucket = seen[w.digest()];
        if (std::find(bucket.begin(), bucket.end(), w) != bucket.end()) {
            return false;
        }
        bucket.push_back(w);
        return true;
    };
    is_new(begin);
    while (!waiting.empty()) {
        auto const w = waiting.front();
        waiting.pop_front();
        ++count;
        look(w);
        for (auto const& step : w.steps(true)) {
            auto next = w;
            step(next);
            if (is_new(next)) {
                waiting.push_back(std::move(next));
            }
        }
    }
    return count;
}

world connected_pair() {
    world w;
    w.connect();
    while (!w.sides[0].inbox.empty() || !w.sides[1].inbox.empty()) {
        for (std::size_t i : {0u, 1u}) {
            if (!w.sides[i].inbox.empty()) {
                w.deliver(i);
            }
        }
    }
    return w;
}

} // namespace

TEST_CASE("the key of a pair is replaced, whichever node begins") {
    auto const starter = GENERATE(std::size_t{0}, std::size_t{1});
    auto w = connected_pair();
    auto const begun = w.sides[starter].machine.start(7);
    REQUIRE(begun.has_value());
    w.take(starter, *begun);
    CHECK(w.sides[starter].machine.under_way());
    CHECK_FALSE(w.sides[starter].machine.start(8).has_value());
    REQUIRE(w.comes_to_rest());
    CHECK(w.sides[0].disk == held_keys{7});
    CHECK(w.sides[1].disk == held_keys{7});
}

TEST_CASE("whatever breaks while the key is replaced, both end with one key and hear each other all the time") {
    auto begin = connected_pair();
    begin.starts = 2;
    begin.faults = 2;
    auto const states = explore(begin, [](world const& w) {
        if (!w.both_hear_each_other()) {
            FAIL("one node does not accept what the other sends");
        }
        auto rest = w;
        if (!rest.comes_to_rest()) {
            FAIL("they do not come to rest");
        }
    });
    INFO(states);
    CHECK(states > 1000);
}

TEST_CASE("a node whose files come back from a backup of before or amid the replacement gets the key of the other") {
    auto w = connected_pair();
    held_keys const restored = GENERATE(held_keys{1}, held_keys{1, 7}, held_keys{7, 0, 1});
    w.sides[0].disk = {7, 0, restored.next == 0 && restored.previous == 0 ? 1u : 0u};
    w.sides[1].disk = restored;
    for (std::size_t i : {0u, 1u}) {
        w.crash(i);
    }
    // The primary opens the connection where the secondary's key is not accepted any more.
    w.connected = true;
    for (std::size_t i : {0u, 1u}) {
        w.take(i, w.sides[i].machine.connected(restored.next == 7 ? 7 : w.sides[1].disk.current));
    }
    REQUIRE(w.comes_to_rest());
    CHECK(w.sides[1].disk == held_keys{7});
}

TEST_CASE("a replacement is refused where it could not be carried through") {
    key_rotation machine{node_id::primary, {first}};
    CHECK(machine.start(7).error().detail.find("no connection") != std::string::npos);
    machine.connected(first);
    CHECK(machine.start(7).error().detail.find("earlier release") != std::string::npos);
    machine.heard(key_rotation::holds{{first, 0, 9}});
    CHECK(machine.start(7).error().detail.find("has not ended") != std::string::npos);
    machine.heard(key_rotation::holds{{first}});
    CHECK(machine.start(7).has_value());
    CHECK(machine.start(8).error().detail.find("already") != std::string::npos);
    CHECK((machine.heard(key_rotation::refused{"its disk is full"}) ==
           key_rotation::actions{key_rotation::failed{"its disk is full"}}));
    CHECK(machine.start(8).has_value());
}

TEST_CASE("both nodes begin at once: the primary's key is taken, whose offer comes first") {
    auto const order = GENERATE(std::size_t{0}, std::size_t{1});
    auto w = connected_pair();
    for (std::size_t i : {0u, 1u}) {
        w.take(i, w.sides[i].machine.start(7 + i).value());
    }
    w.deliver(order);
    w.deliver(1 - order);
    REQUIRE(w.comes_to_rest());
    CHECK(w.sides[0].disk == held_keys{7});
    CHECK(w.sides[0].failures + w.sides[1].failures == 0);
}

TEST_CASE("a change that failed waits before it is tried again") {
    auto const switches = [](key_rotation::actions const& list) {
        return std::count(list.begin(), list.end(), key_rotation::action{key_rotation::store{change::switch_over}});
    };
    held_keys const held{first, 7, 0};
    key_rotation machine{node_id::primary, held};
    machine.connected(first);
    CHECK(switches(machine.heard(key_rotation::holds{held})) == 1);
    CHECK(switches(machine.stored(held, "no space left")) == 0);
    CHECK(switches(machine.heartbeat(first)) == 0);
    CHECK(machine.failed_to_store());
    CHECK(switches(machine.again()) == 1);
}

TEST_CASE("the key before stays while the peer says that it sends with it, whatever was heard earlier") {
    key_rotation machine{node_id::primary, {7, 0, first}};
    machine.heartbeat(7);
    machine.connected(7);
    CHECK(machine.heard(key_rotation::holds{{first, 7, 0}}).empty()); // its files came back from a backup
    CHECK((machine.heard(key_rotation::holds{{7, 0, first}}) ==
           key_rotation::actions{key_rotation::store{change::drop_previous}}));
}
