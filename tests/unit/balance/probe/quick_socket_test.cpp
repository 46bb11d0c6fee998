// SPDX-License-Identifier: Apache-2.0
#include "probe/quick_socket.hpp"

#include "support/scripted_server.hpp"
#include "watched_checker.hpp"

#include <boost/asio/error.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <list>
#include <optional>

using namespace balance;
using namespace balance::probe;
using namespace test;
namespace asio = boost::asio;

namespace {

/// A socket of which the test says what becomes of it.
struct client final : quick_socket::owner {
    explicit client(std::shared_ptr<socket_set> const& set) : socket(std::in_place, set, *this) {}

    void ready(bool readable) override {
        ++times;
        if (on_ready)
            on_ready(readable);
    }

    std::optional<quick_socket> socket;
    std::function<void(bool)> on_ready;
    int times = 0;
};

endpoint on_loopback(std::uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

} // namespace

TEST_CASE("a quick socket connects, writes and reads to the end", "[quick_socket]") {
    asio::io_context io;
    scripted_server server(io, reply("hello"));
    auto const set = socket_set::make(io.get_executor());
    client c(set);
    std::string got;
    std::optional<boost::system::error_code> end;
    c.on_ready = [&](bool readable) {
        if (c.times == 1) {
            CHECK_FALSE(c.socket->connected());
            CHECK(c.socket->write("please\r\n\r\n").size == 10);
        }
        while (readable && !end) {
            auto const piece = c.socket->read(set->buffer());
            if (piece.error == asio::error::would_block)
                return;
            got.append(set->buffer().data(), piece.size);
            if (piece.error)
                end = piece.error;
        }
    };
    REQUIRE_FALSE(c.socket->connect(on_loopback(server.port()), quick_socket::manner::usual));
    REQUIRE(run_until(io, [&] { return end.has_value(); }));
    CHECK(got == "hello");
    CHECK(*end == asio::error::eof);
    set->close();
}

TEST_CASE("a quick socket says why it could not connect", "[quick_socket]") {
    asio::io_context io;
    auto const set = socket_set::make(io.get_executor());
    client c(set);
    std::optional<boost::system::error_code> said;
    c.on_ready = [&](bool) { said = c.socket->connected(); };
    REQUIRE_FALSE(c.socket->connect(on_loopback(1), quick_socket::manner::traceless));
    REQUIRE(run_until(io, [&] { return said.has_value(); }));
    CHECK(*said == asio::error::connection_refused);
    client nowhere(set);
    CHECK(nowhere.socket->connect({asio::ip::make_address("255.255.255.255"), 80}, quick_socket::manner::usual));
    set->close();
}

TEST_CASE("a socket that is destroyed while others of its moment are told hears nothing", "[quick_socket]") {
    asio::io_context io;
    scripted_server server(io, stay_silent);
    auto const set = socket_set::make(io.get_executor());
    std::list<client> all;
    int told = 0;
    for (int i = 0; i < 40; ++i) {
        auto& c = all.emplace_back(set);
        c.on_ready = [&](bool) {
            ++told;
            for (auto& other : all) // whoever is first ends all others
                if (&other != &c)
                    other.socket.reset();
        };
        REQUIRE_FALSE(c.socket->connect(on_loopback(server.port()), quick_socket::manner::usual));
    }
    REQUIRE(run_until(io, [&] { return told > 0; }));
    run_until(
        io, [] { return false; }, std::chrono::milliseconds(15));
    CHECK(told == 1);
    set->close();
}

TEST_CASE("whoever closes the set of sockets hears nothing more", "[quick_socket]") {
    asio::io_context io;
    scripted_server server(io, stay_silent);
    auto const set = socket_set::make(io.get_executor());
    client c(set);
    REQUIRE_FALSE(c.socket->connect(on_loopback(server.port()), quick_socket::manner::usual));
    set->close();
    run_until(
        io, [] { return false; }, std::chrono::milliseconds(15));
    CHECK(c.times == 0);
}
