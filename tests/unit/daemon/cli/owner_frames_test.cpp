// SPDX-License-Identifier: Apache-2.0
// The frames are Scapy's.
#include <catch2/catch.hpp>
#include <cli/owner_frames.hpp>

#include <string>
#include <string_view>
#include <vector>

using dyad::cli::mac_address;
using dyad::cli::mac_text;
using dyad::cli::owner_answer;
using dyad::cli::owner_question;

namespace {

std::vector<std::uint8_t> frame_of(std::string_view hex) {
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    return out;
}

balance::address at(char const* text) { return boost::asio::ip::make_address(text); }

constexpr mac_address witness{0x02, 0x77, 0, 0, 0, 1};
auto const arp_reply = frame_of("027700000001027700000009080600010800060400020277000000090a4d00640277000000010a4d0015");
auto const advertisement = frame_of("02770000000102770000000986dd6000000000203afffd770000000000000000000000000110fd7700000000000000000000"
                                    "000000218800187b60000000fd7700000000000000000000000001100201027700000009");

} // namespace

TEST_CASE("who owns an address is asked as any station asks") {
    CHECK(owner_question(witness, at("10.77.0.21"), at("10.77.0.100")) ==
          frame_of("ffffffffffff027700000001080600010800060400010277000000010a4d00150000000000000a4d0064"));
    CHECK(owner_question(witness, at("fd77::21"), at("fd77::110")) ==
          frame_of("3333ff00011002770000000186dd6000000000203afffd770000000000000000000000000021ff0200000000000000000001ff00"
                   "0110870079f600000000fd7700000000000000000000000001100101027700000001"));
}

TEST_CASE("an answer names address and station") {
    auto const v4 = owner_answer(arp_reply, witness);
    REQUIRE(v4);
    CHECK(v4->address == at("10.77.0.100"));
    CHECK(mac_text(v4->mac) == "02:77:00:00:00:09");
    auto const v6 = owner_answer(advertisement, witness);
    REQUIRE(v6);
    CHECK(v6->address == at("fd77::110"));
    CHECK(mac_text(v6->mac) == "02:77:00:00:00:09");
}

TEST_CASE("what is no answer to the witness is none, and a frame that is cut off is no harm") {
    CHECK_FALSE(owner_answer(owner_question(witness, at("10.77.0.21"), at("10.77.0.100")), witness));
    CHECK_FALSE(owner_answer(arp_reply, mac_address{0x02, 0x77, 0, 0, 0, 2}));
    for (std::size_t size = 0; size < arp_reply.size(); ++size) {
        CHECK_FALSE(owner_answer(std::span(arp_reply).first(size), witness));
    }
    constexpr std::size_t without_option = 78; // the frame's source names the station then
    for (std::size_t size = 0; size < advertisement.size(); ++size) {
        CHECK(owner_answer(std::span(advertisement).first(size), witness).has_value() == (size >= without_option));
    }
}
