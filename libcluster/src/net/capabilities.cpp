// SPDX-License-Identifier: Apache-2.0
#include "net/capabilities.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

namespace cluster::net {

bool has_capability(unsigned number) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
    return ::syscall(SYS_capget, &header, sets) == 0 && (sets[number / 32].effective & (1u << number % 32)) != 0;
}

balance::result<> need_network_capabilities() {
    std::string missing;
    if (!has_capability(CAP_NET_ADMIN)) {
        missing = "CAP_NET_ADMIN (to put addresses on)";
    }
    if (!has_capability(CAP_NET_RAW)) {
        missing += std::string(missing.empty() ? "" : " and ") + "CAP_NET_RAW (to announce them)";
    }
    if (missing.empty()) {
        return {};
    }
    return balance::make_error(balance::errc::not_permitted, "this process lacks " + missing +
                                                                 ": run it as root, or give it the capabilities with "
                                                                 "AmbientCapabilities= of its systemd unit");
}

} // namespace cluster::net
