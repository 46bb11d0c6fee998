// SPDX-License-Identifier: Apache-2.0
#include "guardian/lock_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <thread>

namespace dyad {

namespace {

balance::error failed(std::string const& what, std::filesystem::path const& where) {
    auto const code =
        errno == EACCES || errno == EPERM || errno == EROFS ? balance::errc::not_permitted : balance::errc::io_error;
    auto const why = boost::system::error_code(errno, boost::system::system_category()).message();
    return balance::make_error(code, what + " " + where.string() + ": " + why +
                                         "; start dyadd as root, or give it directories of its own with --state-dir "
                                         "and --run-dir");
}

pid_t owner_of(int file) {
    std::array<char, 16> text{};
    auto const got = ::pread(file, text.data(), text.size(), 0);
    pid_t pid = 0;
    std::from_chars(text.data(), text.data() + (got > 0 ? got : 0), pid);
    return pid;
}

balance::error taken(std::filesystem::path const& directory, pid_t owner) {
    return balance::make_error(balance::errc::already_exists,
                               "another dyadd (pid " + std::to_string(owner) + ") runs on " + directory.string() +
                                   "; stop it first, or give this one directories of its own with --state-dir and "
                                   "--run-dir");
}

} // namespace

balance::result<ipc::descriptor> lock_directory(std::filesystem::path const& directory, unsigned mode,
                                                std::chrono::milliseconds patience) {
    std::error_code ignored; // mkdir tells what is wrong
    std::filesystem::create_directories(directory.parent_path(), ignored);
    if (::mkdir(directory.c_str(), mode) != 0 && errno != EEXIST) {
        return failed("cannot make the directory", directory);
    }
    auto const path = directory / "dyadd.lock";
    ipc::descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file) {
        return failed("cannot open", path);
    }
    constexpr std::chrono::milliseconds pause{20};
    while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return failed("cannot lock", path);
        }
        auto const owner = owner_of(file.get());
        if (::kill(owner, 0) == 0 || errno != ESRCH || patience <= pause) {
            return taken(directory, owner);
        }
        patience -= pause;
        std::this_thread::sleep_for(pause);
    }
    auto const text = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file.get(), 0) != 0 ||
        ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        return failed("cannot write", path);
    }
    return file;
}

} // namespace dyad
