// SPDX-License-Identifier: Apache-2.0
#include "wire/pairing_codec.hpp"

#include <catch2/catch.hpp>

namespace wp = cluster::wire::pairing;

namespace {

std::string_view pairing_content(std::string const& frame) { return std::string_view(frame).substr(4); }

std::vector<wp::message> const all_messages{wp::ask{1, 1, "lb1", 6694, 7778, {"data", "cross"}},
                                   wp::ask{1, 9, "", 0, 0, {}},
                                   wp::answer{"lb2", ""},
                                   wp::answer{"lb2", "it has services"},
                                   wp::secret{{1, 2, 3}},
                                   wp::stored{},
                                   wp::stored{"disk full"}};

} // namespace

TEST_CASE("pairing messages come back as they were") {
    for (auto const& m : all_messages) {
        auto const again = wp::decode(pairing_content(wp::encode(m)));
        CHECK((again && *again == m));
    }
}

TEST_CASE("the bytes of a pairing message are those of docs/PROTOCOL.md") {
    auto const frame = wp::encode(wp::answer{"ab", "c"});
    CHECK(frame == std::string("\0\0\0\x08\x02\0\x02"
                               "ab"
                               "\0\x01"
                               "c",
                               12));
}

TEST_CASE("pairing messages that are cut off or longer are refused, but for a later question") {
    for (auto const& m : all_messages) {
        auto const frame = wp::encode(m);
        auto const content = pairing_content(frame);
        for (std::size_t n = 0; n < content.size(); ++n) {
            CHECK_FALSE(wp::decode(content.substr(0, n)).has_value());
        }
        auto const longer = std::string(content) + "x";
        bool const is_question = std::holds_alternative<wp::ask>(m);
        CHECK(wp::decode(longer).has_value() == is_question);
    }
    CHECK_FALSE(wp::decode(std::string("\x05")).has_value());
    CHECK_FALSE(wp::decode(std::string(1, '\0')).has_value());
}

TEST_CASE("a question with too many links is refused, and never written") {
    wp::ask many{1, 1, "lb1", 1, 2, std::vector<std::string>(20, "link")};
    auto const frame = wp::encode(many);
    CHECK(std::get<wp::ask>(wp::decode(pairing_content(frame)).value()).links.size() == wp::max_links);
    std::string forged(pairing_content(frame));
    forged[1 + 4 + 2 + 3 + 4] = 9; // the number of links
    CHECK_FALSE(wp::decode(forged).has_value());
}
