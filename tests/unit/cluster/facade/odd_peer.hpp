// SPDX-License-Identifier: Apache-2.0
// A peer that holds the key and says whatever the test wants.
#pragma once

#include "net/tls_engine.hpp"
#include "replication_pair.hpp"
#include "wire/replication_codec.hpp"

#include <catch2/catch.hpp>

#include <boost/asio/write.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace test {

namespace wr = wire::replication;

/// A plain TCP connection from the address `from`.
inline asio::ip::tcp::socket dial(replication_pair& pair, char const* from, char const* to) {
    asio::ip::tcp::socket s(pair.io);
    s.open(asio::ip::tcp::v4());
    s.bind({asio::ip::make_address(from), 0});
    s.connect({asio::ip::make_address(to), pair.port});
    s.non_blocking(true);
    return s;
}

class odd_peer {
public:
    /// Over a connected socket; returns when TLS is established.
    odd_peer(replication_pair& pair, node_id id, asio::ip::tcp::socket socket, net::tls_engine::role role)
        : pair_(pair), id_(id), context_(net::tls_context::make({key_of(1)}, std::string(to_string(id)) + " odd").value()),
          tls_(*context_, role), socket_(std::move(socket)) {
        socket_.non_blocking(true);
        flush();
        REQUIRE(pair_.until([&] {
            receive();
            return tls_.established();
        }));
    }
    /// A secondary that calls the primary.
    static odd_peer secondary(replication_pair& pair) {
        return {pair, node_id::secondary, dial(pair, "127.0.0.2", "127.0.0.1"), net::tls_engine::role::client};
    }
    /// A primary that calls the secondary.
    static odd_peer primary(replication_pair& pair) {
        return {pair, node_id::primary, dial(pair, "127.0.0.1", "127.0.0.2"), net::tls_engine::role::client};
    }

    [[nodiscard]] wr::hello hello() const { return {1, 1, id_, 99, "odd", {}}; }
    void say(wr::message const& m) { say_bytes(wr::encode(m)); }
    void say_bytes(std::string const& bytes) {
        REQUIRE(tls_.write(bytes));
        flush();
    }
    /// The next message but signs of life; nothing when the connection was closed instead.
    std::optional<wr::message> hear() {
        std::optional<wr::message> got;
        REQUIRE(pair_.until([&] {
            receive();
            auto const content = frames_.next();
            if (!content->empty())
                got = wr::decode(*content).value();
            if (got && std::holds_alternative<wr::alive>(*got))
                got.reset();
            return got || closed_;
        }));
        return got;
    }
    [[nodiscard]] bool is_closed() {
        receive();
        return closed_;
    }

private:
    void flush() {
        std::string bytes;
        tls_.take_output(bytes);
        boost::system::error_code ignored;
        asio::write(socket_, asio::buffer(bytes), ignored);
    }
    void receive() {
        std::array<char, 65536> bytes;
        boost::system::error_code code;
        while (!closed_) {
            auto const n = socket_.read_some(asio::buffer(bytes), code);
            if (code == asio::error::would_block)
                return;
            closed_ = code.failed();
            std::string plain;
            REQUIRE(tls_.feed({bytes.data(), n}));
            REQUIRE(tls_.read(plain));
            frames_.feed(plain);
            flush();
        }
    }

    replication_pair& pair_;
    node_id id_;
    std::unique_ptr<net::tls_context> context_;
    net::tls_engine tls_;
    asio::ip::tcp::socket socket_;
    wr::frame_reader frames_{1u << 20};
    bool closed_ = false;
};

} // namespace test
