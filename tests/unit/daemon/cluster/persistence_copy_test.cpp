// SPDX-License-Identifier: Apache-2.0
#include "cluster/persistence_copy.hpp"

#include <catch2/catch.hpp>

using balance::milliseconds;

namespace {

balance::persistence_entry entry(int client, std::string server, std::uint64_t sequence, int remaining_ms) {
    auto const address = balance::address(boost::asio::ip::address_v4(static_cast<unsigned>(client)));
    return {"dicom", address, std::move(server), sequence, milliseconds(remaining_ms)};
}

} // namespace

TEST_CASE("the greater sequence wins, whatever comes last") {
    dyad::persistence_copy copy;
    std::vector const fresh{entry(1, "new", 2, 1000)};
    std::vector const stale{entry(1, "old", 1, 1000)};
    copy.merge(fresh, 0);
    copy.merge(stale, 0);
    REQUIRE(copy.all(0).size() == 1);
    CHECK(copy.all(0).front().server == "new");
}

TEST_CASE("an expired entry is not given out, and gives way to any other") {
    dyad::persistence_copy copy;
    std::vector const first{entry(1, "a", 5, 100)};
    copy.merge(first, 0);
    CHECK(copy.all(40).front().remaining == milliseconds(60));
    CHECK(copy.all(100).empty());
    std::vector const later{entry(1, "b", 1, 100)};
    copy.merge(later, 150);
    REQUIRE(copy.all(150).size() == 1);
    CHECK(copy.all(150).front().server == "b");
}

TEST_CASE("beyond the limit those that expire first go") {
    dyad::persistence_copy copy(2);
    std::vector const three{entry(1, "a", 1, 300), entry(2, "b", 1, 100), entry(3, "c", 1, 200)};
    copy.merge(three, 0);
    REQUIRE(copy.size() == 2);
    for (auto const& e : copy.all(0)) {
        CHECK(e.server != "b");
    }
}

TEST_CASE("what was cleared is gone, stays gone whatever was on its way, and may come anew") {
    dyad::persistence_copy copy;
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

    dyad::persistence_copy peer; // which may have missed it gets it with all the rest
    peer.merge(three, 0);
    peer.merge(copy.all(70), 70);
    CHECK(peer.read("", {}, 1, 70).entries.front().server == "x");
    CHECK(copy.clear("dicom", {}, 128, 200).size() == 2); // one has expired
    CHECK(copy.clear("dicom", {}, 128, 200).empty());
    CHECK(copy.clear("other", {}, 128, 200).empty());
}

TEST_CASE("a client is cleared with its network") {
    dyad::persistence_copy copy;
    std::vector<balance::persistence_entry> all{entry(0x0a000100, "a", 1, 1000), entry(0x0a000200, "b", 1, 1000)};
    all.push_back({"dicom", boost::asio::ip::make_address("2001:db8:0:100::"), "c", 1, milliseconds(1000)});
    copy.merge(all, 0);
    CHECK(copy.clear("dicom", boost::asio::ip::make_address("10.0.1.77"), 24, 0).size() == 1);
    CHECK(copy.clear("dicom", boost::asio::ip::make_address("::ffff:10.0.2.9"), 24, 0).size() == 1);
    CHECK(copy.clear("dicom", boost::asio::ip::make_address("2001:db8:0:1ff::1"), 56, 0).size() == 1);
    CHECK(copy.read("", {}, 10, 0).entries.empty());
}

TEST_CASE("pages follow each other without a gap") {
    dyad::persistence_copy copy;
    std::vector<balance::persistence_entry> all;
    for (int i = 1; i <= 25; ++i) {
        all.push_back(entry(i, "s", 1, i == 7 ? 10 : 1000));
        all.push_back(entry(i, "s", 1, 1000));
        all.back().service = "zeta";
    }
    copy.merge(all, 0);
    std::size_t seen = 0;
    std::optional<dyad::persistence_copy::position> after;
    for (int pages = 0;; ++pages) {
        REQUIRE(pages < 10);
        auto const page = copy.read("", after, 10, 20);
        CHECK(page.entries.size() <= 10);
        seen += page.entries.size();
        if (!page.more) {
            break;
        }
        after = dyad::persistence_copy::position{page.entries.back().service, page.entries.back().client};
    }
    CHECK(seen == 49); // one has expired
    CHECK(copy.read("zeta", {}, 100, 20).entries.size() == 25);
    CHECK(copy.read("zeta", dyad::persistence_copy::position{"zeta", all[48].client}, 100, 20).entries.empty());
    CHECK(copy.read("", {}, 49, 20).more == false);
    CHECK(copy.read("", {}, 48, 20).more);
}
