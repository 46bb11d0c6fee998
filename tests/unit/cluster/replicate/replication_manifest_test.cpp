// SPDX-License-Identifier: Apache-2.0
#include "replicate/manifest.hpp"

#include <catch2/catch.hpp>

#include <limits>

using namespace cluster;
using replicate::manifest;

namespace {

manifest some_manifest() {
    manifest m;
    m.id.version = {1, 17};
    m.id.hash.fill(0x5a);
    m.applied_at = 1790000000;
    m.applied_by = "uid 0 (root) on lb1";
    m.files = {{"certificates/a b.pem", 0}, {"cluster.toml", 1234}};
    return m;
}

std::string const text = "dyad generation 1\n"
                         "term 1\n"
                         "generation 17\n"
                         "applied_at 1790000000\n"
                         "applied_by uid 0 (root) on lb1\n"
                         "file 0 certificates/a b.pem\n"
                         "file 1234 cluster.toml\n"
                         "hash 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\n";

/// The text with one piece of it replaced.
std::string with(std::string const& piece, std::string const& other) {
    auto changed = text;
    auto const at = changed.find(piece);
    REQUIRE(at != std::string::npos);
    return changed.replace(at, piece.size(), other);
}

} // namespace

TEST_CASE("a manifest is written and read as documented") {
    CHECK(replicate::format(some_manifest()) == text);
    auto const back = replicate::parse_manifest(text);
    REQUIRE(back.has_value());
    CHECK(*back == some_manifest());
}

TEST_CASE("a manifest takes the extremes") {
    manifest m;
    m.id.version = {std::numeric_limits<std::uint32_t>::max(), std::numeric_limits<std::uint64_t>::max()};
    m.applied_at = std::numeric_limits<std::int64_t>::min();
    CHECK(replicate::parse_manifest(replicate::format(m)).value() == m);
}

TEST_CASE("a manifest that was cut anywhere is refused") {
    for (std::size_t n = 0; n < text.size(); ++n)
        CHECK_FALSE(replicate::parse_manifest(text.substr(0, n)).has_value());
}

TEST_CASE("a manifest with anything out of place is refused") {
    CHECK_FALSE(replicate::parse_manifest(text + "\n").has_value());
    CHECK_FALSE(replicate::parse_manifest(with("generation 1\n", "generation 2\n")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("term 1", "term 01")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("term 1", "term -1")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("term 1", "term 4294967296")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("file 1234", "file 12x4")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("cluster.toml", "../cluster.toml")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("cluster.toml", "certificates/a b.pem")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("cluster.toml", "a")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("cluster.toml", "cluster/../x")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("hash 5a", "hash 5A")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("hash 5a", "hash 5a5")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("hash 5a", "hash 5")).has_value());
    CHECK_FALSE(replicate::parse_manifest(with("applied_at 1790000000\n", "")).has_value());
    auto const refused = replicate::parse_manifest(with("file 1234", "file x"));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().detail.find("line 8") != std::string::npos);
}

TEST_CASE("a manifest larger than any real one is refused") {
    CHECK_FALSE(replicate::parse_manifest(with("root", std::string(replicate::max_manifest, 'x'))).has_value());
}
