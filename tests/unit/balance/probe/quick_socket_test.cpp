// SPDX-License-Identifier: Apache-2.0
#include "probe/quick_socket.hpp"

#include "support/scripted_server.hpp"
#include "watched_checker.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <list>
#include <optional>
#include <utility>
#include <vector>

using namespace balance;
using namespace balance::probe;
using namespace test;
namespace asio = boost::asio;

namespace {

/// A socket of which the test says what becomes of it.
struct client final : quick_socket::owner {
    explicit client(std::shared_ptr<socket_set> const& set) : client(std::make_shared<socket_line>(set)) {}
    explicit client(std::shared_ptr<socket_line> line) : socket(std::in_place, std::move(line), *this) {}

    void ready(bool readable) override {
        ++times;
        if (on_ready)
            on_ready(readable);
    }

    std::optional<quick_socket> socket;
    std::function<void(bool)> on_ready;
    int times = 0;
};

constexpr std::size_t most_kept = 100;

endpoint on_loopback(std::uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

} // namespace

TEST_CASE("a quick socket connects, writes and reads to the end", "[quick_socket]") {
    asio::io_context io;
    scripted_server server(io, reply("hello"));
    auto const set = socket_set::make(io.get_executor(), most_kept);
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
    auto const set = socket_set::make(io.get_executor(), most_kept);
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
    auto const set = socket_set::make(io.get_executor(), most_kept);
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
    auto const set = socket_set::make(io.get_executor(), most_kept);
    client c(set);
    REQUIRE_FALSE(c.socket->connect(on_loopback(server.port()), quick_socket::manner::usual));
    set->close();
    run_until(
        io, [] { return false; }, std::chrono::milliseconds(15));
    CHECK(c.times == 0);
}

namespace {

/// How many descriptors this process has.
std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

/// What became of a connection: connects, and closes when that is clear.
boost::system::error_code outcome_of(asio::io_context& io, std::shared_ptr<socket_line> const& line, endpoint const& target) {
    client c(line);
    std::optional<boost::system::error_code> said;
    c.on_ready = [&](bool) {
        said = c.socket->connected();
        c.socket->close();
    };
    REQUIRE_FALSE(c.socket->connect(target, quick_socket::manner::traceless));
    REQUIRE(run_until(io, [&] { return said.has_value(); }));
    return *said;
}

/// Reads to the end, then says how the connection ended.
scripted_server::behaviour note_end(std::optional<boost::system::error_code>& end) {
    return [&end](tcp::socket& s) -> asio::awaitable<void> {
        std::string read;
        auto const [ec, size] = co_await asio::async_read(s, asio::dynamic_buffer(read), no_throw);
        end = ec;
    };
}

} // namespace

TEST_CASE("a line has one descriptor for one connection after the other", "[quick_socket]") {
    auto const ip = GENERATE(as<asio::ip::address>(), asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback());
    asio::io_context io;
    scripted_server server(io, stay_silent, ip);
    endpoint const target{ip, server.port()};
    auto const set = socket_set::make(io.get_executor(), most_kept);
    auto const line = std::make_shared<socket_line>(set);
    CHECK_FALSE(outcome_of(io, line, target));
    auto const before = open_descriptors();
    for (int i = 0; i < 20; ++i) {
        CHECK_FALSE(outcome_of(io, line, target));
        CHECK(open_descriptors() == before);
    }
    CHECK(server.connections() == 0); // nobody heard of them
    set->close();
}

TEST_CASE("a connection that did not come about leaves nothing to the next", "[quick_socket]") {
    asio::io_context io;
    std::optional<scripted_server> server(std::in_place, io, stay_silent);
    auto const target = on_loopback(server->port());
    auto const set = socket_set::make(io.get_executor(), most_kept);
    auto const line = std::make_shared<socket_line>(set);
    auto const before = open_descriptors();
    CHECK_FALSE(outcome_of(io, line, target));
    CHECK(open_descriptors() == before + 1);
    {
        client hasty(line); // leaves before it knows
        CHECK_FALSE(hasty.socket->connect(target, quick_socket::manner::traceless));
    }
    CHECK(open_descriptors() == before);
    CHECK_FALSE(outcome_of(io, line, target));
    CHECK(open_descriptors() == before + 1);
    server->close();
    for (int i = 0; i < 3; ++i) {
        CHECK(outcome_of(io, line, target) == asio::error::connection_refused);
        CHECK(open_descriptors() == before - 1); // the server's
    }
    scripted_server again(io, stay_silent, target.address, target.port);
    CHECK_FALSE(outcome_of(io, line, target));
    CHECK(open_descriptors() == before + 1);
    CHECK(again.connections() == 0);
    set->close();
}

TEST_CASE("two connections of a line at once are two descriptors, of which one stays", "[quick_socket]") {
    asio::io_context io;
    scripted_server server(io, stay_silent);
    auto const set = socket_set::make(io.get_executor(), most_kept);
    auto const before = open_descriptors();
    auto line = std::make_shared<socket_line>(set);
    {
        client one(line);
        client other(line);
        for (auto* const c : {&one, &other})
            REQUIRE_FALSE(c->socket->connect(on_loopback(server.port()), quick_socket::manner::traceless));
        CHECK(open_descriptors() == before + 2);
        REQUIRE(run_until(io, [&] { return one.times > 0 && other.times > 0; }));
    }
    CHECK(open_descriptors() == before + 1);
    line.reset();
    CHECK(open_descriptors() == before);
    set->close();
}

TEST_CASE("descriptors beyond those that may be kept are closed, by a reset as well", "[quick_socket]") {
    asio::io_context io;
    scripted_server server(io, stay_silent);
    auto const set = socket_set::make(io.get_executor(), most_kept);
    auto const before = open_descriptors();
    std::vector<std::shared_ptr<socket_line>> lines;
    {
        std::list<client> all;
        for (std::size_t i = 0; i < most_kept + 20; ++i) {
            lines.push_back(std::make_shared<socket_line>(set));
            REQUIRE_FALSE(all.emplace_back(lines.back()).socket->connect(on_loopback(server.port()), quick_socket::manner::traceless));
        }
        CHECK(open_descriptors() == before + static_cast<std::ptrdiff_t>(lines.size()));
        REQUIRE(run_until(io, [&] { return std::ranges::all_of(all, [](client const& c) { return c.times > 0; }); }));
    }
    CHECK(open_descriptors() == before + static_cast<std::ptrdiff_t>(most_kept));
    lines.pop_back();
    lines.erase(lines.begin(), lines.begin() + 10);
    CHECK(open_descriptors() == before + static_cast<std::ptrdiff_t>(most_kept) - 10);
    CHECK_FALSE(outcome_of(io, std::make_shared<socket_line>(set), on_loopback(server.port())));
    run_until(
        io, [] { return false; }, std::chrono::milliseconds(15));
    CHECK(server.connections() == 0);
    lines.clear();
    CHECK(open_descriptors() == before);
    set->close();
}

TEST_CASE("a connection that could not begin is not told of", "[quick_socket]") {
    asio::io_context io;
    auto const set = socket_set::make(io.get_executor(), most_kept);
    client c(set);
    CHECK(c.socket->connect({asio::ip::make_address("255.255.255.255"), 80}, quick_socket::manner::traceless));
    run_until(
        io, [] { return false; }, std::chrono::milliseconds(15));
    CHECK(c.times == 0);
    set->close();
}

TEST_CASE("whoever connects anew while others of its moment are told hears of the new connection alone", "[quick_socket]") {
    asio::io_context io;
    scripted_server server(io, stay_silent);
    auto const set = socket_set::make(io.get_executor(), most_kept);
    auto const line = std::make_shared<socket_line>(set);
    client first(line);
    REQUIRE_FALSE(first.socket->connect(on_loopback(server.port()), quick_socket::manner::traceless));
    REQUIRE(run_until(io, [&] { return first.times == 1; }));
    client refused(set);
    std::optional<client> second;
    refused.on_ready = [&](bool) {
        second.emplace(line);
        second->on_ready = [&](bool) { CHECK_FALSE(second->socket->connected()); };
        REQUIRE_FALSE(second->socket->connect(on_loopback(server.port()), quick_socket::manner::traceless));
    };
    REQUIRE_FALSE(refused.socket->connect(on_loopback(1), quick_socket::manner::traceless)); // and is, before the next line
    first.socket->close(); // told of in the same moment, after that
    REQUIRE(run_until(io, [&] { return second && second->times > 0; }));
    CHECK(refused.times == 1);
    CHECK(first.times == 1);
    CHECK(second->times == 1);
    set->close();
}

TEST_CASE("a connection that the server has not closed is ended by a FIN, and its descriptor with it", "[quick_socket]") {
    asio::io_context io;
    std::optional<boost::system::error_code> end;
    scripted_server server(io, note_end(end));
    auto const set = socket_set::make(io.get_executor(), most_kept);
    auto const line = std::make_shared<socket_line>(set);
    auto const before = open_descriptors();
    {
        client c(line);
        c.on_ready = [&](bool) { CHECK(c.socket->write("please").size == 6); };
        REQUIRE_FALSE(c.socket->connect(on_loopback(server.port()), quick_socket::manner::usual));
        REQUIRE(run_until(io, [&] { return c.times > 0; }));
    }
    REQUIRE(run_until(io, [&] { return end.has_value(); }));
    CHECK(*end == asio::error::eof);
    CHECK(open_descriptors() == before + 1); // the server's
    set->close();
}

TEST_CASE("a connection that the server has closed leaves its descriptor for the next", "[quick_socket]") {
    asio::io_context io;
    std::optional<boost::system::error_code> end;
    bool closed = false;
    scripted_server server(io, [&](tcp::socket& s) -> asio::awaitable<void> {
        std::string read;
        co_await asio::async_read_until(s, asio::dynamic_buffer(read), "\r\n\r\n", no_throw);
        co_await asio::async_write(s, asio::buffer("well", 4), no_throw);
        s.shutdown(tcp::socket::shutdown_send);
        closed = true;
        auto const [ec, size] = co_await asio::async_read(s, asio::dynamic_buffer(read), no_throw);
        end = ec;
        s.close();
    });
    auto const set = socket_set::make(io.get_executor(), most_kept);
    auto const line = std::make_shared<socket_line>(set);
    auto const before = open_descriptors();
    for (bool const to_the_end : {true, false}) { // or closed with the end unread
        end.reset();
        closed = false;
        client c(line);
        bool over = false;
        c.on_ready = [&](bool readable) {
            if (c.times == 1)
                CHECK(c.socket->write("please\r\n\r\n").size == 10);
            while (readable && !over) {
                auto const piece = c.socket->read(set->buffer());
                if (piece.error == asio::error::would_block)
                    return;
                over = to_the_end ? piece.error == asio::error::eof : piece.size == 4;
            }
        };
        REQUIRE_FALSE(c.socket->connect(on_loopback(server.port()), quick_socket::manner::usual));
        REQUIRE(run_until(io, [&] { return over && closed; }));
        c.socket->close();
        REQUIRE(run_until(io, [&] { return end.has_value(); }));
        CHECK(*end == asio::error::connection_reset);
        CHECK(open_descriptors() == before + 1);
    }
    CHECK_FALSE(outcome_of(io, line, on_loopback(server.port())));
    CHECK(open_descriptors() == before + 1);
    set->close();
}
