// SPDX-License-Identifier: Apache-2.0
#include "net/durable_files.hpp"

#include "net/system_error.hpp"
#include "net/unique_fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace cluster::net {
namespace {

namespace fs = std::filesystem;
using balance::errc;

balance::error failed(char const* verb, fs::path const& path, int number) {
    auto const denied = number == EACCES || number == EPERM;
    return system_error("cannot " + std::string(verb) + " " + path.string(), number,
                        denied ? "only the owner, usually root, may" : "");
}

} // namespace

result<> make_directory(fs::path const& directory) {
    if (::mkdir(directory.c_str(), 0700) == 0)
        return {};
    auto const number = errno;
    struct stat found {};
    if (number == EEXIST && ::stat(directory.c_str(), &found) == 0 && S_ISDIR(found.st_mode))
        return {};
    return failed("make the directory", directory, number);
}

result<> write_new_file(fs::path const& file, std::string_view bytes) {
    unique_fd const out(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (out.get() < 0)
        return failed("create", file, errno);
    while (!bytes.empty()) {
        auto const n = ::write(out.get(), bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("write", file, errno);
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    ::sync_file_range(out.get(), 0, 0, SYNC_FILE_RANGE_WRITE); // only makes `sync` faster
    return {};
}

result<> sync(fs::path const& path) {
    unique_fd const fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (fd.get() < 0)
        return failed("open", path, errno);
    if (::fsync(fd.get()) != 0)
        return failed("write to the disk", path, errno);
    return {};
}

result<> rename_path(fs::path const& from, fs::path const& to) {
    if (::rename(from.c_str(), to.c_str()) != 0)
        return failed("rename", from, errno);
    return {};
}

result<> replace_symlink(fs::path const& link, std::string const& target) {
    auto fresh = link;
    fresh += ".new";
    if (::unlink(fresh.c_str()) != 0 && errno != ENOENT)
        return failed("remove", fresh, errno);
    if (::symlink(target.c_str(), fresh.c_str()) != 0)
        return failed("create", fresh, errno);
    return rename_path(fresh, link);
}

result<std::string> read_file(fs::path const& file, std::size_t max) {
    // Not blocking: a pipe in the place of a file must not stop us.
    unique_fd const in(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat found {};
    if (in.get() < 0 || ::fstat(in.get(), &found) != 0)
        return failed("open", file, errno);
    if (!S_ISREG(found.st_mode))
        return balance::make_error(errc::protocol_error, file.string() + " is not a regular file");
    if (static_cast<std::uintmax_t>(found.st_size) > max)
        return balance::make_error(errc::protocol_error, file.string() + " is larger than " + std::to_string(max) + " bytes");
    std::string bytes(static_cast<std::size_t>(found.st_size), '\0');
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        auto const n = ::read(in.get(), bytes.data() + filled, bytes.size() - filled);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("read", file, errno);
        if (n == 0)
            break;
        filled += static_cast<std::size_t>(n);
    }
    bytes.resize(filled);
    return bytes;
}

} // namespace cluster::net
