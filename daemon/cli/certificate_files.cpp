// SPDX-License-Identifier: Apache-2.0
#include <cli/certificate_files.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace dyad::cli {

namespace {

int write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        auto const n = ::write(fd, bytes.data(), bytes.size());
        if (n > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(n));
        } else if (n < 0 && errno != EINTR) {
            return errno;
        }
    }
    return ::fsync(fd) == 0 ? 0 : errno;
}

/// The owner of the directory reads what others put there; only root can give files away, and nobody else has to.
int give_to_owner_of(std::filesystem::path const& directory, int fd) {
    struct stat there {};
    if (::geteuid() != 0 || ::stat(directory.c_str(), &there) != 0) {
        return 0;
    }
    return ::fchown(fd, there.st_uid, there.st_gid) == 0 ? 0 : errno;
}

} // namespace

balance::result<> write_secret(std::filesystem::path const& file, std::string_view bytes, bool replace, secret_owner owner) {
    auto const failed = [&](int error) {
        return balance::make_error(error == EEXIST ? balance::errc::already_exists : balance::errc::io_error,
                                   file.string() + (error == EEXIST ? " is there already; --replace puts the new one in its place"
                                                                    : std::string(" cannot be written: ") + std::strerror(error)));
    };
    auto const directory = file.parent_path();
    std::string draft = (directory / ("." + file.filename().string() + ".XXXXXX")).string();
    int const fd = ::mkostemp(draft.data(), O_CLOEXEC); // mode 0600
    if (fd < 0) {
        return failed(errno);
    }
    int error = write_all(fd, bytes);
    if (error == 0 && owner == secret_owner::of_directory) {
        error = give_to_owner_of(directory, fd);
    }
    if (::close(fd) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0) { // link() refuses where rename() would replace
        bool const put = replace ? ::rename(draft.c_str(), file.c_str()) == 0 : ::link(draft.c_str(), file.c_str()) == 0;
        error = put ? 0 : errno;
    }
    if (error != 0 || !replace) {
        ::unlink(draft.c_str());
    }
    return error == 0 ? balance::result<>() : failed(error);
}

} // namespace dyad::cli
