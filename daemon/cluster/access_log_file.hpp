// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipc/descriptor.hpp"

#include <balance/error.hpp>

#include <sys/types.h>

#include <string>

namespace dyad {

/// The file that the proxy, which may open none, writes its access log to.
class access_log_file {
public:
    /// Opens it for appending, and makes it with mode 0640 if it is not there. A symbolic link is not followed, and what is
    /// no regular file is refused. Errors: `io_error`, `not_permitted`.
    balance::result<ipc::descriptor> open(std::string const& path);

    /// Is what lies there now another file than the one opened last, or none? Somebody has put it aside.
    [[nodiscard]] bool was_moved() const;

    /// None is open.
    void forget() { path_.clear(); }

private:
    std::string path_; ///< empty: none was opened
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

} // namespace dyad
