// SPDX-License-Identifier: Apache-2.0
// Two replicators in one process, on 127.0.0.1 (primary) and 127.0.0.2 (secondary), each with a store of its own.
#pragma once

#include "support/free_port.hpp"
#include "support/temporary_directory.hpp"

#include <cluster/replicator.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace test {

using namespace cluster;
namespace asio = boost::asio;

inline key key_of(std::uint8_t fill) {
    std::array<std::uint8_t, key::size> bytes{};
    bytes.fill(fill);
    return key(bytes);
}

inline generation make_generation(std::uint64_t number, std::string const& text = "format = 1\n", std::uint32_t term = 1) {
    return {{term, number}, {{"cluster.toml", text + std::to_string(number)}}, "test", 0};
}

/// In memory: what is tested here is the channel, not this machine's disk.
struct memory_directory {
    memory_directory() {
        ::setenv("TMPDIR", "/dev/shm", 1);
        directory.emplace();
        ::unsetenv("TMPDIR");
    }
    [[nodiscard]] std::filesystem::path const& path() const { return directory->path(); }

    std::optional<temporary_directory> directory;
};

struct replication_node {
    replication_node(asio::io_context& io, node_id self, std::uint16_t port, std::uint8_t key_fill = 1) : io_(io) {
        settings.self = self;
        settings.name = self == node_id::primary ? "lb1" : "lb2";
        settings.key = key_of(key_fill);
        settings.port = port;
        settings.alive = milliseconds{100}; // a tenth of the product's: the tests don't wait
        settings.dead = milliseconds{10000}; // only tests of silence make it short: this machine may be slow
        auto const one = asio::ip::make_address("127.0.0.1");
        auto const two = asio::ip::make_address("127.0.0.2");
        settings.paths = {self == node_id::primary ? replicator_settings::path{one, two, "lo"}
                                                   : replicator_settings::path{two, one, "lo"}};
        store = generation_store::open(home.path() / "generations").value();
    }

    void make() {
        unit.emplace(io_.get_executor(), settings, *store);
        unit->on_prepare([this](generation const& g) -> result<> {
            prepared.push_back(g);
            if (!refusal.empty())
                return balance::make_error(balance::errc::refused, refusal);
            return {};
        });
        unit->on_committed([this](generation const& g) { committed.push_back(g); });
        unit->on_document([this](shared_document const& d) { documents.push_back(d); });
        unit->on_stream([this](std::string_view channel, std::string_view bytes) { streams.emplace_back(channel, bytes); });
        unit->on_connected([this](bool on) { connections.push_back(on); });
    }
    result<> start() {
        if (!unit)
            make();
        return unit->start();
    }
    void apply(generation g) {
        unit->apply(std::move(g), [this](result<replicator::outcome> r) { answers.push_back(std::move(r)); });
    }
    [[nodiscard]] bool connected() const { return unit->status().connected; }

    memory_directory home;
    replicator_settings settings{node_id::primary, "", key_of(0), {}, 0, 1u << 20, milliseconds{2000}, {}, {}};
    std::optional<generation_store> store;
    std::string refusal;
    std::vector<generation> prepared;
    std::vector<generation> committed;
    std::vector<shared_document> documents;
    std::vector<std::pair<std::string, std::string>> streams;
    std::vector<bool> connections;
    std::vector<result<replicator::outcome>> answers;
    std::optional<replicator> unit; // goes first: it answers what is pending

private:
    asio::io_context& io_;
};

struct replication_pair {
    asio::io_context io{1};
    std::uint16_t port = free_port({"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.9"});
    replication_node a{io, node_id::primary, port};
    replication_node b{io, node_id::secondary, port};

    /// Runs the event loop until `done` or for 10 s at most; false when it never came.
    template <class Predicate>
    bool until(Predicate const& done) {
        auto const limit = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        while (!done()) {
            if (std::chrono::steady_clock::now() > limit)
                return false;
            io.restart();
            io.run_one_for(std::chrono::milliseconds{50});
        }
        return true;
    }
    /// Runs it for a while in which nothing shall happen.
    void during(milliseconds t) {
        io.restart();
        io.run_for(t);
    }
    bool connect() {
        auto const first = a.start();
        auto const second = first ? b.start() : first;
        if (second && until([&] { return a.connected() && b.connected(); }))
            return true;
        UNSCOPED_INFO((second ? "the primary: " + a.unit->status().last_error + "; the secondary: " + b.unit->status().last_error
                              : second.error().detail));
        return false;
    }
};

} // namespace test
