// SPDX-License-Identifier: Apache-2.0
#include "cluster/state_files.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace dyad {

namespace json = boost::json;

namespace {

constexpr std::size_t largest_file = 64u << 20;

struct descriptor {
    int value = -1;
    ~descriptor() {
        if (value >= 0) {
            ::close(value);
        }
    }
};

balance::error failed(std::filesystem::path const& file, char const* what) {
    return balance::make_error(errno == ENOENT ? balance::errc::not_found : balance::errc::io_error,
                               file.string() + ": cannot " + what + ": " + std::strerror(errno));
}

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        auto const n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno != EINTR) {
            return false;
        }
        bytes.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
    }
    return true;
}

json::object parse_object(std::filesystem::path const& file) {
    auto const text = read_file(file);
    boost::system::error_code ec;
    auto value = text ? json::parse(*text, ec) : json::value{};
    return value.is_object() ? std::move(value.get_object()) : json::object{};
}

std::uint64_t number(json::object const& o, char const* name) {
    boost::system::error_code ec;
    auto const* value = o.if_contains(name);
    auto const n = value ? value->to_number<std::uint64_t>(ec) : 0;
    return ec ? 0 : n;
}

cluster::node_id node(json::object const& o, char const* name) {
    auto const id = number(o, name);
    return id == 1 ? cluster::node_id::primary : id == 2 ? cluster::node_id::secondary : cluster::node_id::none;
}

} // namespace

balance::result<> replace_file(std::filesystem::path const& file, std::string_view bytes, unsigned mode) {
    auto const beside = file.string() + ".tmp";
    {
        descriptor const out{::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)};
        if (out.value < 0 || !write_all(out.value, bytes) || ::fsync(out.value) != 0) {
            return failed(beside, "write");
        }
    }
    if (::rename(beside.c_str(), file.c_str()) != 0) {
        return failed(file, "replace");
    }
    descriptor const directory{::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.value < 0 || ::fsync(directory.value) != 0) {
        return failed(file.parent_path(), "sync");
    }
    return {};
}

balance::result<std::string> read_file(std::filesystem::path const& file) {
    descriptor const in{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    struct stat info {};
    if (in.value < 0 || ::fstat(in.value, &info) != 0) {
        return failed(file, "read");
    }
    if (!S_ISREG(info.st_mode) || static_cast<std::size_t>(info.st_size) > largest_file) {
        return balance::make_error(balance::errc::io_error, file.string() + ": is no file, or larger than 64 MiB");
    }
    std::string text(static_cast<std::size_t>(info.st_size), '\0');
    std::size_t done = 0;
    while (done < text.size()) {
        auto const n = ::read(in.value, text.data() + done, text.size() - done);
        if (n < 0 && errno != EINTR) {
            return failed(file, "read");
        }
        if (n == 0) {
            break;
        }
        done += n < 0 ? 0 : static_cast<std::size_t>(n);
    }
    text.resize(done);
    return text;
}

remembered_state load_remembered(std::filesystem::path const& state_dir) {
    auto const o = parse_object(state_dir / "epoch.json");
    auto const* maintenance = o.if_contains("maintenance");
    return {{number(o, "counter"), node(o, "owner")}, maintenance && maintenance->is_bool() && maintenance->get_bool()};
}

balance::result<> save(std::filesystem::path const& state_dir, remembered_state const& r) {
    json::object const o{
        {"counter", r.epoch.counter}, {"owner", static_cast<unsigned>(r.epoch.owner)}, {"maintenance", r.maintenance}};
    return replace_file(state_dir / "epoch.json", json::serialize(o), 0600);
}

cluster::shared_document load_words(std::filesystem::path const& state_dir) {
    auto const o = parse_object(state_dir / "servers.json");
    auto const* words = o.if_contains("words");
    return {"servers", number(o, "stamp"), node(o, "writer"), words ? json::serialize(*words) : "[]"};
}

balance::result<> save(std::filesystem::path const& state_dir, cluster::shared_document const& words) {
    boost::system::error_code ec;
    json::object const o{{"stamp", words.stamp},
                         {"writer", static_cast<unsigned>(words.writer)},
                         {"words", json::parse(words.bytes, ec)}};
    return replace_file(state_dir / "servers.json", json::serialize(o), 0600);
}

} // namespace dyad
