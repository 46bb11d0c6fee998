// SPDX-License-Identifier: Apache-2.0
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <config/config.hpp>
#include <config/directory_parts.hpp>
#include <filesystem>
#include <fstream>

using namespace dyad::config;
namespace fs = std::filesystem;

namespace {

constexpr auto good_node =
    "format = 1\nname = \"lb1\"\nrole = \"primary\"\n[link.a]\ninterface = \"eth0\"\nlocal = \"192.0.2.11\"\n"
    "peer = \"192.0.2.12\"\n[network.n]\ninterface = \"eth1\"\n";
constexpr auto good_cluster =
    "format = 1\n[service.S]\nmode = \"tcp\"\naddress = \"192.0.2.9\"\nnetwork = \"n\"\nports = [80]\n"
    "tls = { ports = [443], certificate = \"web\" }\n[service.S.server.a]\naddress = \"192.0.2.1\"\n";

void write(fs::path const& file, std::string_view text) { std::ofstream(file, std::ios::binary) << text; }

struct directory : test::temporary_directory {
    directory() {
        write(path() / "node.toml", good_node);
        write(path() / "cluster.toml", good_cluster);
        write(path() / "cluster.key", "");
        fs::create_directory(path() / "certificates");
        fs::copy_file(DYAD_SOURCE_DIR "/tests/data/certificate.pem", path() / "certificates/web.pem");
    }

    [[nodiscard]] std::vector<std::string> said() const {
        auto const got = load_directory(path());
        std::vector<std::string> out;
        for (auto const& d : got.diagnostics) {
            auto text = to_string(d);
            if (text.starts_with(path().string())) {
                text.erase(0, path().string().size() + 1);
            }
            out.push_back(text);
        }
        CHECK(got.value.has_value() == out.empty());
        return out;
    }
};

using lines = std::vector<std::string>;

} // namespace

TEST_CASE("directory: both files are read, byte for byte") {
    directory const d;
    auto const got = load_directory(d.path());
    CHECK(got.diagnostics.empty());
    REQUIRE(got.value);
    CHECK(got.value->node.name == "lb1");
    CHECK(got.value->cluster.services.services.size() == 1);
    CHECK(got.value->node_text == good_node);
    CHECK(got.value->cluster_text == good_cluster);
}

TEST_CASE("directory: faults of both files are told together") {
    directory const d;
    write(d.path() / "node.toml",
          "format = 1\nname = \"lb1\"\nrole = \"boss\"\n[link.a]\ninterface = \"eth0\"\nlocal = \"192.0.2.11\"\n"
          "peer = \"192.0.2.12\"\n");
    fs::remove(d.path() / "certificates/web.pem");
    CHECK(d.said() ==
          lines{"node.toml:3:8: role is \"boss\"; it must be \"primary\" or \"secondary\"",
                "cluster.toml:7:38: certificate \"web\" is missing; put certificate, chain and private key into "
                "certificates/web.pem"});
}

TEST_CASE("directory: what contradicts the other file is a fault") {
    directory const d;
    write(d.path() / "cluster.toml",
          "format = 1\n[service.S]\nmode = \"tcp\"\naddress = \"192.0.2.12\"\nnetwork = \"x\"\nports = [80]\n"
          "[service.S.server.a]\naddress = \"192.0.2.1\"\n[floating_ip.\"192.0.2.11\"]\nnetwork = \"y\"\n");
    CHECK(d.said() == lines{"cluster.toml:4:11: 192.0.2.12 is the fixed address of the peer on link \"a\"; a floating "
                            "address must be another one",
                            "cluster.toml:5:11: network \"x\" is not in this node's node.toml; add a table "
                            "[network.NAME] with its interface there",
                            "cluster.toml:9:14: 192.0.2.11 is the fixed address of this node on link \"a\"; a floating "
                            "address must be another "
                            "one",
                            "cluster.toml:10:11: network \"y\" is not in this node's node.toml; add a table "
                            "[network.NAME] with its interface "
                            "there"});
    for (auto const* table : {"[floating_ip.\"192.0.2.11\"]\n", "[floating_ip.\"192.0.2.12\"]\n",
                              "[floating_ip.\"192.0.2.13\"]\nnetwork = \"y\"\n"}) {
        CAPTURE(table);
        write(d.path() / "cluster.toml", std::string(good_cluster) + table);
        CHECK(d.said().size() == 1);
    }
}

TEST_CASE("directory: files that are no files are refused with the reason") {
    directory const d;
    auto const file = d.path() / "cluster.toml";
    fs::remove(file);
    SECTION("missing") {
        CHECK(d.said() == lines{"cluster.toml: the file is missing; `dyad init` writes a first one"});
    }
    SECTION("a directory") {
        fs::create_directory(file);
        CHECK(d.said() == lines{"cluster.toml: this is a directory, but must be a file"});
    }
    SECTION("a symlink loop") {
        fs::create_symlink("cluster.toml", file);
        CHECK(d.said() == lines{"cluster.toml: the file is a symbolic link that leads back to itself; make it a file"});
    }
    SECTION("a symlink to nowhere") {
        fs::create_symlink("gone.toml", file);
        CHECK(d.said() == lines{"cluster.toml: the file is missing; `dyad init` writes a first one"});
    }
    SECTION("a symlink to a file is fine") {
        write(d.path() / "real.toml", good_cluster);
        fs::create_symlink("real.toml", file);
        CHECK(d.said().empty());
    }
    SECTION("a pipe nobody writes to") {
        REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
        CHECK(d.said() == lines{"cluster.toml: this is no regular file"});
    }
    SECTION("a device that never ends") {
        fs::create_symlink("/dev/zero", file);
        CHECK(d.said() == lines{"cluster.toml: this is no regular file"});
    }
    SECTION("10 MB") {
        write(file, std::string(10'000'000, '#'));
        CHECK(d.said() == lines{"cluster.toml: the file has 10000000 bytes; a configuration file has at most 4194304"});
    }
    SECTION("unreadable") {
        write(file, good_cluster);
        fs::permissions(file, fs::perms::none);
        fs::permissions(d.path(), fs::perms::all);
        ::setfsuid(65534); // as root too: file access as somebody else
        auto const text = read_file(file);
        ::setfsuid(::geteuid());
        REQUIRE(text.has_error());
        CHECK(text.error().detail ==
              "the file may not be read by this user; run as root, or change the file's permissions");
    }
    SECTION("a file that says it is empty and is not") {
        fs::create_symlink("/proc/self/status", file);
        auto const text = read_file(file);
        REQUIRE(text);
        CHECK(text->find("Name:") == 0);
    }
}

TEST_CASE("directory: a directory that is none") {
    test::temporary_directory const d;
    auto const gone = load_directory(d.path() / "gone");
    CHECK_FALSE(gone.value);
    REQUIRE(gone.diagnostics.size() == 1);
    CHECK(to_string(gone.diagnostics[0]) ==
          (d.path() / "gone").string() + ": the directory is missing; `dyad init` makes it");
    write(d.path() / "file", "");
    auto const file = load_directory(d.path() / "file");
    REQUIRE(file.diagnostics.size() == 1);
    CHECK(to_string(file.diagnostics[0]) ==
          (d.path() / "file").string() + ": this is no directory; it must hold node.toml and cluster.toml");
}

TEST_CASE("directory: a certificate that cannot be used is refused, with the place that names it") {
    directory const d;
    write(d.path() / "certificates/web.pem", "nothing");
    CHECK(d.said() == lines{"cluster.toml:7:38: certificate \"web\": it holds no usable certificate: no start line"});
}

TEST_CASE("directory: those who vouch for clients need a certificate, and no key") {
    directory const d;
    std::string text = good_cluster;
    text.replace(text.find("\"web\" }"), 7, "\"web\", clients = { ca = \"clinic\" } }");
    write(d.path() / "cluster.toml", text);
    write(d.path() / "certificates/clinic.pem", "nothing");
    CHECK(d.said() == lines{"cluster.toml:7:45: certificate \"clinic\": it holds no certificate that could vouch for clients"});
    std::ifstream in(DYAD_SOURCE_DIR "/tests/data/certificate.pem");
    std::string const whole{std::istreambuf_iterator<char>(in), {}};
    write(d.path() / "certificates/clinic.pem", whole.substr(0, whole.find("-----BEGIN PRIVATE")));
    CHECK(d.said().empty());
}

TEST_CASE("certificates: lists of revoked ones and responses that will be out of date are said before") {
    using days = std::chrono::duration<int, std::ratio<86'400>>;
    directory const d;
    auto const text_of = [](char const* name) {
        std::ifstream in(std::string(DYAD_SOURCE_DIR "/tests/data/") + name);
        return std::string{std::istreambuf_iterator<char>(in), {}};
    };
    auto const then = [&](days ahead) { // both are good for 20000 days from the day on which openssl made them
        return certificates_in(d.path(), std::chrono::system_clock::from_time_t(1'795'305'600) + ahead).at(0);
    };
    write(d.path() / "certificates/web.pem", text_of("certificate.pem") + text_of("revoked.pem"));
    CHECK(then(days{19'990}).ca_fault.empty());
    CHECK(then(days{20'003}).ca_fault.find("is out of date, and all clients are refused") != std::string::npos);
    write(d.path() / "certificates/web.pem", text_of("certificate.pem") + text_of("response.pem"));
    CHECK(then(days{19'990}).fault.empty());
    CHECK(then(days{20'003}).fault.starts_with("its OCSP response is out of date"));
    CHECK(then(days{20'003}).usable);
    CHECK(then(days{20'003}).ca_fault.empty());
}

TEST_CASE("certificates: what will soon be too old is said before") {
    directory const d;
    auto const fault_in = [&](std::chrono::system_clock::duration ahead) {
        auto const all = certificates_in(d.path(), std::chrono::system_clock::now() + ahead);
        REQUIRE(all.size() == 1);
        CHECK(all[0].name == "web");
        CHECK(all[0].usable);
        return all[0].fault;
    };
    using days = std::chrono::duration<int, std::ratio<86'400>>;
    CHECK(fault_in(days{0}).empty());
    CHECK(fault_in(days{36'500 - 20}).starts_with("it expires in "));
    CHECK(fault_in(days{36'600}).starts_with("it has expired"));
    CHECK(fault_in(days{-36'500}).starts_with("it is not valid yet"));
    fs::remove_all(d.path() / "certificates");
    CHECK(certificates_in(d.path(), std::chrono::system_clock::now()).empty());
}
