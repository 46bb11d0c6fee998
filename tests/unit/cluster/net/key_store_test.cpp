// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"

#include <cluster/key_store.hpp>

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include <fstream>

using namespace cluster;
namespace fs = std::filesystem;

namespace {

struct prepared {
    test::temporary_directory directory;
    key const first = key::generate();
    key const second = key::generate();

    prepared() { REQUIRE(first.save(path("cluster.key"))); }
    fs::path path(char const* name) const { return directory.path() / name; }
    key_store open() const {
        auto opened = key_store::open(directory.path());
        REQUIRE(opened.has_value());
        return *opened;
    }
    bool has(char const* name) const { return fs::exists(path(name)); }
};

} // namespace

TEST_CASE("a key is replaced in four steps, each of which is there after a restart") {
    prepared p;
    auto const first = p.first.fingerprint();
    auto const second = p.second.fingerprint();
    CHECK(first != second);
    auto store = p.open();
    CHECK(store.held() == held_keys{first});
    CHECK_FALSE(store.keys().other);

    REQUIRE(store.keep_next(p.second));
    CHECK(store.held() == held_keys{first, second, 0});
    CHECK(p.open().held() == store.held());
    CHECK(store.keys().sending.fingerprint() == first);
    CHECK(store.keys().other->fingerprint() == second);
    struct stat info {};
    REQUIRE(::stat(p.path("cluster.key.next").c_str(), &info) == 0);
    CHECK((info.st_mode & 07777) == 0600);

    REQUIRE(store.switch_over());
    CHECK(store.held() == held_keys{second, 0, first});
    CHECK(p.open().held() == store.held());
    CHECK(store.keys().sending.fingerprint() == second);
    CHECK(store.keys().other->fingerprint() == first);
    CHECK_FALSE(store.switch_over());

    REQUIRE(store.drop_previous());
    CHECK(p.open().held() == held_keys{second});
    CHECK_FALSE(p.has("cluster.key.previous"));
}

TEST_CASE("a next key that nobody wants any more is forgotten") {
    prepared p;
    auto store = p.open();
    REQUIRE(store.keep_next(p.second));
    REQUIRE(store.drop_next());
    CHECK(store.held() == held_keys{p.first.fingerprint()});
    CHECK(p.open().held() == store.held());
}

TEST_CASE("a crash amid a change of the key files leaves what was before it or what comes after") {
    prepared p;
    auto const first = p.first.fingerprint();
    SECTION("half a file") {
        std::ofstream{p.path("cluster.key.unfinished")} << "abc";
        CHECK(p.open().held() == held_keys{first});
        CHECK_FALSE(p.has("cluster.key.unfinished"));
        REQUIRE(p.open().keep_next(p.second));
    }
    SECTION("the previous one is kept, the next one is not the current one yet") {
        REQUIRE(p.second.save(p.path("cluster.key.next")));
        REQUIRE(p.first.save(p.path("cluster.key.previous")));
        CHECK(p.open().held() == held_keys{first, p.second.fingerprint(), 0});
        CHECK_FALSE(p.has("cluster.key.previous"));
    }
}

TEST_CASE("a key file that is damaged or open to others stops the start, whichever it is") {
    prepared p;
    auto const name = GENERATE("cluster.key.next", "cluster.key.previous");
    SECTION("damaged") {
        std::ofstream{p.path(name)} << "no key\n";
        fs::permissions(p.path(name), fs::perms::owner_read);
    }
    SECTION("open to others") {
        REQUIRE(p.second.save(p.path(name)));
        fs::permissions(p.path(name), fs::perms::others_read, fs::perm_options::add);
    }
    auto const opened = key_store::open(p.directory.path());
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().detail.find(name) != std::string::npos);
}

TEST_CASE("a directory that takes no file keeps the keys as they are") {
    prepared p;
    auto store = p.open();
    fs::create_directory(p.path("cluster.key.next")); // in the way, also for root
    CHECK_FALSE(store.keep_next(p.second));
    CHECK(store.held() == held_keys{p.first.fingerprint()});
}

TEST_CASE("leaving a pair removes every key") {
    prepared p;
    auto store = p.open();
    REQUIRE(store.keep_next(p.second));
    REQUIRE(key_store::remove(p.directory.path()));
    CHECK(fs::is_empty(p.directory.path()));
    CHECK(key_store::remove(p.directory.path()));
}
