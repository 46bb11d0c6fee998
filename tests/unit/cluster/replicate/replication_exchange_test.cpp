// SPDX-License-Identifier: Apache-2.0
#include "exchange_pair.hpp"

#include <catch2/catch.hpp>

using test::exchange_pair;
using test::id_of;
using test::verb;
using namespace cluster;

TEST_CASE("a generation is prepared there, committed here, committed there, in this order") {
    exchange_pair pair;
    pair.connect();
    pair.apply(0, id_of(1));
    CHECK(pair.a().staged == id_of(1)); // both disks work at once
    CHECK(pair.a().current == generation_id{});

    REQUIRE(pair.deliver(0)); // prepare
    CHECK(pair.b().staged == id_of(1));
    CHECK(pair.a().history.empty());

    REQUIRE(pair.deliver(1)); // prepared
    CHECK(pair.a().current == id_of(1));
    CHECK(pair.b().current == generation_id{});
    CHECK(pair.a().answers.empty());

    REQUIRE(pair.deliver(0)); // commit
    CHECK(pair.b().current == id_of(1));
    REQUIRE(pair.deliver(1)); // committed
    REQUIRE(pair.a().answers.size() == 1);
    CHECK_FALSE(pair.a().answers[0].failure);
    CHECK(pair.a().answers[0].peer_committed);
    CHECK(pair.a().machine.in_sync());
    CHECK(pair.b().machine.in_sync());
    CHECK_FALSE(pair.a().machine.deadline());
}

TEST_CASE("a refusal in the first phase commits nothing anywhere") {
    exchange_pair pair(id_of(1), id_of(1));
    pair.connect();
    pair.b().refuses = true;
    pair.apply(0, id_of(2));
    pair.settle();
    REQUIRE(pair.a().answers.size() == 1);
    REQUIRE(pair.a().answers[0].failure);
    CHECK(pair.a().answers[0].failure->code == balance::errc::refused);
    CHECK(pair.a().answers[0].failure->detail.find("not here") != std::string::npos);
    CHECK(pair.a().current == id_of(1));
    CHECK(pair.b().current == id_of(1));
    CHECK_FALSE(pair.a().staged);
    CHECK_FALSE(pair.b().staged);
}

TEST_CASE("a disk that is full here makes the peer forget what it prepared") {
    exchange_pair pair(id_of(1), id_of(1));
    pair.connect();
    SECTION("while staging") { pair.a().disk_full = true; }
    SECTION("while committing") { pair.a().commit_fails = true; }
    pair.apply(0, id_of(2));
    pair.settle();
    REQUIRE(pair.a().answers.size() == 1);
    CHECK(pair.a().answers[0].failure->code == balance::errc::io_error);
    CHECK_FALSE(pair.b().staged);
    CHECK(pair.b().current == id_of(1));
    CHECK(pair.a().current == id_of(1));
}

TEST_CASE("a peer that cannot commit is reported, and the apply stands") {
    exchange_pair pair(id_of(1), id_of(1));
    pair.connect();
    pair.b().commit_fails = true;
    pair.apply(0, id_of(2));
    pair.settle();
    REQUIRE(pair.a().answers.size() == 1);
    CHECK_FALSE(pair.a().answers[0].failure);
    CHECK_FALSE(pair.a().answers[0].peer_committed);
    CHECK(pair.a().answers[0].peer_text.find("disk is full") != std::string::npos);
    CHECK(pair.a().current == id_of(2));
    CHECK(pair.b().current == id_of(1));
    CHECK_FALSE(pair.a().machine.in_sync());
}

TEST_CASE("without a peer the apply stands, and the peer gets it when it comes") {
    exchange_pair pair(id_of(1), id_of(1));
    pair.apply(0, id_of(2));
    pair.apply(0, id_of(3));
    REQUIRE(pair.a().answers.size() == 2);
    CHECK_FALSE(pair.a().answers[1].failure);
    CHECK_FALSE(pair.a().answers[1].peer_committed);
    CHECK(pair.a().answers[1].peer_text.find("not connected") != std::string::npos);
    pair.connect();
    pair.settle();
    CHECK(pair.b().history == std::vector<generation_id>{id_of(3)});
    CHECK(pair.a().machine.in_sync());
}

TEST_CASE("the node that is ahead pushes, whichever it is") {
    exchange_pair pair(id_of(1), id_of(5));
    pair.connect();
    pair.settle();
    CHECK(pair.a().current == id_of(5));
    CHECK(pair.b().machine.in_sync());

    exchange_pair terms(id_of(99, 0, 1), id_of(2, 0, 2)); // a new term beats every generation of the old one
    terms.connect();
    terms.settle();
    CHECK(terms.a().current == id_of(2, 0, 2));
}

TEST_CASE("equal versions with different contents are an alarm, and nothing is overwritten") {
    exchange_pair pair(id_of(4, 1), id_of(4, 2));
    pair.connect();
    pair.settle();
    CHECK(pair.a().current == id_of(4, 1));
    CHECK(pair.b().current == id_of(4, 2));
    CHECK(pair.a().alarm.find("different contents") != std::string::npos);
    CHECK(pair.b().alarm.find("different contents") != std::string::npos);
    CHECK_FALSE(pair.a().machine.in_sync());

    pair.apply(0, id_of(5)); // the operator decides
    pair.settle();
    CHECK(pair.b().current == id_of(5));
    CHECK(pair.a().alarm.empty());
    CHECK(pair.b().alarm.empty());
}

TEST_CASE("a peer that dies while it prepares does not hold up the apply") {
    exchange_pair pair(id_of(1), id_of(1));
    pair.connect();
    pair.apply(0, id_of(2));
    pair.restart(1);
    REQUIRE(pair.a().answers.size() == 1);
    CHECK_FALSE(pair.a().answers[0].failure);
    CHECK_FALSE(pair.a().answers[0].peer_committed);
    CHECK(pair.a().answers[0].peer_text.find("lost") != std::string::npos);
    CHECK(pair.b().current == id_of(1));
    pair.connect();
    pair.settle();
    CHECK(pair.b().current == id_of(2));
}

TEST_CASE("what was prepared is not committed unless the sender says so") {
    exchange_pair pair(id_of(1), id_of(1));
    pair.connect();
    pair.apply(0, id_of(2));
    REQUIRE(pair.deliver(0)); // prepared on b
    pair.restart(0);          // a never saw the answer
    CHECK(pair.a().current == id_of(1));
    CHECK_FALSE(pair.b().staged);
    pair.connect();
    pair.settle();
    CHECK(pair.b().current == id_of(1));

    pair.step(1, replicate::heard{verb::commit, id_of(2), {}}); // out of the blue
    CHECK(pair.b().current == id_of(1));
    REQUIRE_FALSE(pair.b().outbox.empty());
    CHECK(pair.b().outbox.back().what == verb::refused);
}

TEST_CASE("a connection that is lost between the commits is made good at the next one") {
    exchange_pair pair(id_of(1), id_of(1));
    pair.connect();
    pair.apply(0, id_of(2));
    REQUIRE(pair.deliver(0));
    REQUIRE(pair.deliver(1)); // a has committed, its word is on the way
    pair.lose();
    REQUIRE(pair.a().answers.size() == 1);
    CHECK_FALSE(pair.a().answers[0].peer_committed);
    CHECK(pair.b().current == id_of(1));
    CHECK_FALSE(pair.b().staged);
    pair.connect();
    pair.settle();
    CHECK(pair.b().current == id_of(2));
}

TEST_CASE("a connected peer that does not answer stops the apply") {
    exchange_pair pair(id_of(1), id_of(1));
    pair.connect();
    pair.apply(0, id_of(2));
    pair.advance(milliseconds{4999});
    CHECK(pair.a().answers.empty());
    pair.advance(milliseconds{1});
    REQUIRE(pair.a().answers.size() == 1);
    CHECK(pair.a().answers[0].failure->code == balance::errc::timed_out);
    CHECK(pair.a().dropped);
    CHECK(pair.a().current == id_of(1));
    CHECK_FALSE(pair.a().staged);
}

TEST_CASE("a connected peer that does not confirm its commit is connected anew") {
    exchange_pair pair(id_of(1), id_of(1));
    pair.connect();
    pair.apply(0, id_of(2));
    REQUIRE(pair.deliver(0));
    REQUIRE(pair.deliver(1));
    pair.advance(milliseconds{5000});
    REQUIRE(pair.a().answers.size() == 1);
    CHECK_FALSE(pair.a().answers[0].failure);
    CHECK_FALSE(pair.a().answers[0].peer_committed);
    CHECK(pair.a().dropped);
    CHECK(pair.a().current == id_of(2));
}

TEST_CASE("what is not newer than both nodes is not applied") {
    exchange_pair pair(id_of(5), id_of(5));
    pair.apply(0, id_of(5));
    pair.apply(0, id_of(4));
    pair.apply(0, id_of(9, 0, 0)); // an older term
    REQUIRE(pair.a().answers.size() == 3);
    for (auto const& answer : pair.a().answers)
        CHECK(answer.failure->code == balance::errc::refused);
    CHECK(pair.a().history.empty());

    exchange_pair behind(id_of(5), id_of(8));
    behind.connect();
    behind.apply(0, id_of(6)); // before the peer's 8 has arrived
    REQUIRE(behind.a().answers.size() == 1);
    CHECK(behind.a().answers[0].failure->detail.find("generation 8") != std::string::npos);
    behind.settle();
    CHECK(behind.a().current == id_of(8));
}

TEST_CASE("something older that is prepared anyway is refused") {
    exchange_pair pair(id_of(5), id_of(5));
    pair.connect();
    pair.step(1, replicate::heard{verb::prepare, id_of(4), {}});
    pair.step(1, replicate::heard{verb::prepare, id_of(5, 1), {}});
    REQUIRE(pair.b().outbox.size() == 2);
    CHECK(pair.b().outbox[0].what == verb::refused);
    CHECK(pair.b().outbox[1].what == verb::refused);
    CHECK_FALSE(pair.b().staged);
}

TEST_CASE("a second apply waits for the first, politely") {
    exchange_pair pair;
    pair.connect();
    pair.apply(0, id_of(1));
    pair.apply(0, id_of(2));
    REQUIRE(pair.a().answers.size() == 1);
    CHECK(pair.a().answers[0].failure->detail.find("another apply") != std::string::npos);
    pair.settle();
    REQUIRE(pair.a().answers.size() == 2);
    CHECK(pair.a().answers[1].peer_committed);
}

TEST_CASE("when both apply at once the primary's goes through") {
    exchange_pair pair;
    pair.connect();
    pair.apply(0, id_of(1, 1));
    pair.apply(1, id_of(1, 2));
    SECTION("primary's message first") {
        pair.deliver(0);
        pair.settle();
    }
    SECTION("secondary's message first") {
        pair.deliver(1);
        pair.settle();
    }
    CHECK(pair.a().current == id_of(1, 1));
    CHECK(pair.b().current == id_of(1, 1));
    REQUIRE(pair.a().answers.size() == 1);
    CHECK(pair.a().answers[0].peer_committed);
    REQUIRE(pair.b().answers.size() == 1);
    CHECK(pair.b().answers[0].failure->code == balance::errc::refused);
}

TEST_CASE("an apply overtakes a push of what is older") {
    exchange_pair pair(id_of(2), id_of(1));
    pair.connect();          // pushes 2
    pair.apply(0, id_of(3)); // before the peer has answered
    pair.settle();
    CHECK(pair.b().current == id_of(3));
    REQUIRE(pair.a().answers.size() == 1);
    CHECK(pair.a().answers[0].peer_committed);
}

TEST_CASE("an apply that is refused leaves the peer with the push it interrupted") {
    exchange_pair pair(id_of(2), id_of(1));
    pair.connect();
    pair.deliver(0); // prepared 2 on b
    pair.b().refuses = true;
    pair.apply(0, id_of(3));
    pair.deliver(0);
    pair.b().refuses = false;
    pair.settle();
    CHECK(pair.a().answers[0].failure);
    CHECK(pair.a().current == id_of(2));
    CHECK(pair.b().current == id_of(2));
}

TEST_CASE("a push that is refused is an alarm until something else is applied") {
    exchange_pair pair(id_of(2), id_of(1));
    pair.b().refuses = true;
    pair.connect();
    pair.settle();
    CHECK(pair.a().alarm.find("not here") != std::string::npos);
    pair.b().refuses = false;
    pair.apply(0, id_of(3));
    pair.settle();
    CHECK(pair.a().alarm.empty());
    CHECK(pair.b().current == id_of(3));
}

TEST_CASE("what a peer refused to store is offered again, ever more rarely, until it has it") {
    exchange_pair pair(id_of(2), id_of(1));
    pair.b().disk_full = true;
    pair.connect();
    pair.settle();
    for (int pause : {2, 4, 8, 16, 32, 60, 60}) {
        pair.advance(milliseconds{pause * 1000 - 1});
        CHECK(pair.a().outbox.empty());
        pair.advance(milliseconds{1});
        REQUIRE(pair.a().outbox.size() == 1);
        pair.settle();
        CHECK_FALSE(pair.a().alarm.empty());
    }
    pair.b().disk_full = false;
    pair.advance(milliseconds{60'000});
    pair.settle();
    CHECK(pair.b().current == id_of(2));
    CHECK(pair.a().alarm.empty());
    CHECK_FALSE(pair.a().machine.deadline());

    pair.b().commit_fails = true;
    pair.apply(0, id_of(3));
    pair.settle();
    CHECK(pair.b().current == id_of(2));
    pair.b().commit_fails = false;
    pair.advance(milliseconds{2000}); // soon again: it had taken the last one
    pair.settle();
    CHECK(pair.a().machine.in_sync());
}

TEST_CASE("an offer that falls due does not meet what the peer applies itself") {
    exchange_pair pair(id_of(2), id_of(1));
    pair.b().disk_full = true;
    pair.connect();
    pair.settle();
    pair.b().disk_full = false;
    pair.apply(1, id_of(3));
    pair.deliver(1); // its prepare
    pair.advance(milliseconds{2000});
    pair.settle();
    REQUIRE(pair.b().answers.size() == 1);
    CHECK_FALSE(pair.b().answers[0].failure);
    CHECK(pair.a().current == id_of(3));
    CHECK(pair.b().current == id_of(3));
}

TEST_CASE("nothing is offered to a peer that is gone, and to one that is back at once") {
    exchange_pair pair(id_of(2), id_of(1));
    pair.b().disk_full = true;
    pair.connect();
    pair.settle();
    pair.lose();
    CHECK_FALSE(pair.a().machine.deadline());
    pair.b().disk_full = false;
    pair.connect();
    pair.settle();
    CHECK(pair.b().current == id_of(2));
}

TEST_CASE("while the peer sends a generation no other is applied") {
    exchange_pair pair(id_of(1), id_of(2));
    pair.connect();
    pair.deliver(1); // b's prepare
    pair.apply(0, id_of(3));
    REQUIRE(pair.a().answers.size() == 1);
    CHECK(pair.a().answers[0].failure->code == balance::errc::refused);
    pair.settle();
    CHECK(pair.a().current == id_of(2));
}
