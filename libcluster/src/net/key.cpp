// SPDX-License-Identifier: Apache-2.0
#include "net/system_error.hpp"
#include "net/unique_fd.hpp"

#include <cluster/key.hpp>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace cluster {
namespace {

constexpr std::size_t digits = key::size * 2;
using text = std::array<char, digits + 1>;

/// -1 when it is no hexadecimal digit.
int value_of(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

error bad_content(std::filesystem::path const& file) {
    return balance::make_error(balance::errc::invalid_configuration,
                               file.string() + ": a key is 64 hexadecimal digits and a line feed; copy the peer's file "
                                               "again or make a new key on both nodes");
}

} // namespace

key::key(std::span<std::uint8_t const, size> bytes) noexcept { std::copy(bytes.begin(), bytes.end(), bytes_.begin()); }

key::~key() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

key key::generate() {
    std::array<std::uint8_t, size> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        std::abort(); // a guessable secret is worse than none
    }
    key made{bytes};
    OPENSSL_cleanse(bytes.data(), bytes.size());
    return made;
}

result<key> key::load(std::filesystem::path const& file) {
    net::unique_fd const fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!fd) {
        auto const remedy = errno == ENOENT ? "make it with `dyad keygen` or copy it from the peer" : "";
        return net::system_error(file.string(), errno, remedy);
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
        return bad_content(file);
    }
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return balance::make_error(balance::errc::not_permitted,
                                   file.string() + ": others than its owner may use the key; run chmod 600 " +
                                       file.string() + ", and make a new key if somebody may have read it");
    }
    text content{};
    auto const got = ::read(fd.get(), content.data(), content.size());
    bool ok = got == static_cast<ssize_t>(content.size()) && info.st_size == got && content.back() == '\n';
    std::array<std::uint8_t, size> bytes{};
    for (std::size_t i = 0; ok && i < size; ++i) {
        int const high = value_of(content[2 * i]);
        int const low = value_of(content[2 * i + 1]);
        ok = high >= 0 && low >= 0;
        bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    OPENSSL_cleanse(content.data(), content.size());
    key const read{bytes};
    OPENSSL_cleanse(bytes.data(), bytes.size());
    if (!ok) {
        return bad_content(file);
    }
    return read;
}

result<> key::save(std::filesystem::path const& file) const {
    constexpr std::string_view alphabet = "0123456789abcdef";
    net::unique_fd const fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!fd) {
        auto const remedy = errno == EEXIST ? "move the old key away first, on both nodes" : "";
        return net::system_error(file.string(), errno, remedy);
    }
    text content{};
    for (std::size_t i = 0; i < size; ++i) {
        content[2 * i] = alphabet[bytes_[i] >> 4];
        content[2 * i + 1] = alphabet[bytes_[i] & 15];
    }
    content.back() = '\n';
    bool const ok = ::write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()) &&
                    ::fsync(fd.get()) == 0;
    int const number = errno;
    OPENSSL_cleanse(content.data(), content.size());
    if (!ok) {
        ::unlink(file.c_str()); // a cut-off key would be in the way of the next try
        return net::system_error("writing " + file.string(), number, "free some space and try again");
    }
    return {};
}

} // namespace cluster
