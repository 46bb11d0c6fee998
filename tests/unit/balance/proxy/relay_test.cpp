// SPDX-License-Identifier: Apache-2.0
#include "proxied_service.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <thread>

using namespace dyad::test;

namespace {

std::string random_bytes(std::size_t size, unsigned seed) {
    std::minstd_rand engine(seed);
    std::string bytes(size, '\0');
    for (char& c : bytes)
        c = static_cast<char>(engine());
    return bytes;
}

} // namespace

TEST_CASE("bytes arrive as they were sent, both ways", "[proxy]") {
    threaded_server server(greet_and_echo("one"));
    proxied_service p;
    p.add_server("one", server.port());
    p.apply();
    for (std::size_t const size : {1u, 2u, 1000u, 16383u, 16384u, 16385u, 100'000u, 3'000'000u}) {
        auto const sent = random_bytes(size, static_cast<unsigned>(size));
        tcp_client client(p.port);
        REQUIRE(client.error() == 0);
        std::thread writer([&] {
            client.send(sent);
            client.end_sending();
        });
        CHECK(client.receive_line() == "one");
        auto const got = client.receive_all();
        writer.join();
        CHECK(client.error() == 0);
        CHECK(got.size() == sent.size());
        CHECK(got == sent);
    }
}
