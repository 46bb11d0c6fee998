// SPDX-License-Identifier: Apache-2.0
#include <cli/backup_format.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace dyad::cli::backup {

namespace {

constexpr std::string_view magic = "dyad backup\n";
constexpr std::size_t deepest = 8;

template <class T>
void put(std::string& out, T value) {
    for (std::size_t i = sizeof value; i-- > 0;) {
        out.push_back(static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i))));
    }
}

/// Takes from the front of `in`; false when it is too short.
template <class T>
bool take(std::string_view& in, T& value) {
    if (in.size() < sizeof value) {
        return false;
    }
    value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) {
        value = static_cast<T>(static_cast<std::uint64_t>(value) << 8 | static_cast<std::uint8_t>(in[i]));
    }
    in.remove_prefix(sizeof value);
    return true;
}

bool take(std::string_view& in, std::size_t size, std::string_view& out) {
    if (in.size() < size) {
        return false;
    }
    out = in.substr(0, size);
    in.remove_prefix(size);
    return true;
}

balance::error damaged(std::string const& what) {
    return balance::make_error(balance::errc::protocol_error, "this is no whole backup: " + what);
}

bool good_part(std::string_view part) {
    return !part.empty() && part.size() <= 255 && part != "." && part != ".." && part.find('\0') == std::string_view::npos;
}

} // namespace

bool good_name(std::string_view name) {
    for (std::size_t levels = 1; levels <= deepest; ++levels) {
        auto const slash = name.find('/');
        if (!good_part(name.substr(0, slash))) {
            return false;
        }
        if (slash == std::string_view::npos) {
            return true;
        }
        name.remove_prefix(slash + 1);
    }
    return false;
}

std::string encode(std::vector<item> const& items) {
    std::string out;
    for (auto const& i : items) {
        put(out, static_cast<std::uint8_t>(i.root));
        put(out, static_cast<std::uint8_t>(i.kind));
        put(out, i.mode);
        put(out, static_cast<std::uint16_t>(i.name.size()));
        put(out, static_cast<std::uint64_t>(i.bytes.size()));
        out += i.name;
        out += i.bytes;
    }
    return out;
}

balance::result<std::vector<item>> decode(std::string_view in) {
    std::vector<item> items;
    std::set<std::pair<root, std::string>> names;
    while (!in.empty()) {
        std::uint8_t where = 0;
        std::uint8_t what = 0;
        std::uint16_t mode = 0;
        std::uint16_t name_size = 0;
        std::uint64_t size = 0;
        std::string_view name;
        std::string_view bytes;
        if (!take(in, where) || !take(in, what) || !take(in, mode) || !take(in, name_size) || !take(in, size) ||
            !take(in, std::size_t{name_size}, name) || size > in.size() || !take(in, static_cast<std::size_t>(size), bytes)) {
            return damaged("a file in it ends too early");
        }
        if (items.size() == most_items) {
            return damaged("it has more than " + std::to_string(most_items) + " files");
        }
        bool const known = (where == 1 || where == 2) && what <= 2 && mode <= 07777;
        bool const neighbour = good_part(bytes) && bytes.find('/') == std::string_view::npos;
        if (!known || !good_name(name) || (what == 1 && !neighbour) || (what == 2 && !bytes.empty())) {
            return damaged("a file in it has a name, a mode or a place that no backup gives");
        }
        if (!names.emplace(root{where}, name).second) {
            return damaged("a file is in it twice");
        }
        items.push_back({root{where}, kind{what}, mode, std::string(name), std::string(bytes)});
    }
    return items;
}

std::string encode_head(envelope const& e, std::size_t body_size) {
    std::string out(magic);
    put(out, newest_version);
    put(out, static_cast<std::uint8_t>(e.sealed));
    put(out, std::uint16_t{0});
    out.append(e.salt.begin(), e.salt.end());
    out.append(e.nonce.begin(), e.nonce.end());
    put(out, static_cast<std::uint64_t>(body_size));
    return out;
}

balance::result<envelope> decode_envelope(std::string_view bytes) {
    if (bytes.substr(0, magic.size()) != magic) {
        return balance::make_error(balance::errc::protocol_error, "this is no backup of dyad");
    }
    auto in = bytes.substr(magic.size());
    std::uint8_t version = 0;
    std::uint8_t sealed = 0;
    std::uint16_t none = 0;
    std::uint64_t size = 0;
    std::string_view salt;
    std::string_view nonce;
    envelope e;
    if (!take(in, version)) {
        return damaged("it ends too early");
    }
    if (version != newest_version) {
        return balance::make_error(balance::errc::protocol_error,
                                   "this backup has format " + std::to_string(version) + ", this dyad knows " +
                                       std::to_string(newest_version) + ": restore it with the release that made it, or a newer one");
    }
    if (!take(in, sealed) || !take(in, none) || !take(in, e.salt.size(), salt) || !take(in, e.nonce.size(), nonce) || !take(in, size)) {
        return damaged("it ends too early");
    }
    if (sealed > 1 || in.size() < checksum_size || size != in.size() - checksum_size) {
        return damaged("its length is not the one that its beginning says");
    }
    e.sealed = sealed == 1;
    std::copy(salt.begin(), salt.end(), e.salt.begin());
    std::copy(nonce.begin(), nonce.end(), e.nonce.begin());
    e.head = bytes.substr(0, head_size);
    e.body = in.substr(0, static_cast<std::size_t>(size));
    return e;
}

} // namespace dyad::cli::backup
