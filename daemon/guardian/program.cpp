// SPDX-License-Identifier: Apache-2.0
#include "guardian/program.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace dyad {

namespace {

balance::error unusable(std::filesystem::path const& path, int reason) {
    auto const code = reason == ENOENT || reason == ENOTDIR  ? balance::errc::not_found
                      : reason == EACCES || reason == EPERM ? balance::errc::not_permitted
                                                            : balance::errc::io_error;
    return balance::make_error(code, "the program " + path.string() + " cannot be started: " +
                                         std::error_code(reason, std::generic_category()).message());
}

} // namespace

std::filesystem::path path_in_link(std::string link) {
    constexpr std::string_view mark = " (deleted)";
    if (link.ends_with(mark)) {
        link.resize(link.size() - mark.size());
    }
    return link;
}

std::filesystem::path path_of_this_program() {
    std::error_code ignored;
    return path_in_link(std::filesystem::read_symlink("/proc/self/exe", ignored).string());
}

balance::result<std::shared_ptr<program const>> open_program(std::filesystem::path const& path, std::vector<std::string> arguments) {
    auto opened = std::make_shared<program>(
        program{ipc::descriptor(::open(path.c_str(), O_PATH | O_CLOEXEC)), std::move(arguments)});
    struct stat is {};
    if (!opened->file || ::fstat(opened->file.get(), &is) != 0) {
        return unusable(path, errno);
    }
    if (!S_ISREG(is.st_mode) || (is.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) {
        return unusable(path, EACCES);
    }
    return std::shared_ptr<program const>(std::move(opened));
}

void become(program const& p) {
    std::vector<char*> arguments;
    for (auto const& a : p.arguments) {
        arguments.push_back(const_cast<char*>(a.c_str()));
    }
    arguments.push_back(nullptr);
    ::syscall(SYS_execveat, p.file.get(), "", arguments.data(), environ, AT_EMPTY_PATH);
}

} // namespace dyad
