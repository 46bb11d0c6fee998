// SPDX-License-Identifier: Apache-2.0
#include "wire/replication_codec.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace cluster;
namespace wr = wire::replication;

namespace {

generation_id some_id() {
    generation_id id{{3, 17}, {}};
    for (std::size_t i = 0; i < id.hash.size(); ++i)
        id.hash[i] = static_cast<std::uint8_t>(0xa0 + i);
    return id;
}

generation some_generation() {
    return {{3, 17}, {{"certificates/web.pem", std::string("\0\xff", 2)}, {"cluster.toml", "format = 1\n"}}, "uid 0 (root) on lb1", -1};
}

std::vector<wr::message> one_of_each() {
    auto const id = some_id();
    return {wr::hello{1, 2, node_id::secondary, 0x0123456789abcdef, "lb2", id},
            wr::alive{},
            wr::prepare{some_generation(), id.hash},
            wr::prepared{id},
            wr::refused{id, "no"},
            wr::commit{id},
            wr::committed{id},
            wr::abandon{id},
            wr::document{{"servers", 9, node_id::primary, "{}"}},
            wr::stream{"persistence", "bytes"},
            wr::farewell{"bye"}};
}

std::string content_of(wr::message const& m) { return wr::encode(m).substr(4); }

std::string hex(std::string_view bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (char c : bytes) {
        auto const byte = static_cast<std::uint8_t>(c);
        out.push_back(digits[byte >> 4]);
        out.push_back(digits[byte & 15]);
    }
    return out;
}

} // namespace

TEST_CASE("replication messages come back as they were sent") {
    for (auto const& m : one_of_each()) {
        auto const back = wr::decode(content_of(m));
        REQUIRE(back.has_value());
        CHECK(*back == m);
    }
}

TEST_CASE("the bytes of a replication hello are those of the document") {
    // docs/PROTOCOL.md, "Replication": length, number, versions, node, instance, name, version, hash.
    auto const frame = wr::encode(wr::hello{1, 1, node_id::primary, 0x1122334455667788, "lb1", {{1, 2}, {}}});
    CHECK(hex(frame) == "0000003f"
                        "01"
                        "0001"
                        "0001"
                        "01"
                        "1122334455667788"
                        "00036c6231"
                        "00000001"
                        "0000000000000002" +
                            std::string(64, '0'));
}

TEST_CASE("the size of a prepare message is known before it is encoded") {
    auto const g = some_generation();
    CHECK(wr::prepare_size(g) == wr::encode(wr::prepare{g, {}}).size());
}

TEST_CASE("every truncation of a replication message is refused") {
    for (auto const& m : one_of_each()) {
        auto const whole = content_of(m);
        for (std::size_t n = 0; n < whole.size(); ++n) {
            INFO("message " << m.index() + 1 << " cut to " << n);
            CHECK_FALSE(wr::decode(std::string_view(whole).substr(0, n)).has_value());
        }
    }
}

TEST_CASE("a hello says the release, if it has one, and is understood without") {
    wr::hello said{1, 1, node_id::primary, 7, "lb1", some_id()};
    auto const without = content_of(said);
    CHECK(std::get<wr::hello>(wr::decode(without).value()).release.empty());
    said.release = "1.3.0~rc1";
    auto const with = content_of(said);
    CHECK(hex(with.substr(without.size())) == "0009312e332e307e726331");
    CHECK(std::get<wr::hello>(wr::decode(with).value()) == said);
    CHECK(std::get<wr::hello>(wr::decode(with + "what a later one says").value()) == said);
    said.release.clear();
    for (auto const* odd : {"later", "\0\3a\nb", "\0\3\xff\x80\xff"}) { // no text, or none for people
        INFO(odd + 2);
        CHECK(std::get<wr::hello>(wr::decode(without + std::string(odd, 5)).value()) == said);
    }
}

TEST_CASE("a byte too many is refused, except in a hello, which later versions may lengthen") {
    for (auto const& m : one_of_each()) {
        INFO("message " << m.index() + 1);
        CHECK(wr::decode(content_of(m) + '\0').has_value() == std::holds_alternative<wr::hello>(m));
    }
}

TEST_CASE("replication messages with fields out of range are refused") {
    CHECK_FALSE(wr::decode(std::string("\0", 1)).has_value());
    CHECK_FALSE(wr::decode("\x0c").has_value());
    CHECK_FALSE(wr::decode("").has_value());

    auto hello = content_of(wr::hello{});
    hello[5] = 3; // node id
    CHECK_FALSE(wr::decode(hello).has_value());

    CHECK_FALSE(wr::decode(content_of(wr::stream{"", "bytes"})).has_value());
    CHECK_FALSE(wr::decode(content_of(wr::document{{"", 1, node_id::primary, ""}})).has_value());

    auto files = content_of(wr::prepare{{{1, 1}, {}, "", 0}, {}});
    files.replace(files.size() - 2, 2, "\x10\x01"); // 4097 files,
    files.append(std::size_t{4097} * 6, '\0');        // each without name and bytes
    auto const refused = wr::decode(files);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == balance::errc::protocol_error);
    CHECK(refused.error().detail.find("number 3") != std::string::npos);
}

TEST_CASE("texts that are too long are cut when they are sent") {
    auto const back = wr::decode(content_of(wr::farewell{std::string(100000, 'x')}));
    REQUIRE(back.has_value());
    CHECK(std::get<wr::farewell>(*back).text.size() == wr::max_text);
}

TEST_CASE("a text that claims to be longer than allowed is refused") {
    std::string content = "\x0b\x10\x01"; // farewell of 4097 bytes
    content.append(4097, 'x');
    CHECK_FALSE(wr::decode(content).has_value());
}

TEST_CASE("frames are cut out of a stream however it is sliced") {
    std::string bytes;
    for (auto const& m : one_of_each())
        bytes += wr::encode(m);
    for (std::size_t slice : {1u, 2u, 3u, 5u, 64u, 100000u}) {
        wr::frame_reader frames(4096);
        std::vector<wr::message> got;
        for (std::size_t at = 0; at < bytes.size(); at += slice) {
            frames.feed(std::string_view(bytes).substr(at, slice));
            for (;;) {
                auto const content = frames.next();
                REQUIRE(content.has_value());
                if (content->empty())
                    break;
                got.push_back(wr::decode(*content).value());
            }
        }
        CHECK(got == one_of_each());
    }
}

TEST_CASE("a frame's length is checked before its bytes are awaited") {
    wr::frame_reader frames(16);
    frames.feed(std::string("\0\0\0\x11", 4));
    CHECK_FALSE(frames.next().has_value());

    wr::frame_reader empty(16);
    empty.feed(std::string(4, '\0'));
    CHECK_FALSE(empty.next().has_value());

    wr::frame_reader larger(16);
    larger.limit(17);
    larger.feed(std::string("\0\0\0\x11", 4) + std::string(17, 'x'));
    auto const content = larger.next();
    REQUIRE(content.has_value());
    CHECK(content->size() == 17);
}
