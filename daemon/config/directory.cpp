// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <config/config.hpp>
#include <config/directory_parts.hpp>
#include <cstring>
#include <system_error>

namespace dyad::config {
namespace {

namespace fs = std::filesystem;
using balance::in_quotes;

class descriptor {
public:
    explicit descriptor(int fd) : fd_(fd) {}
    ~descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    descriptor(descriptor const&) = delete;
    descriptor& operator=(descriptor const&) = delete;
    [[nodiscard]] int get() const noexcept { return fd_; }

private:
    int fd_;
};

std::string explain_open(int error) {
    switch (error) {
    case ENOENT:
        return "the file is missing; `dyad init` writes a first one";
    case ENOTDIR:
        return "a part of the path is no directory";
    case ELOOP:
        return "the file is a symbolic link that leads back to itself; make it a file";
    case EACCES:
        return "the file may not be read by this user; run as root, or change the file's permissions";
    default:
        return std::string("the file cannot be opened: ") + std::strerror(error);
    }
}

void check_across(directory_config const& c, std::string const& cluster_file, std::vector<diagnostic>& out) {
    for (auto const& a : across_faults(c.node, c.cluster, c.cluster_text)) {
        out.push_back({cluster_file, a.line, a.column, a.message, a.warning});
    }
}

} // namespace

balance::result<std::string> read_file(fs::path const& file) {
    auto const failed = [](std::string text) { return balance::make_error(balance::errc::io_error, std::move(text)); };
    // O_NONBLOCK: a pipe in the file's place must not stop us.
    descriptor const fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd.get() < 0) {
        return failed(explain_open(errno));
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
        return failed(S_ISDIR(info.st_mode) ? "this is a directory, but must be a file" : "this is no regular file");
    }
    auto const too_large = [&](auto bytes) {
        return failed("the file has " + std::to_string(bytes) + " bytes; a configuration file has at most " +
                      std::to_string(max_file_size));
    };
    if (static_cast<std::size_t>(info.st_size) > max_file_size) {
        return too_large(info.st_size);
    }
    std::string text(max_file_size + 1, '\0'); // it may grow while we read
    std::size_t have = 0;
    while (have < text.size()) {
        auto const n = ::read(fd.get(), text.data() + have, text.size() - have);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return failed(std::string("the file cannot be read: ") + std::strerror(errno));
        }
        if (n == 0) {
            break;
        }
        have += static_cast<std::size_t>(n);
    }
    if (have > max_file_size) {
        return too_large(have);
    }
    text.resize(have);
    return text;
}

outcome<directory_config> load_directory(fs::path const& directory) {
    outcome<directory_config> out;
    std::error_code ec;
    if (!fs::is_directory(directory, ec)) {
        auto const why = fs::exists(directory, ec) ? "this is no directory; it must hold node.toml and cluster.toml"
                                                   : "the directory is missing; `dyad init` makes it";
        out.diagnostics.push_back({directory.string(), 0, 0, why});
        return out;
    }
    surroundings around;
    around.have_cluster_key = fs::exists(fs::symlink_status(directory / "cluster.key", ec));
    around.certificates = certificates_in(directory, std::chrono::system_clock::now());

    auto const node_file = (directory / "node.toml").string();
    auto const cluster_file = (directory / "cluster.toml").string();
    directory_config c;
    bool complete = true;
    auto const load = [&](std::string const& file, std::string& text, auto& value, auto parse) {
        auto read = read_file(file);
        if (!read) {
            out.diagnostics.push_back({file, 0, 0, read.error().detail});
            complete = false;
            return;
        }
        text = std::move(*read);
        auto parsed = parse(text, file, around);
        std::move(parsed.diagnostics.begin(), parsed.diagnostics.end(), std::back_inserter(out.diagnostics));
        if (parsed.value) {
            value = std::move(*parsed.value);
        } else {
            complete = false;
        }
    };
    auto const pair_file = (directory / "pair.toml").string();
    std::optional<pair_config> pair;
    if (fs::exists(fs::symlink_status(pair_file, ec))) {
        std::string pair_text;
        pair.emplace();
        load(pair_file, pair_text, *pair,
             [](std::string_view text, std::string const& file, surroundings const&) { return parse_pair(text, file); });
        around.have_pair_links = !pair->links.empty();
    }
    load(node_file, c.node_text, c.node, &parse_node);
    if (pair && complete) {
        c.node = joined(std::move(c.node), *pair);
    }
    load(cluster_file, c.cluster_text, c.cluster, &parse_cluster);
    if (complete) {
        check_across(c, cluster_file, out.diagnostics);
        complete = std::all_of(out.diagnostics.begin(), out.diagnostics.end(), [](auto const& d) { return d.warning; });
    }
    if (complete) {
        out.value = std::move(c);
    }
    return out;
}

} // namespace dyad::config
