// SPDX-License-Identifier: Apache-2.0
#include "ipc/frame.hpp"

#include <catch2/catch.hpp>

using namespace dyad::ipc;
using namespace std::string_literals;

namespace {

std::string fault_of(std::string const& bytes) {
    frame_decoder decoder;
    decoder.append(bytes);
    auto const next = decoder.next();
    return next ? "none" : next.error().detail;
}

} // namespace

TEST_CASE("a frame is a word with length and descriptors, and the object") {
    CHECK(*encode_frame({{"a", 1}}, 0) == "\0\0\0\x07{\"a\":1}"s);
    CHECK(*encode_frame({{"a", 1}}, 3) == "\x03\0\0\x07{\"a\":1}"s);
}

TEST_CASE("frames are found however the stream is cut") {
    auto const stream = *encode_frame({{"n", 1}}, 0) + *encode_frame({{"n", 2}}, 2) + *encode_frame({}, 0);
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        frame_decoder decoder;
        std::vector<std::pair<std::string, std::size_t>> found;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            decoder.append(std::string_view(stream).substr(at, piece));
            for (auto next = decoder.next(); next && *next; next = decoder.next()) {
                auto const* n = (*next)->body.if_contains("n");
                found.emplace_back(n != nullptr ? std::to_string(n->as_int64()) : "", (*next)->descriptors);
            }
        }
        CHECK(found == std::vector<std::pair<std::string, std::size_t>>{{"1", 0}, {"2", 2}, {"", 0}});
        CHECK_FALSE(decoder.partial());
    }
}

TEST_CASE("the middle of a frame is told from its end") {
    auto const stream = *encode_frame({{"n", 1}}, 0);
    frame_decoder decoder;
    decoder.append(std::string_view(stream).substr(0, stream.size() - 1));
    REQUIRE(decoder.next().has_value());
    CHECK(decoder.partial());
    decoder.append(std::string_view(stream).substr(stream.size() - 1));
    REQUIRE(decoder.next().value().has_value());
    CHECK_FALSE(decoder.partial());
}

TEST_CASE("what is no frame is refused with its reason") {
    CHECK(fault_of("\0\0\0\x03{a}"s).starts_with("a message is no JSON: "));
    CHECK(fault_of("\0\0\0\0"s).starts_with("a message is no JSON: "));
    CHECK(fault_of("\0\0\0\x02[]"s) == "a message is no JSON object");
    CHECK(fault_of("\xff\xff\xff\xff"s) == "a message announces 255 descriptors");
    CHECK(fault_of("\0\0\x01\0"s + std::string(256, '[')).starts_with("a message is no JSON: ")); // nested too deeply
}

TEST_CASE("messages have limits") {
    CHECK(encode_frame({{"t", std::string(max_body - 8, 'x')}}, 0)->size() == max_body + 4);
    CHECK_FALSE(encode_frame({{"t", std::string(max_body - 7, 'x')}}, 0).has_value());
    CHECK(encode_frame({}, max_descriptors).has_value());
    CHECK_FALSE(encode_frame({}, max_descriptors + 1).has_value());
}
