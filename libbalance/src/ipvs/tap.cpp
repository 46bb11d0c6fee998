// SPDX-License-Identifier: Apache-2.0
#include "ipvs/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace balance::ipvs {
namespace {

error failed(std::string const& what) {
    int const code = errno;
    if (code == EPERM || code == EACCES) {
        return make_error(errc::not_permitted,
                          what + " needs the privilege CAP_NET_ADMIN; run as root or grant the capability");
    }
    return make_error(errc::io_error, what + ": " + std::strerror(code));
}

ifreq named(std::string const& name) {
    ifreq out{};
    name.copy(out.ifr_name, sizeof out.ifr_name - 1);
    return out;
}

ifreq with_address(std::string const& name, std::uint32_t address) {
    auto out = named(name);
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_addr.s_addr = htonl(address);
    std::memcpy(&out.ifr_addr, &in, sizeof in);
    return out;
}

bool configure(int socket, std::string const& name, boost::asio::ip::address_v4 local) {
    constexpr std::uint32_t mask = 0xffff'fffc;
    auto address = with_address(name, local.to_uint());
    auto netmask = with_address(name, mask);
    auto flags = named(name);
    flags.ifr_flags = IFF_UP | IFF_MULTICAST;
    return ::ioctl(socket, SIOCSIFADDR, &address) == 0 && ::ioctl(socket, SIOCSIFNETMASK, &netmask) == 0 &&
           ::ioctl(socket, SIOCSIFFLAGS, &flags) == 0;
}

} // namespace

result<tap> tap::open(std::string const& name, boost::asio::ip::address_v4 local) {
    tap out(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (out.fd_ < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO)) {
        return make_error(errc::not_supported,
                          "connections cannot be synchronised: there is no /dev/net/tun; load the module with "
                          "\"modprobe tun\"");
    }
    if (out.fd_ < 0) {
        return failed("opening /dev/net/tun");
    }
    auto request = named(name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (::ioctl(out.fd_, TUNSETIFF, &request) != 0) {
        if (errno == EBUSY || errno == EINVAL) {
            return make_error(errc::already_exists,
                              "interface " + name + " exists already; remove it with \"ip link del " + name + "\"");
        }
        return failed("making interface " + name);
    }
    int const socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) {
        return failed("configuring interface " + name);
    }
    bool const done = configure(socket, name, local);
    int const why = errno;
    ::close(socket);
    if (!done) {
        errno = why;
        return failed("configuring interface " + name);
    }
    return out;
}

tap::~tap() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
}

tap::tap(tap&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

tap& tap::operator=(tap&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

} // namespace balance::ipvs
