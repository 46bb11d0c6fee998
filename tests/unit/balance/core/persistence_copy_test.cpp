// SPDX-License-Identifier: Apache-2.0
#include <balance/persistence_copy.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <iterator>
#include <random>

using balance::milliseconds;
using balance::persistence_copy;
using balance::persistence_entry;
using balance::persistence_record;

namespace {

balance::persistence_entry entry(int client, std::string server, std::uint64_t sequence, int remaining_ms) {
    auto const address = balance::address(boost::asio::ip::address_v4(static_cast<unsigned>(client)));
    return {"dicom", address, std::move(server), sequence, milliseconds(remaining_ms)};
}

/// A copy and a clock.
struct scene {
    persistence_copy copy{4711};

    void merge(std::span<persistence_entry const> entries, std::int64_t now, persistence_copy::source from = persistence_copy::source::here) {
        std::vector<persistence_record> records;
        std::ranges::transform(entries, std::back_inserter(records), balance::as_record);
        copy.merge(records, from, now);
    }
    [[nodiscard]] std::vector<persistence_entry> all(std::int64_t now) const {
        std::vector<persistence_entry> out;
        copy.write_all(50, now, [&](std::string const& bytes) {
            for (auto const& r : balance::read_persistence(bytes).value())
                out.push_back({std::string(r.service), r.client, std::string(r.server), r.sequence, r.remaining});
            return true;
        });
        return out;
    }
    [[nodiscard]] auto size() const { return copy.size(); }
    [[nodiscard]] auto read(std::string const& service, std::optional<persistence_copy::position> const& after, std::size_t most,
                            std::int64_t now) const {
        return copy.read(service, after, most, now);
    }
    auto clear(std::string const& service, std::optional<balance::address> const& client, std::uint8_t granularity, std::int64_t now) {
        return copy.clear(service, client, granularity, now);
    }
    /// What follows, taken over by another copy; the number of the last change it then has.
    std::uint64_t tell(scene& follower, std::size_t bytes, std::int64_t now) {
        balance::persistence_writer out;
        auto const until = copy.next(bytes, now, out);
        auto const told = out.take();
        follower.copy.merge(balance::read_persistence(told).value(), persistence_copy::source::peer, now);
        return until;
    }
};

} // namespace

TEST_CASE("the greater sequence wins, whatever comes last") {
    scene copy;
    std::vector const fresh{entry(1, "new", 2, 1000)};
    std::vector const stale{entry(1, "old", 1, 1000)};
    copy.merge(fresh, 0);
    copy.merge(stale, 0);
    REQUIRE(copy.all(0).size() == 1);
    CHECK(copy.all(0).front().server == "new");
}

TEST_CASE("an expired entry is not given out, and gives way to any other") {
    scene copy;
    std::vector const first{entry(1, "a", 5, 100)};
    copy.merge(first, 0);
    CHECK(copy.all(40).front().remaining == milliseconds(60));
    CHECK(copy.all(100).empty());
    std::vector const later{entry(1, "b", 1, 100)};
    copy.merge(later, 150);
    REQUIRE(copy.all(150).size() == 1);
    CHECK(copy.all(150).front().server == "b");
}

TEST_CASE("beyond the limit those go that changed longest ago") {
    scene copy;
    copy.copy.set_limit(2);
    std::vector const three{entry(1, "a", 1, 300), entry(2, "b", 1, 100), entry(3, "c", 1, 200)};
    copy.merge(three, 0);
    REQUIRE(copy.size() == 2);
    for (auto const& e : copy.all(0)) {
        CHECK(e.server != "a");
    }
    copy.copy.set_limit(1);
    REQUIRE(copy.size() == 1);
    CHECK(copy.all(0).front().server == "c");
}

TEST_CASE("of two with one sequence both copies keep the same") {
    scene one;
    scene other;
    std::vector const a{entry(1, "a", 5, 1000)};
    std::vector const b{entry(1, "b", 5, 1000)};
    one.merge(a, 0);
    one.merge(b, 0);
    other.merge(b, 0);
    other.merge(a, 0);
    CHECK(one.all(0) == other.all(0));
}

TEST_CASE("what has expired is swept within 60 calls, what has not stays") {
    scene copy;
    std::vector<persistence_entry> many;
    for (int i = 0; i < 5000; ++i) {
        many.push_back(entry(i, "s", 1, i % 5 == 0 ? 1000 : 10));
    }
    copy.merge(many, 0);
    for (int i = 0; i < 61; ++i) {
        copy.copy.sweep(20);
    }
    CHECK(copy.size() == 1000);
    CHECK(copy.all(20).size() == 1000);
}

TEST_CASE("entries of services that are no more are forgotten") {
    scene copy;
    std::vector two{entry(1, "a", 1, 1000), entry(2, "a", 1, 1000)};
    two[1].service = "hl7";
    copy.merge(two, 0);
    copy.copy.keep_only([](std::string_view name) { return name == "hl7"; });
    REQUIRE(copy.size() == 1);
    CHECK(copy.all(0).front().service == "hl7");
}

TEST_CASE("what was cleared is gone, stays gone whatever was on its way, and may come anew") {
    scene copy;
    std::vector const three{entry(1, "a", 5, 1000), entry(2, "b", 90, 1000), entry(3, "c", 6, 100)};
    copy.merge(three, 0);
    auto const cleared = copy.clear("dicom", three[0].client, 128, 50);
    REQUIRE(cleared.size() == 1);
    CHECK(cleared.front().client == three[0].client);
    CHECK(cleared.front().server.empty());
    CHECK(cleared.front().remaining == milliseconds(950));
    CHECK(copy.read("", {}, 10, 50).entries.size() == 2);
    std::vector const on_its_way{entry(1, "a", 91, 1000)}; // written by a proxy that has not heard of it
    copy.merge(on_its_way, 60);
    CHECK(copy.read("", {}, 10, 60).entries.size() == 2);
    std::vector const anew{entry(1, "x", cleared.front().sequence + 1, 1000)};
    copy.merge(anew, 70);
    CHECK(copy.read("", {}, 10, 70).entries.front().server == "x");

    scene peer; // which may have missed it gets it with all the rest
    peer.merge(three, 0);
    peer.merge(copy.all(70), 70);
    CHECK(peer.read("", {}, 1, 70).entries.front().server == "x");
    CHECK(copy.clear("dicom", {}, 128, 200).size() == 2); // one has expired
    CHECK(copy.clear("dicom", {}, 128, 200).empty());
    CHECK(copy.clear("other", {}, 128, 200).empty());
}

TEST_CASE("a client's entry is found by its network, while it is in force") {
    scene copy;
    std::vector const one{entry(0x0a000100, "a", 1, 1000)};
    copy.merge(one, 0);
    auto const client = boost::asio::ip::make_address("10.0.1.77");
    CHECK(copy.copy.find("dicom", client, 24, 10).value().server == "a");
    CHECK(copy.copy.find("dicom", client, 24, 10).value().remaining == milliseconds(990));
    CHECK_FALSE(copy.copy.find("dicom", client, 32, 10));
    CHECK_FALSE(copy.copy.find("hl7", client, 24, 10));
    CHECK_FALSE(copy.copy.find("dicom", client, 24, 1000));
    CHECK(copy.copy.clients() == 1);
    copy.clear("dicom", client, 24, 10);
    CHECK(copy.copy.clients() == 0);
    CHECK(copy.size() == 1);
    CHECK_FALSE(copy.copy.find("dicom", client, 24, 10));
}

TEST_CASE("a client is cleared with its network") {
    scene copy;
    std::vector<balance::persistence_entry> all{entry(0x0a000100, "a", 1, 1000), entry(0x0a000200, "b", 1, 1000)};
    all.push_back({"dicom", boost::asio::ip::make_address("2001:db8:0:100::"), "c", 1, milliseconds(1000)});
    copy.merge(all, 0);
    CHECK(copy.clear("dicom", boost::asio::ip::make_address("10.0.1.77"), 24, 0).size() == 1);
    CHECK(copy.clear("dicom", boost::asio::ip::make_address("::ffff:10.0.2.9"), 24, 0).size() == 1);
    CHECK(copy.clear("dicom", boost::asio::ip::make_address("2001:db8:0:1ff::1"), 56, 0).size() == 1);
    CHECK(copy.read("", {}, 10, 0).entries.empty());
}

TEST_CASE("pages follow each other without a gap") {
    scene copy;
    std::vector<balance::persistence_entry> all;
    for (int i = 1; i <= 25; ++i) {
        all.push_back(entry(i, "s", 1, i == 7 ? 10 : 1000));
        all.push_back(entry(i, "s", 1, 1000));
        all.back().service = "zeta";
    }
    copy.merge(all, 0);
    std::size_t seen = 0;
    std::optional<persistence_copy::position> after;
    for (int pages = 0;; ++pages) {
        REQUIRE(pages < 10);
        auto const page = copy.read("", after, 10, 20);
        CHECK(page.entries.size() <= 10);
        seen += page.entries.size();
        if (!page.more) {
            break;
        }
        after = persistence_copy::position{page.entries.back().service, page.entries.back().client};
    }
    CHECK(seen == 49); // one has expired
    CHECK(copy.read("zeta", {}, 100, 20).entries.size() == 25);
    CHECK(copy.read("zeta", persistence_copy::position{"zeta", all[48].client}, 100, 20).entries.empty());
    CHECK(copy.read("", {}, 49, 20).more == false);
    CHECK(copy.read("", {}, 48, 20).more);
}

TEST_CASE("a follower hears each change once, with its latest state") {
    scene copy;
    scene follower;
    copy.copy.follow(0, copy.copy.last_change());
    CHECK_FALSE(copy.copy.has_next());
    std::vector const first{entry(1, "a", 1, 1000), entry(2, "b", 2, 1000)};
    std::vector const second{entry(1, "c", 3, 1000)};
    copy.merge(first, 0);
    copy.merge(second, 0);
    CHECK(copy.copy.has_next());
    CHECK(copy.tell(follower, 10'000, 0) == 3);
    CHECK_FALSE(copy.copy.has_next());
    REQUIRE(follower.size() == 2);
    CHECK(follower.copy.last_change() == 2); // client 1 came once
    CHECK(follower.read("", {}, 1, 0).entries.front().server == "c");
}

TEST_CASE("what came from the peer does not go back to it, unless it has lost everything") {
    scene copy;
    std::vector const theirs{entry(1, "a", 1, 1000)};
    std::vector const ours{entry(2, "b", 1, 1000)};
    copy.merge(theirs, 0, persistence_copy::source::peer);
    copy.merge(ours, 0);
    scene knows;
    copy.copy.follow(0, 0);
    CHECK(copy.tell(knows, 10'000, 0) == 2);
    CHECK(knows.size() == 1);
    scene knows_nothing;
    copy.copy.follow(0, copy.copy.last_change());
    CHECK(copy.tell(knows_nothing, 10'000, 0) == 2);
    CHECK(knows_nothing.size() == 2);
    std::vector const later{entry(3, "a", 2, 1000)};
    copy.merge(later, 0, persistence_copy::source::peer);
    CHECK(copy.tell(knows_nothing, 10'000, 0) == 3);
    CHECK(knows_nothing.size() == 2);
}

TEST_CASE("a follower that was away hears what changed since, and no more") {
    scene copy;
    scene follower;
    std::vector<persistence_entry> many;
    for (int i = 0; i < 1000; ++i) {
        many.push_back(entry(i, "s", 1, 1000));
    }
    copy.merge(many, 0);
    copy.copy.follow(0, copy.copy.last_change());
    std::uint64_t knows = 0;
    int pieces = 0;
    for (; copy.copy.has_next(); ++pieces) {
        knows = copy.tell(follower, 500, 0);
    }
    CHECK(knows == 1000);
    CHECK(follower.size() == 1000);
    CHECK(pieces > 10);
    std::vector const news{entry(5, "t", 2, 1000), entry(1001, "t", 3, 1000)};
    copy.merge(news, 0);
    copy.copy.follow(knows, 0);
    CHECK(copy.tell(follower, 10'000, 0) == 1002);
    CHECK(follower.copy.last_change() == 1002);
    CHECK(follower.size() == 1001);
}

TEST_CASE("a follower ends up alike whatever happens meanwhile") {
    auto const seed = GENERATE(range(1u, 21u));
    std::mt19937 random(seed);
    auto const below = [&](unsigned n) { return static_cast<int>(random() % n); };
    scene copy;
    scene follower;
    copy.copy.set_limit(300);
    std::uint64_t knows = 0;
    std::uint64_t sequence = 0;
    for (std::int64_t now = 0; now < 2000; ++now) {
        std::vector const some{entry(below(250), std::string(1, static_cast<char>('a' + below(4))), ++sequence, 1 + below(5000))};
        switch (below(12)) {
        case 0: copy.clear("dicom", some.front().client, 32, now); break;
        case 1: knows = copy.tell(follower, static_cast<std::size_t>(10 + below(300)), now); break;
        case 2: copy.copy.follow(knows, 0); break; // a new connection
        case 3: copy.copy.sweep(now); break;
        case 4:
            if (below(20) == 0) { // the follower is restarted
                follower = scene();
                copy.copy.follow(knows = 0, copy.copy.last_change());
            }
            break;
        default: copy.merge(some, now);
        }
    }
    while (copy.copy.has_next()) {
        knows = copy.tell(follower, 100, 2000);
    }
    copy.copy.keep_only([](std::string_view) { return true; });
    for (int i = 0; i < 61; ++i) {
        copy.copy.sweep(2000);
    }
    CHECK(copy.copy.clients() == copy.read("", {}, 1000, 2000).entries.size());
    CHECK(knows == copy.copy.last_change());
    auto const told = [&](scene const& s) { return s.read("", {}, 1000, 2000).entries; };
    auto theirs = told(follower);
    for (auto const& e : told(copy)) {
        auto const same = std::ranges::find(theirs, e.client, &persistence_entry::client);
        INFO("client " << e.client);
        CHECK((same != theirs.end() && *same == e));
    }
}
