// SPDX-License-Identifier: Apache-2.0
#include "replication_pair.hpp"

#include <catch2/catch.hpp>

using namespace test;

TEST_CASE("documents that changed on both sides of a cut are the same afterwards") {
    replication_pair pair;
    pair.a.make();
    pair.b.make();
    pair.a.unit->set_document({"servers", 10, node_id::primary, "old"});
    pair.b.unit->set_document({"servers", 12, node_id::secondary, "new"});
    pair.a.unit->set_document({"only-a", 1, node_id::primary, "a"});
    pair.b.unit->set_document({"only-b", 1, node_id::secondary, "b"});
    pair.a.unit->set_document({"tie", 5, node_id::primary, "loses"});
    pair.b.unit->set_document({"tie", 5, node_id::secondary, "wins"});
    REQUIRE(pair.connect());
    REQUIRE(pair.until([&] { return pair.a.documents.size() == 3 && pair.b.documents.size() == 1; }));
    CHECK(pair.a.unit->documents() == pair.b.unit->documents());
    CHECK(pair.a.unit->documents() == std::vector<shared_document>{{"only-a", 1, node_id::primary, "a"},
                                                                   {"only-b", 1, node_id::secondary, "b"},
                                                                   {"servers", 12, node_id::secondary, "new"},
                                                                   {"tie", 5, node_id::secondary, "wins"}});
}

TEST_CASE("a document that is set while connected is there at once, and the setter is not told") {
    replication_pair pair;
    REQUIRE(pair.connect());
    pair.a.unit->set_document({"servers", 1, node_id::primary, "x"});
    REQUIRE(pair.until([&] { return pair.b.documents.size() == 1; }));
    CHECK(pair.b.documents[0].bytes == "x");
    CHECK(pair.a.documents.empty());

    pair.b.unit->set_document({"servers", 1, node_id::primary, "x"}); // nothing new
    pair.b.unit->set_document({"servers", 0, node_id::secondary, "older"});
    pair.b.unit->set_document({"", 9, node_id::secondary, "nameless"});
    pair.b.unit->set_document({"huge", 9, node_id::secondary, std::string(2u << 20, 'x')});
    pair.b.unit->set_document({"last", 1, node_id::secondary, ""});
    REQUIRE(pair.until([&] { return !pair.a.documents.empty(); }));
    CHECK(pair.a.documents == std::vector<shared_document>{{"last", 1, node_id::secondary, ""}});
}

TEST_CASE("streams carry bytes in order, and say when they cannot") {
    replication_pair pair;
    pair.a.make();
    CHECK_FALSE(pair.a.unit->send("persistence", "nobody there"));
    REQUIRE(pair.connect());
    CHECK(pair.a.unit->send("persistence", "one"));
    CHECK(pair.a.unit->send("sync", std::string("\0two", 4)));
    CHECK_FALSE(pair.a.unit->send("", "no name"));
    CHECK_FALSE(pair.a.unit->send(std::string(129, 'n'), "long name"));
    CHECK_FALSE(pair.a.unit->send("persistence", std::string(2u << 20, 'x')));
    REQUIRE(pair.until([&] { return pair.b.streams.size() == 2; }));
    CHECK(pair.b.streams[0] == std::pair<std::string, std::string>{"persistence", "one"});
    CHECK(pair.b.streams[1] == std::pair<std::string, std::string>{"sync", std::string("\0two", 4)});
}

TEST_CASE("a sender that is faster than the wire is told to wait, and nothing is lost") {
    replication_pair pair;
    REQUIRE(pair.connect());
    std::string const piece(60000, 'p');
    std::size_t sent = 0;
    while (pair.a.unit->send("bulk", piece)) { // the event loop does not run: only the kernel takes some
        ++sent;
        REQUIRE(sent < 10000);
    }
    CHECK(sent > 17); // 1 MiB is allowed to wait
    REQUIRE(pair.until([&] { return pair.b.streams.size() == sent; }));
    CHECK(pair.b.streams.back().second == piece);
    CHECK(pair.a.unit->send("bulk", piece));
}
