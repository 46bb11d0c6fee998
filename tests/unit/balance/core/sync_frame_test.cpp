// SPDX-License-Identifier: Apache-2.0
#include "core/sync_frame.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

using namespace balance::ipvs;
using boost::asio::ip::address_v4;

namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
    std::vector<std::byte> out;
    for (int const v : values) {
        out.push_back(static_cast<std::byte>(v));
    }
    return out;
}

address_v4 const source(0xa9fe427a);

std::vector<std::byte> frame() { return sync_frame_of(bytes_of({1, 2, 3}), source); }

bool carries(std::vector<std::byte> const& f, std::vector<std::byte> const& datagram) {
    auto const found = sync_datagram_of(f);
    return found && std::equal(found->begin(), found->end(), datagram.begin(), datagram.end());
}

} // namespace

TEST_CASE("a frame is what a network would bring, byte by byte") {
    CHECK(frame() == bytes_of({0x01, 0x00, 0x5e, 0x00, 0x00, 0x51, 0x02, 0x00, 0x00, 0x00, 0x66, 0x94, 0x08, 0x00, // Ethernet
                               0x45, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00, 0x00, 0x01, 0x11, 0xed, 0x04,             // IPv4
                               0xa9, 0xfe, 0x42, 0x7a, 0xe0, 0x00, 0x00, 0x51,                                     //
                               0x22, 0x90, 0x22, 0x90, 0x00, 0x0b, 0x00, 0x00,                                     // UDP
                               1, 2, 3}));
}

TEST_CASE("what is put into a frame comes out of it") {
    for (std::size_t const size : {std::size_t{1}, std::size_t{4}, longest_sync_datagram}) {
        std::vector<std::byte> const datagram(size, std::byte{7});
        CHECK(carries(sync_frame_of(datagram, source), datagram));
    }
    CHECK(sync_frame_of({}, source).empty());
    CHECK(sync_frame_of(std::vector<std::byte>(longest_sync_datagram + 1), source).empty());
}

TEST_CASE("padding behind the datagram does not belong to it") {
    auto f = frame();
    f.resize(60);
    CHECK(carries(f, bytes_of({1, 2, 3})));
}

TEST_CASE("other frames are passed over") {
    auto const with = [](std::size_t place, int value) {
        auto f = frame();
        f[place] = static_cast<std::byte>(value);
        return f;
    };
    CHECK(sync_datagram_of(with(12, 0x86)) == std::nullopt); // not IPv4
    CHECK(sync_datagram_of(with(14, 0x46)) == std::nullopt); // options
    CHECK(sync_datagram_of(with(20, 0x20)) == std::nullopt); // more fragments
    CHECK(sync_datagram_of(with(21, 0x01)) == std::nullopt); // a later fragment
    CHECK(sync_datagram_of(with(23, 6)) == std::nullopt);    // TCP
    CHECK(sync_datagram_of(with(33, 0x52)) == std::nullopt); // another group
    CHECK(sync_datagram_of(with(37, 0x91)) == std::nullopt); // another port
    CHECK(sync_datagram_of(with(38, 0xff)) == std::nullopt); // longer than the frame
    CHECK(sync_datagram_of(with(39, 0x07)) == std::nullopt); // shorter than its own header
}

TEST_CASE("no frame is read beyond its end, whatever it says") {
    std::mt19937 random(6694);
    for (int i = 0; i < 20'000; ++i) {
        auto f = frame();
        f.resize(random() % (f.size() + 1));
        for (auto n = random() % 4; n > 0 && !f.empty(); --n) {
            f[random() % f.size()] = static_cast<std::byte>(random());
        }
        if (auto const d = sync_datagram_of(f)) {
            CHECK(d->data() >= f.data());
            CHECK(d->data() + d->size() <= f.data() + f.size());
        }
    }
}
