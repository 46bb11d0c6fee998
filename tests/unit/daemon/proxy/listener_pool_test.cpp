// SPDX-License-Identifier: Apache-2.0
#include "ipc/values.hpp"
#include "proxy/listener_pool.hpp"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>

using namespace dyad;

namespace {

balance::endpoint at(std::uint16_t port) { return {boost::asio::ip::make_address("10.0.0.1"), port}; }

/// A file that can be told from others, in place of a socket.
ipc::descriptor file() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    ::close(ends[1]);
    return ipc::descriptor(ends[0]);
}

ino_t inode(int fd) {
    struct stat info {};
    REQUIRE(::fstat(fd, &info) == 0);
    return info.st_ino;
}

boost::json::object message(std::vector<balance::endpoint> const& add,
                            std::vector<balance::endpoint> const& remove = {},
                            std::vector<balance::endpoint> const& failed = {}) {
    auto failures = ipc::pack_all(failed);
    for (auto& f : failures) {
        f.get_object()["error"] = "taken";
    }
    return {
        {"type", "listeners"}, {"add", ipc::pack_all(add)}, {"remove", ipc::pack_all(remove)}, {"failed", failures}};
}

std::vector<ipc::descriptor> files(std::size_t n) {
    std::vector<ipc::descriptor> all;
    while (all.size() < n) {
        all.push_back(file());
    }
    return all;
}

/// What the relay gets; closed here in its place.
std::vector<std::pair<balance::endpoint, ino_t>> given(listener_pool& pool, std::set<balance::endpoint> const& wanted) {
    std::vector<std::pair<balance::endpoint, ino_t>> all;
    for (auto const& l : pool.hand_over(wanted)) {
        all.emplace_back(l.local, inode(l.descriptor));
        ::close(l.descriptor);
    }
    return all;
}

} // namespace

TEST_CASE("sockets are handed over once, and again when they are others") {
    listener_pool pool;
    auto two = files(2);
    auto const first = inode(two[0].get());
    auto const second = inode(two[1].get());
    REQUIRE(pool.take(message({at(80), at(81)}), std::move(two)).has_value());
    CHECK(given(pool, {at(80)}) == std::vector{std::pair{at(80), first}});
    CHECK(given(pool, {at(80)}).empty());
    CHECK(given(pool, {at(80), at(81)}) == std::vector{std::pair{at(81), second}});

    auto other = files(1);
    auto const third = inode(other[0].get());
    REQUIRE(pool.take(message({at(80)}), std::move(other)).has_value());
    CHECK(given(pool, {at(80), at(81)}) == std::vector{std::pair{at(80), third}});
}

TEST_CASE("a service that went and came back gets its socket again") {
    listener_pool pool;
    REQUIRE(pool.take(message({at(80)}), files(1)).has_value());
    CHECK(given(pool, {at(80)}).size() == 1);
    CHECK(given(pool, {}).empty());
    CHECK(given(pool, {at(80)}).size() == 1);
}

TEST_CASE("what was removed is gone") {
    listener_pool pool;
    REQUIRE(pool.take(message({at(80)}), files(1)).has_value());
    REQUIRE(pool.take(message({}, {at(80)}), {}).has_value());
    CHECK_FALSE(pool.has(at(80)));
    CHECK(given(pool, {at(80)}).empty());
}

TEST_CASE("the guardian has to say of every socket whether it has it") {
    listener_pool pool;
    CHECK(pool.settled({}));
    CHECK_FALSE(pool.settled({at(80)}));
    REQUIRE(pool.take(message({at(80)}, {}, {at(81)}), files(1)).has_value());
    CHECK(pool.settled({at(80), at(81)}));
    CHECK_FALSE(pool.settled({at(80), at(82)}));
    CHECK(pool.failure(at(80)) == nullptr);
    REQUIRE(pool.failure(at(81)) != nullptr);
    CHECK(*pool.failure(at(81)) == "taken");
    REQUIRE(pool.take(message({at(81)}), files(1)).has_value());
    CHECK(pool.failure(at(81)) == nullptr);
    CHECK(pool.settled({at(80), at(81)}));
}

TEST_CASE("a message that does not fit changes nothing") {
    listener_pool pool;
    REQUIRE(pool.take(message({at(80)}), files(1)).has_value());
    CHECK_FALSE(pool.take(message({at(81)}, {at(80)}), {}).has_value());
    CHECK_FALSE(pool.take({{"type", "listeners"}}, {}).has_value());
    CHECK(pool.has(at(80)));
    CHECK_FALSE(pool.has(at(81)));
}
