// SPDX-License-Identifier: Apache-2.0
#include <cli/backup_files.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace dyad::cli::backup {

namespace fs = std::filesystem;

namespace {

constexpr char const* lock_name = "dyadd.lock";

balance::error failed(fs::path const& path, int error) {
    return balance::make_error(balance::errc::io_error, path.string() + ": " + std::strerror(error));
}

/// Of whatever a name leads to.
balance::result<std::string> content_of(fs::path const& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    return in.good() || in.eof() ? balance::result<std::string>(std::move(text)) : balance::result<std::string>(failed(file, errno));
}

/// Fills in what lies there; false: nothing that a backup holds.
balance::result<bool> look(fs::path const& path, item& i) {
    struct stat there {};
    if (::lstat(path.c_str(), &there) != 0) {
        return failed(path, errno);
    }
    if (S_ISLNK(there.st_mode)) {
        std::error_code ec;
        auto const target = fs::read_symlink(path, ec).string();
        if (!ec && good_name(target) && target.find('/') == std::string::npos) {
            i.kind = kind::link;
            i.bytes = target;
            return true;
        }
        if (::stat(path.c_str(), &there) != 0 || !S_ISREG(there.st_mode)) {
            return false;
        }
    }
    i.mode = static_cast<std::uint16_t>(there.st_mode & 07777);
    if (S_ISDIR(there.st_mode)) {
        i.kind = kind::directory;
        return true;
    }
    if (!S_ISREG(there.st_mode)) {
        return false;
    }
    if (static_cast<std::size_t>(there.st_size) > most_bytes / 2) {
        return balance::make_error(balance::errc::refused, path.string() + " is larger than a backup takes (" + std::to_string(most_bytes / 2 >> 20) +
                                                               " MiB); move it elsewhere");
    }
    auto bytes = content_of(path);
    if (!bytes) {
        return bytes.error();
    }
    i.bytes = std::move(*bytes);
    return true;
}

balance::result<> write_file(fs::path const& path, item const& i) {
    int const fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return failed(path, errno);
    }
    int error = 0;
    for (std::string_view left = i.bytes; error == 0 && !left.empty();) {
        auto const n = ::write(fd, left.data(), left.size());
        if (n > 0) {
            left.remove_prefix(static_cast<std::size_t>(n));
        } else if (n < 0 && errno != EINTR) {
            error = errno;
        }
    }
    if (error == 0 && (::fchmod(fd, i.mode) != 0 || ::fsync(fd) != 0)) {
        error = errno;
    }
    ::close(fd);
    return error == 0 ? balance::result<>() : balance::result<>(failed(path, error));
}

int sync_directory(fs::path const& directory) {
    int const fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int const error = fd >= 0 && ::fsync(fd) == 0 ? 0 : errno;
    if (fd >= 0) {
        ::close(fd);
    }
    return error;
}

} // namespace

balance::result<std::vector<item>> collect(root r, fs::path const& directory, std::vector<std::string>& left_out) {
    std::vector<item> out;
    std::size_t total = 0;
    std::error_code ec;
    if (!fs::exists(directory, ec)) {
        return out;
    }
    fs::recursive_directory_iterator it(directory, ec);
    for (; !ec && it != fs::recursive_directory_iterator(); it.increment(ec)) {
        item i;
        i.root = r;
        i.name = it->path().lexically_relative(directory).string();
        if (i.name == lock_name) {
            continue;
        }
        auto const there = look(it->path(), i);
        if (!there) {
            return there.error();
        }
        if (!*there || !good_name(i.name)) {
            left_out.push_back(it->path().string());
            continue;
        }
        total += i.bytes.size();
        if (total > most_bytes / 2 || out.size() == most_items / 2) {
            return balance::make_error(balance::errc::refused, directory.string() + " holds more than a backup takes (" +
                                                                   std::to_string(most_bytes / 2 >> 20) + " MiB, " +
                                                                   std::to_string(most_items / 2) + " files); move what is not dyad's elsewhere");
        }
        out.push_back(std::move(i));
    }
    if (ec) {
        return failed(directory, ec.value());
    }
    std::sort(out.begin(), out.end(), [](item const& a, item const& b) { return a.name < b.name; });
    return out;
}

balance::result<> write_tree(std::vector<item> const& items, root r, fs::path const& directory) {
    std::error_code ec;
    fs::create_directories(directory.parent_path(), ec);
    if (::mkdir(directory.c_str(), r == root::config ? 0755 : 0700) != 0) {
        return failed(directory, errno);
    }
    // Links come last: nothing is written through one.
    for (auto const what : {kind::directory, kind::file, kind::link}) {
        for (auto const& i : items) {
            if (i.root != r || i.kind != what) {
                continue;
            }
            auto const path = directory / i.name;
            if (what == kind::link ? ::symlink(i.bytes.c_str(), path.c_str()) != 0
                                   : what == kind::directory && ::mkdir(path.c_str(), 0700) != 0) {
                return failed(path, errno);
            }
            if (what == kind::file) {
                if (auto written = write_file(path, i); !written) {
                    return written;
                }
            }
        }
    }
    for (auto const& i : items) {
        auto const path = directory / i.name;
        if (i.root == r && i.kind == kind::directory && (::chmod(path.c_str(), i.mode) != 0 || sync_directory(path) != 0)) {
            return failed(path, errno);
        }
    }
    int const error = sync_directory(directory);
    return error == 0 ? balance::result<>() : balance::result<>(failed(directory, error));
}

balance::result<daemon_lock> daemon_lock::take(fs::path const& state_dir) {
    int const fd = ::open((state_dir / lock_name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? balance::result<daemon_lock>(daemon_lock(-1))
                               : balance::result<daemon_lock>(failed(state_dir / lock_name, errno));
    }
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ::close(fd);
        return balance::make_error(balance::errc::refused, "dyadd runs on " + state_dir.string() +
                                                               "; stop it first (systemctl stop dyadd), for it would go on with what it knows");
    }
    return daemon_lock(fd);
}

daemon_lock::daemon_lock(daemon_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

daemon_lock::~daemon_lock() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

} // namespace dyad::cli::backup
