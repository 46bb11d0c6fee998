// SPDX-License-Identifier: Apache-2.0
#include "conversation.hpp"
#include "support/golden_hex.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>

using namespace wire_test;

namespace {

/// The real ciphers; only the session id is the golden one.
class golden_suite final : public suite {
public:
    std::unique_ptr<cipher> make_cipher() override { return real_->make_cipher(); }
    cipher_key derive(byte_view salt, byte_view info) override { return real_->derive(salt, info); }
    void random(byte_span out) override { std::iota(out.begin(), out.end(), std::uint8_t{0xa0}); }

private:
    std::unique_ptr<suite> real_ = net::make_openssl_suite(test_key());
};

template <std::size_t N>
void count_up(std::array<std::uint8_t, N>& to, std::uint8_t from) {
    std::iota(to.begin(), to.end(), from);
}

heartbeat small() {
    heartbeat h;
    h.links = 1;
    h.link_sequence = 1;
    h.name = node_name{"a"};
    return h;
}

heartbeat full() {
    heartbeat h;
    h.report = {.epoch = {0x0102030405060708, node_id::secondary},
                .state = node_state::active,
                .maintenance = true,
                .ready = true,
                .service_ok = true,
                .synchronised = true,
                .pings_answering = 1,
                .pings_configured = 2,
                .takeover_request = 0x11121314,
                .takeover_answer = 0x21222324,
                .refusal = 5,
                .offered = true};
    h.config = {7, 0x3132333435363738};
    count_up(h.config_hash, 0x40);
    count_up(h.asked, 0x60);
    count_up(h.answered, 0x70);
    h.uptime_ms = 86'400'000;
    h.link_sequence = 1;
    h.links = 2;
    h.hearing[0] = {0x8182838485868788, 25};
    h.hearing[1] = {9, link_hearing::never};
    h.name = node_name{"zürich-lb2"};
    return h;
}

frame sealed(own_session& s, std::size_t link, heartbeat h) {
    own_session::frame_buffer out{};
    auto const size = s.seal(link, h, out);
    return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size)};
}

} // namespace

TEST_CASE("heartbeat frames are those that an independent program composes from the specification") {
    auto const golden = test::read_golden("heartbeat/frames.hex");
    golden_suite suite;
    own_session primary{suite, node_id::primary};
    own_session secondary{suite, node_id::secondary};

    auto const key_of_primary = session_key(suite, primary.id(), node_id::primary);
    CHECK(frame(key_of_primary.begin(), key_of_primary.end()) == golden.at("key_of_primary"));
    auto const key_of_secondary = session_key(suite, secondary.id(), node_id::secondary);
    CHECK(frame(key_of_secondary.begin(), key_of_secondary.end()) == golden.at("key_of_secondary"));
    CHECK(sealed(primary, 0, small()) == golden.at("small_frame"));
    CHECK(sealed(secondary, 1, full()) == golden.at("full_frame"));
    CHECK(primary.goodbye(0) == golden.at("goodbye_link_0"));
    CHECK(primary.goodbye(1) == golden.at("goodbye_link_1"));
}

TEST_CASE("golden bodies are read as what they say") {
    auto const golden = test::read_golden("heartbeat/frames.hex");
    heartbeat out;
    REQUIRE(decode(golden.at("small_body"), out));
    CHECK(out == small());
    REQUIRE(decode(golden.at("full_body"), out));
    CHECK(out == full());
}

TEST_CASE("a body that is cut off or out of range is refused") {
    auto const body = test::read_golden("heartbeat/frames.hex").at("full_body");
    heartbeat out;
    for (std::size_t size = 0; size < body.size(); ++size) {
        INFO(size << " bytes");
        CHECK_FALSE(decode(byte_view{body}.first(size), out));
    }
    auto const with = [&](std::size_t at, std::uint8_t value) {
        auto changed = body;
        changed[at] = value;
        return decode(changed, out);
    };
    CHECK_FALSE(with(8, 3));      // no such node
    CHECK_FALSE(with(9, 6));      // no such state
    CHECK_FALSE(with(110, 9));    // more links than there can be
    CHECK_FALSE(with(135, 64));   // a name longer than 63 bytes
    CHECK_FALSE(with(136, 0x1b)); // a control character in the name
    CHECK(with(10, 0xff));        // flags of a later release
}

TEST_CASE("bytes behind the last field are left to later releases") {
    auto body = test::read_golden("heartbeat/frames.hex").at("full_body");
    body.push_back(0xee);
    heartbeat out;
    REQUIRE(decode(body, out));
    CHECK(out == full());
}
