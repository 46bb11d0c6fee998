// SPDX-License-Identifier: Apache-2.0
#include "replication_pair.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace test;

TEST_CASE("what is applied on the primary is in force on the secondary at once") {
    replication_pair pair;
    REQUIRE(pair.connect());
    CHECK(pair.a.connections == std::vector<bool>{true});
    CHECK(pair.b.unit->status().peer_name == "lb1");
    auto best = std::chrono::steady_clock::duration::max(); // of five: this machine may be busy with something else
    for (std::uint64_t number = 1; number <= 5; ++number) {
        auto const begin = std::chrono::steady_clock::now();
        pair.a.apply(make_generation(number));
        REQUIRE(pair.until([&] { return pair.b.committed.size() == number; }));
        best = std::min(best, std::chrono::steady_clock::now() - begin);
        REQUIRE(pair.until([&] { return pair.a.answers.size() == number; }));
        REQUIRE(pair.a.answers.back().has_value());
        CHECK(pair.a.answers.back()->peer_committed);
    }
    CHECK(best < std::chrono::milliseconds{200}); // usually two
    auto const g = make_generation(5);
    CHECK(pair.b.committed.back() == g);
    CHECK(pair.b.prepared == pair.b.committed);
    CHECK(pair.a.prepared.empty()); // the sender asks nobody
    CHECK(pair.a.store->current() == g);
    CHECK(generation_store::open(pair.b.home.path() / "generations").value().current() == g);
    CHECK(pair.a.unit->status().in_sync);
    CHECK(pair.b.unit->status().in_sync);
    CHECK(pair.a.unit->status().peer_version == config_version{1, 5});
    CHECK(pair.a.unit->status().last_error.empty());
}

TEST_CASE("a refusal by another release says which") {
    replication_pair pair;
    pair.b.refusal = "cluster.toml:3:1: unknown key";
    pair.a.settings.release = "1.4.0";
    SECTION("an older one that does not say") {
        REQUIRE(pair.connect());
        pair.a.apply(make_generation(1));
        REQUIRE(pair.until([&] { return !pair.a.answers.empty(); }));
        REQUIRE_FALSE(pair.a.answers[0].has_value());
        CHECK(pair.a.answers[0].error().detail.find("unknown key (lb2 runs an older release, lb1 1.4.0: ") !=
              std::string::npos);
        CHECK(pair.a.unit->status().peer_release.empty());
        CHECK(pair.b.unit->status().peer_release == "1.4.0");
    }
    SECTION("one that does") {
        pair.b.settings.release = "1.3.0";
        REQUIRE(pair.connect());
        pair.a.apply(make_generation(1));
        REQUIRE(pair.until([&] { return !pair.a.answers.empty(); }));
        REQUIRE_FALSE(pair.a.answers[0].has_value());
        CHECK(pair.a.answers[0].error().detail.find("unknown key (lb2 runs release 1.3.0, lb1 1.4.0: ") !=
              std::string::npos);
    }
    SECTION("the same says nothing of it") {
        pair.b.settings.release = "1.4.0";
        REQUIRE(pair.connect());
        pair.a.apply(make_generation(1));
        REQUIRE(pair.until([&] { return !pair.a.answers.empty(); }));
        REQUIRE_FALSE(pair.a.answers[0].has_value());
        CHECK(pair.a.answers[0].error().detail.ends_with("unknown key"));
    }
}

TEST_CASE("a refusal of the secondary commits nothing anywhere") {
    replication_pair pair;
    pair.b.refusal = "cluster.toml:3:1: unknown interface";
    REQUIRE(pair.connect());
    pair.a.apply(make_generation(1));
    REQUIRE(pair.until([&] { return !pair.a.answers.empty(); }));
    REQUIRE_FALSE(pair.a.answers[0].has_value());
    CHECK(pair.a.answers[0].error().code == balance::errc::refused);
    CHECK(pair.a.answers[0].error().detail.find("cluster.toml:3:1: unknown interface") != std::string::npos);
    CHECK_FALSE(pair.a.store->current());
    CHECK_FALSE(pair.b.store->current());
    CHECK(pair.b.committed.empty());
    CHECK(pair.a.connected()); // the refusal is an answer, not a quarrel

    pair.b.refusal.clear();
    pair.a.apply(make_generation(1));
    REQUIRE(pair.until([&] { return pair.a.answers.size() == 2; }));
    CHECK(pair.a.answers[1]->peer_committed);
}

TEST_CASE("a secondary that was away gets the newest generation when it comes") {
    replication_pair pair;
    REQUIRE(pair.a.start());
    pair.a.apply(make_generation(1));
    pair.a.apply(make_generation(2));
    REQUIRE(pair.a.answers.size() == 2); // answered at once
    CHECK_FALSE(pair.a.answers[1]->peer_committed);
    CHECK_FALSE(pair.a.answers[1]->peer_text.empty());
    CHECK(pair.a.unit->status().last_error.find("secondary has not connected") != std::string::npos);

    REQUIRE(pair.b.start());
    REQUIRE(pair.until([&] { return !pair.b.committed.empty() && pair.a.unit->status().in_sync; }));
    CHECK(pair.b.committed == std::vector<generation>{make_generation(2)});
}

TEST_CASE("what is older never replaces what is newer, whoever holds it") {
    replication_pair pair;
    REQUIRE(pair.a.store->commit(make_generation(1)));
    REQUIRE(pair.b.store->commit(make_generation(7)));
    REQUIRE(pair.connect());
    pair.a.apply(make_generation(2)); // it has not arrived yet
    REQUIRE(pair.a.answers.size() == 1);
    CHECK(pair.a.answers[0].error().code == balance::errc::refused);
    REQUIRE(pair.until([&] { return !pair.a.committed.empty(); }));
    CHECK(pair.a.store->current() == make_generation(7));
    CHECK(pair.b.committed.empty());

    pair.a.apply(make_generation(7, "other"));
    pair.a.apply(make_generation(9, "", 0)); // an older term
    REQUIRE(pair.a.answers.size() == 3);
    CHECK_FALSE(pair.a.answers[1].has_value());
    CHECK_FALSE(pair.a.answers[2].has_value());
}

TEST_CASE("the same version with different contents is an alarm on both nodes") {
    replication_pair pair;
    REQUIRE(pair.a.store->commit(make_generation(3, "mine")));
    REQUIRE(pair.b.store->commit(make_generation(3, "yours")));
    REQUIRE(pair.connect());
    pair.during(milliseconds{50});
    for (auto* node : {&pair.a, &pair.b}) {
        auto const status = node->unit->status();
        CHECK(status.connected);
        CHECK_FALSE(status.in_sync);
        CHECK(status.last_error.find("different contents") != std::string::npos);
    }
    CHECK(pair.a.store->current() == make_generation(3, "mine"));
    CHECK(pair.b.store->current() == make_generation(3, "yours"));
    pair.a.apply(make_generation(4));
    REQUIRE(pair.until([&] { return pair.a.unit->status().in_sync && pair.b.unit->status().in_sync; }));
    CHECK(pair.a.unit->status().last_error.empty());
}

TEST_CASE("a peer that dies in the middle of an apply does not hold it up") {
    replication_pair pair;
    REQUIRE(pair.connect());
    pair.b.unit->on_prepare([&](generation const&) -> result<> {
        asio::post(pair.io, [&] { pair.b.unit->stop(); });
        return {};
    });
    SECTION("before its answer") {
        pair.b.unit->on_prepare([&](generation const&) -> result<> {
            pair.b.unit->stop();
            return {};
        });
    }
    SECTION("after its answer") {}
    pair.a.apply(make_generation(1));
    REQUIRE(pair.until([&] { return !pair.a.answers.empty() && !pair.a.connected(); }));
    REQUIRE(pair.a.answers[0].has_value());
    CHECK(pair.a.store->current() == make_generation(1));

    CHECK_FALSE(std::filesystem::exists(pair.b.home.path() / "generations" / "staged"));

    pair.b.unit->on_prepare([](generation const&) -> result<> { return {}; });
    REQUIRE(pair.b.start());
    REQUIRE(pair.until([&] { return pair.b.unit->status().in_sync; }));
    CHECK(pair.b.store->current() == make_generation(1));
}

TEST_CASE("a second apply is refused and does not disturb the first") {
    replication_pair pair;
    REQUIRE(pair.connect());
    pair.a.apply(make_generation(1));
    pair.a.apply(make_generation(2));
    REQUIRE(pair.a.answers.size() == 1);
    CHECK(pair.a.answers[0].error().code == balance::errc::refused);
    REQUIRE(pair.until([&] { return pair.a.answers.size() == 2; }));
    REQUIRE(pair.a.answers[1].has_value());
    CHECK(pair.a.answers[1]->peer_committed);
    CHECK(pair.b.store->current() == make_generation(1));
}

TEST_CASE("an apply may be followed by another from its own answer") {
    replication_pair pair;
    REQUIRE(pair.connect());
    pair.a.unit->apply(make_generation(1), [&](result<replicator::outcome> r) {
        pair.a.answers.push_back(std::move(r));
        pair.a.apply(make_generation(2));
    });
    REQUIRE(pair.until([&] { return pair.a.answers.size() == 2; }));
    CHECK(pair.a.answers[1]->peer_committed);
    CHECK(pair.b.store->current() == make_generation(2));
}

TEST_CASE("stopping answers an apply that is under way") {
    replication_pair pair;
    REQUIRE(pair.connect());
    pair.a.apply(make_generation(1));
    CHECK(pair.a.answers.empty());
    pair.a.unit->stop();
    REQUIRE(pair.a.answers.size() == 1);
    CHECK(pair.a.answers[0].error().code == balance::errc::refused);
    CHECK_FALSE(pair.a.store->current());
    pair.until([&] { return !pair.b.connected(); });
    CHECK_FALSE(pair.b.store->current());
}

TEST_CASE("a generation that cannot be sent or stored is refused before anything is done") {
    replication_pair pair;
    REQUIRE(pair.connect());
    pair.a.apply(make_generation(1, std::string(2u << 20, 'x')));
    auto bad = make_generation(1);
    bad.files = {{"../etc/passwd", ""}};
    pair.a.apply(bad);
    REQUIRE(pair.a.answers.size() == 2);
    CHECK(pair.a.answers[0].error().code == balance::errc::invalid_configuration);
    CHECK(pair.a.answers[1].error().code == balance::errc::invalid_configuration);
    pair.during(milliseconds{50});
    CHECK(pair.b.prepared.empty());
    CHECK(pair.a.connected());
}

TEST_CASE("a large generation arrives whole") {
    replication_pair pair;
    REQUIRE(pair.connect());
    auto g = make_generation(1);
    for (int i = 0; i < 9; ++i)
        g.files.emplace_back("file" + std::to_string(i), std::string(100000, static_cast<char>('a' + i)));
    pair.a.apply(g);
    REQUIRE(pair.until([&] { return !pair.b.committed.empty(); }));
    CHECK(pair.b.committed[0] == g);
}
