// SPDX-License-Identifier: Apache-2.0
#include "cluster/access_log_file.hpp"

#include <boost/system/error_code.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace dyad {

namespace {

constexpr mode_t private_to_group = 0640;

balance::error refused(std::string const& path, int reason) {
    auto const text = "the access log " + path + " cannot be written: ";
    if (reason == ENOENT) {
        return balance::make_error(balance::errc::io_error, text + "its directory is not there; make it, or name another");
    }
    if (reason == ELOOP) {
        return balance::make_error(balance::errc::io_error, text + "it is a symbolic link; name the file itself");
    }
    auto const why = boost::system::error_code(reason, boost::system::system_category()).message();
    return balance::make_error(reason == EACCES || reason == EPERM ? balance::errc::not_permitted : balance::errc::io_error,
                               text + why);
}

} // namespace

balance::result<ipc::descriptor> access_log_file::open(std::string const& path) {
    // Without O_NONBLOCK opening a FIFO would wait for its reader.
    ipc::descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                                private_to_group));
    path_ = path;
    device_ = {};
    inode_ = {}; // until it can be opened, somebody has moved it
    struct stat is {};
    if (!file || ::fstat(file.get(), &is) != 0) {
        return refused(path, errno);
    }
    if (!S_ISREG(is.st_mode) || is.st_nlink > 1) {
        return balance::make_error(balance::errc::io_error, "the access log " + path + " is no regular file with one name; name another");
    }
    device_ = is.st_dev;
    inode_ = is.st_ino;
    return file;
}

bool access_log_file::was_moved() const {
    struct stat is {};
    return !path_.empty() && (::lstat(path_.c_str(), &is) != 0 || is.st_dev != device_ || is.st_ino != inode_);
}

} // namespace dyad
