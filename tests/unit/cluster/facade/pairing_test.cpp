// SPDX-License-Identifier: Apache-2.0
// Two nodes that become a pair over TCP on 127.0.0.1, and strangers who try.
#include "support/free_port.hpp"

#include <cluster/pairing.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <optional>

using namespace cluster;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// A host that waits, and what it was told.
struct asked_node {
    asio::io_context io{1};
    std::uint16_t port = test::free_port({"127.0.0.1"});
    std::string refusal;     ///< of whoever asks
    std::string cannot_keep; ///< the key
    std::vector<std::string> asked;
    std::vector<milliseconds> delays;
    std::optional<key> kept;
    std::optional<result<>> closed;
    std::optional<pairing_host> host;

    explicit asked_node(pairing_host::settings s = {}) {
        s.name = "lb2";
        s.listen = {asio::ip::make_address("127.0.0.1")};
        s.port = port;
        host.emplace(io.get_executor(), s, handlers());
    }
    pairing_host::handlers handlers() {
        auto const say = [](std::string const& why) {
            return why.empty() ? result<>() : result<>(balance::make_error(balance::errc::refused, why));
        };
        return {.asked =
                    [this, say](pairing_introduction const& who, pairing_path const& path) {
                        asked.push_back(who.name + " at " + path.peer.to_string());
                        return say(refusal);
                    },
                .paired =
                    [this, say](pairing_introduction const&, pairing_path const&, key const& k) {
                        if (cannot_keep.empty()) {
                            kept = k;
                        }
                        return say(cannot_keep);
                    },
                .wrong_token = [this](unsigned, std::string const&, milliseconds delay) { delays.push_back(delay); },
                .closed =
                    [this](result<> outcome) {
                        closed = std::move(outcome);
                        host.reset(); // handlers may destroy it
                    }};
    }

    /// One node that asks; what came of it.
    result<pairing_guest::agreement> pair_with(pairing_token const& token, std::vector<std::string>* steps = nullptr) {
        std::optional<result<pairing_guest::agreement>> outcome;
        pairing_guest guest(
            io.get_executor(),
            {.self = {"lb1", 6694, port, {"data"}}, .peer = asio::ip::make_address("127.0.0.1"), .port = port}, token,
            {.step =
                 [steps](std::string const& s) {
                     if (steps) {
                         steps->push_back(s);
                     }
                 },
             .done = [&](auto got) { outcome = std::move(got); }});
        run([&] { return outcome.has_value(); });
        REQUIRE(outcome.has_value());
        return std::move(*outcome);
    }

    template <class Condition>
    void run(Condition const& met, milliseconds limit = 20s) {
        for (auto const until = std::chrono::steady_clock::now() + limit;
             !met() && std::chrono::steady_clock::now() < until;) {
            io.restart();
            io.run_one_for(10ms);
        }
        CHECK(met());
    }
};

bool same(key const& a, key const& b) { return std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin()); }

} // namespace

TEST_CASE("pairing: who knows the token hands over a fresh key, step by step") {
    asked_node node;
    auto const token = node.host->open().value();
    std::vector<std::string> steps;
    auto const made = node.pair_with(pairing_token::parse(token.text()).value(), &steps);
    REQUIRE(made.has_value());
    CHECK(made->peer_name == "lb2");
    CHECK(made->local.to_string() == "127.0.0.1");
    CHECK(steps.size() == 4);
    CHECK(node.asked == std::vector<std::string>{"lb1 at 127.0.0.1"});
    node.run([&] { return node.closed.has_value(); });
    CHECK(node.closed->has_value());
    REQUIRE(node.kept);
    CHECK(same(*node.kept, made->key));
    CHECK(node.delays.empty());
    // One use.
    auto const again = node.pair_with(token);
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().detail.find("dyad pair-token") != std::string::npos);
}

TEST_CASE("pairing: five wrong tokens, each later than the one before, end it") {
    asked_node node({.first_delay = 20ms});
    auto const token = node.host->open().value();
    auto const begin = std::chrono::steady_clock::now();
    for (int n = 0; n < 5; ++n) {
        auto const outcome = node.pair_with(pairing_token::generate());
        REQUIRE_FALSE(outcome.has_value());
        CHECK(outcome.error().code == balance::errc::not_permitted);
        CHECK(outcome.error().detail.find("token is wrong") != std::string::npos);
    }
    node.run([&] { return node.closed.has_value(); });
    CHECK(std::chrono::steady_clock::now() - begin >= 20ms + 40ms + 80ms + 160ms);
    CHECK(node.delays == std::vector<milliseconds>{20ms, 40ms, 80ms, 160ms, 320ms});
    CHECK(node.closed->error().detail == "5 wrong tokens came");
    CHECK_FALSE(node.pair_with(token).has_value());
    CHECK_FALSE(node.kept);
    CHECK(node.asked.empty());
}

TEST_CASE("pairing: who is refused hears why, and the token stays good") {
    asked_node node;
    auto const token = node.host->open().value();
    node.refusal = "lb2 has 3 services";
    auto const refused = node.pair_with(token);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().detail == "lb2 refuses: lb2 has 3 services");
    CHECK_FALSE(node.closed);
    node.refusal.clear();
    CHECK(node.pair_with(token).has_value());
}

TEST_CASE("pairing: a key that cannot be kept is none") {
    asked_node node;
    node.cannot_keep = "the disk is full";
    auto const outcome = node.pair_with(node.host->open().value());
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().detail.find("the disk is full") != std::string::npos);
    node.run([&] { return node.closed.has_value(); });
    CHECK_FALSE(node.closed->has_value());
}

TEST_CASE("pairing: strangers who talk nonsense, or leave, cost the token nothing") {
    asked_node node;
    auto const token = node.host->open().value();
    for (std::string const nonsense : {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05hello", ""}) {
        asio::ip::tcp::socket stranger(node.io);
        stranger.connect({asio::ip::make_address("127.0.0.1"), node.port});
        asio::write(stranger, asio::buffer(nonsense));
        stranger.close();
    }
    CHECK(node.pair_with(token).has_value());
    CHECK(node.delays.empty());
}

TEST_CASE("pairing: a token nobody uses ends by itself") {
    asked_node node({.life = 30ms});
    REQUIRE(node.host->open().has_value());
    node.run([&] { return node.closed.has_value(); });
    CHECK(node.closed->error().code == balance::errc::timed_out);
}

TEST_CASE("pairing: a port that is taken, and a node without an address, are said") {
    asked_node node;
    REQUIRE(node.host->open().has_value());
    pairing_host second(node.io.get_executor(),
                        {.name = "x", .listen = {asio::ip::make_address("127.0.0.1")}, .port = node.port},
                        node.handlers());
    CHECK(second.open().error().code == balance::errc::already_exists);
    pairing_host third(node.io.get_executor(), {.name = "x", .listen = {}, .port = node.port}, node.handlers());
    CHECK(third.open().error().code == balance::errc::not_found);
}

TEST_CASE("pairing: nobody waits there") {
    asked_node node;
    auto const outcome = node.pair_with(pairing_token::generate());
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().detail.find("run `dyad pair-token` on that node first") != std::string::npos);
}
