// SPDX-License-Identifier: Apache-2.0
#include "run_dyad.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>
#include <cli/backup_format.hpp>
#include <cli/backup_seal.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace backup = dyad::cli::backup;
namespace fs = std::filesystem;
using backup::kind;
using backup::root;
using test::dyad_in;

namespace {

std::vector<backup::item> some_items() {
    return {{root::config, kind::file, 0644, "node.toml", "format = 1\n"},
            {root::config, kind::directory, 0755, "certificates", ""},
            {root::config, kind::file, 0600, "certificates/web.pem", std::string("\0\xff key", 6)},
            {root::state, kind::link, 0, "generations/current", "t1-g1"}};
}

void write(fs::path const& file, std::string const& bytes, fs::perms mode = fs::perms::owner_read | fs::perms::owner_write) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
    fs::permissions(file, mode);
}

std::string read(fs::path const& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A node's two directories, a file with a passphrase, and the commands on them.
struct node_on_disk {
    test::temporary_directory dir;
    fs::path etc = dir.path() / "etc";
    fs::path lib = dir.path() / "lib";
    fs::path file = dir.path() / "backup";
    fs::path words = dir.path() / "words";

    node_on_disk() {
        write(words, "correct horse\nand more\n");
        write(etc / "node.toml", "format = 1\nname = \"lb1\"\nrole = \"primary\"\n");
        write(etc / "cluster.toml", "format = 1\n");
        write(etc / "checks/own.sh", "#!/bin/sh\n", fs::perms::owner_all | fs::perms::others_exec);
        fs::permissions(etc / "checks", fs::perms::owner_all | fs::perms::others_exec);
        write(lib / "epoch.json", "{}");
        write(lib / "dyadd.lock", "1\n");
        write(lib / "generations/t1-g1/manifest", "x");
        fs::create_directory_symlink("t1-g1", lib / "generations/current");
    }
    test::outcome run(std::string const& command, std::vector<std::string> more = {}, bool with_passphrase = true) const {
        std::vector<std::string> all{command, file.string(), "--config-dir", etc.string(), "--state-dir", lib.string()};
        if (with_passphrase) {
            all.insert(all.end(), {"--password-file", words.string()});
        }
        all.insert(all.end(), more.begin(), more.end());
        return dyad_in("/nonexistent", all);
    }
    void lose() const {
        fs::remove_all(etc);
        fs::remove_all(lib);
    }
};

} // namespace

TEST_CASE("backup: what is wrapped is what is unwrapped", "[backup]") {
    for (std::string const passphrase : {"", "secret"}) {
        auto const file = backup::wrap(some_items(), passphrase);
        REQUIRE(file.has_value());
        CHECK(backup::wants_passphrase(*file).value() == !passphrase.empty());
        CHECK(backup::unwrap(*file, passphrase).value() == some_items());
        CHECK((file->find("node.toml") == std::string::npos) == !passphrase.empty());
    }
}

TEST_CASE("backup: every byte counts", "[backup]") {
    auto const good = backup::wrap(some_items(), "");
    REQUIRE(good.has_value());
    for (std::size_t at = 0; at < good->size(); ++at) {
        auto bad = *good;
        bad[at] = static_cast<char>(bad[at] ^ 0x20);
        CHECK_FALSE(backup::unwrap(bad, "").has_value());
        CHECK_FALSE(backup::unwrap(good->substr(0, at), "").has_value());
    }
    CHECK_FALSE(backup::unwrap(*good + "x", "").has_value());
    auto const sealed = backup::wrap(some_items(), "one");
    auto const other = backup::unwrap(*sealed, "another");
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().code == balance::errc::not_permitted);
}

TEST_CASE("backup: a newer format is named", "[backup]") {
    auto file = *backup::wrap(some_items(), "");
    file[12] = 2;
    CHECK(backup::wants_passphrase(file).error().detail.find("has format 2, this dyad knows 1") != std::string::npos);
}

TEST_CASE("backup: names that lead elsewhere are refused", "[backup]") {
    for (auto const* bad : {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".", "1/2/3/4/5/6/7/8/9"}) {
        CAPTURE(bad);
        CHECK_FALSE(backup::good_name(bad));
        CHECK_FALSE(backup::decode(backup::encode({{root::config, kind::file, 0600, bad, ""}})).has_value());
    }
    CHECK(backup::good_name("1/2/3/4/5/6/7/8"));
    for (auto const* bad : {"", "..", "a/b", "/x"}) {
        CHECK_FALSE(backup::decode(backup::encode({{root::state, kind::link, 0, "l", bad}})).has_value());
    }
    CHECK_FALSE(backup::decode(backup::encode({{root::state, kind::directory, 0700, "d", "bytes"}})).has_value());
    CHECK_FALSE(backup::decode(backup::encode({some_items()[0], some_items()[0]})).has_value());
    CHECK_FALSE(backup::decode(backup::encode({{root::state, kind::file, 010000, "f", ""}})).has_value());
}

TEST_CASE("backup and restore: a lost node is as it was", "[backup]") {
    node_on_disk const n;
    auto const made = n.run("backup");
    CHECK(made.err.empty());
    REQUIRE(made.code == 0);
    CHECK(made.out.find(", encrypted\n") != std::string::npos);
    CHECK(fs::status(n.file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    CHECK(read(n.file).find("role") == std::string::npos);
    n.lose();
    auto const restored = n.run("restore");
    CHECK(restored.err.empty());
    REQUIRE(restored.code == 0);
    CHECK(read(n.etc / "cluster.toml") == "format = 1\n");
    CHECK((fs::status(n.etc / "checks/own.sh").permissions() & fs::perms::others_exec) != fs::perms::none);
    CHECK((fs::status(n.etc / "checks").permissions() & fs::perms::others_exec) != fs::perms::none);
    CHECK(fs::read_symlink(n.lib / "generations/current") == "t1-g1");
    CHECK(read(n.lib / "generations/current/manifest") == "x");
    CHECK_FALSE(fs::exists(n.lib / "dyadd.lock"));
    CHECK_FALSE(fs::exists(n.etc.string() + ".restoring"));
}

TEST_CASE("backup: refuses to replace a file, to go without a passphrase, and to save nothing", "[backup]") {
    node_on_disk const n;
    CHECK(n.run("backup", {}, false).code == 1);
    CHECK_FALSE(fs::exists(n.file));
    auto const plain = n.run("backup", {"--plain"}, false);
    REQUIRE(plain.code == 0);
    CHECK(plain.out.find("NOT ENCRYPTED") != std::string::npos);
    auto const again = n.run("backup");
    CHECK(again.code == 1);
    CHECK(again.err.find("--force") != std::string::npos);
    CHECK(n.run("backup", {"--force"}).code == 0);
    fs::remove(n.etc / "node.toml");
    CHECK(n.run("backup", {"--force"}).err.find("holds no node.toml") != std::string::npos);
}

TEST_CASE("restore: sets aside what is there only with --force", "[backup]") {
    node_on_disk const n;
    REQUIRE(n.run("backup").code == 0);
    write(n.etc / "cluster.toml", "format = 1\n# later\n");
    auto const refused = n.run("restore");
    CHECK(refused.code == 1);
    CHECK(refused.err.find("--force sets it aside") != std::string::npos);
    CHECK(read(n.etc / "cluster.toml") == "format = 1\n# later\n");
    REQUIRE(n.run("restore", {"--force"}).code == 0);
    CHECK(read(n.etc / "cluster.toml") == "format = 1\n");
    CHECK(read(n.etc.string() + ".before-restore/cluster.toml") == "format = 1\n# later\n");

    // What was set aside first may be the only original.
    REQUIRE(n.run("restore", {"--force"}).code == 0);
    CHECK(read(n.etc.string() + ".before-restore/cluster.toml") == "format = 1\n# later\n");
    CHECK(read(n.etc.string() + ".before-restore-2/cluster.toml") == "format = 1\n");
}

TEST_CASE("restore: who names a passphrase gets no file that needs none", "[backup]") {
    node_on_disk const n;
    REQUIRE(n.run("backup", {"--plain"}, false).code == 0);
    auto const refused = n.run("restore", {"--force"});
    CHECK(refused.code == 1);
    CHECK(refused.err.find("is not encrypted, whatever --password-file says") != std::string::npos);
    CHECK_FALSE(fs::exists(n.etc.string() + ".before-restore"));
    CHECK(n.run("restore", {"--force"}, false).code == 0);
}

TEST_CASE("backup: without the state directory there is nothing whole to save", "[backup]") {
    node_on_disk const n;
    fs::remove_all(n.lib);
    auto const refused = n.run("backup");
    CHECK(refused.code == 1);
    CHECK(refused.err.find("without it there are no generations") != std::string::npos);
    CHECK_FALSE(fs::exists(n.file));
}

TEST_CASE("restore: nothing changes when the backup is damaged, of another passphrase, or has faults", "[backup]") {
    node_on_disk const n;
    write(n.etc / "cluster.toml", "format = 1\nwrong = 2\n");
    REQUIRE(n.run("backup").code == 0);
    write(n.etc / "cluster.toml", "format = 1\n");
    auto const faulty = n.run("restore", {"--force"});
    CHECK(faulty.code == 1);
    CHECK(faulty.err.find("cluster.toml:2:1: unknown key \"wrong\"") != std::string::npos);
    REQUIRE(n.run("backup", {"--force"}).code == 0);
    write(n.words, "another\n");
    CHECK(n.run("restore", {"--force"}).err.find("not the passphrase") != std::string::npos);
    write(n.file, "dyad");
    CHECK(n.run("restore", {"--force"}).err.find("no backup of dyad") != std::string::npos);
    CHECK(read(n.etc / "cluster.toml") == "format = 1\n");
    CHECK_FALSE(fs::exists(n.etc.string() + ".before-restore"));
    CHECK_FALSE(fs::exists(n.etc.string() + ".restoring"));
    CHECK_FALSE(fs::exists(n.lib.string() + ".restoring"));
}

TEST_CASE("restore: not while dyadd runs", "[backup]") {
    node_on_disk const n;
    REQUIRE(n.run("backup").code == 0);
    int const fd = ::open((n.lib / "dyadd.lock").c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(::flock(fd, LOCK_EX | LOCK_NB) == 0);
    auto const refused = n.run("restore", {"--force"});
    ::close(fd);
    CHECK(refused.code == 1);
    CHECK(refused.err.find("stop it first") != std::string::npos);
    CHECK(n.run("restore", {"--force"}).code == 0);
}
