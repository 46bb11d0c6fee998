// SPDX-License-Identifier: Apache-2.0
#include "ipvs/edit_tap.hpp"

#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip_vs.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

namespace balance::ipvs {
namespace {

using netlink_socket = std::unique_ptr<nl_sock, decltype(&nl_socket_free)>;

constexpr unsigned short nlmon_hardware = 824; // ARPHRD_NETLINK of linux/if_arp.h, which does not go with net/if.h
constexpr int most_at_once = 64;               ///< whoever floods us gets no more of the caller's time

constexpr std::uint32_t bit(int command) { return std::uint32_t{1} << command; }
constexpr std::uint32_t edits = bit(IPVS_CMD_NEW_SERVICE) | bit(IPVS_CMD_SET_SERVICE) | bit(IPVS_CMD_DEL_SERVICE) |
                                bit(IPVS_CMD_NEW_DEST) | bit(IPVS_CMD_SET_DEST) | bit(IPVS_CMD_DEL_DEST) |
                                bit(IPVS_CMD_SET_CONFIG) | bit(IPVS_CMD_FLUSH);

error watch_error(std::string const& what, int code) {
    if (code == EPERM || code == EACCES) {
        return make_error(errc::not_permitted, what +
                                                   " needs the privileges CAP_NET_ADMIN and CAP_NET_RAW; run as root "
                                                   "or grant the capabilities");
    }
    return make_error(errc::io_error, what + ": " + std::strerror(code));
}

result<int> family_of_ipvs() {
    netlink_socket const s(nl_socket_alloc(), &nl_socket_free);
    if (!s || genl_connect(s.get()) < 0) {
        return make_error(errc::io_error, "generic netlink cannot be reached");
    }
    int const family = genl_ctrl_resolve(s.get(), IPVS_GENL_NAME);
    if (family < 0) {
        return make_error(errc::not_supported, "this kernel has no IPVS (ip_vs)");
    }
    return family;
}

result<> make_interface(std::string const& name) {
    netlink_socket const s(nl_socket_alloc(), &nl_socket_free);
    if (!s || nl_connect(s.get(), NETLINK_ROUTE) < 0) {
        return make_error(errc::io_error, "netlink cannot be reached");
    }
    std::unique_ptr<rtnl_link, decltype(&rtnl_link_put)> const link(rtnl_link_alloc(), &rtnl_link_put);
    rtnl_link_set_name(link.get(), name.c_str());
    rtnl_link_set_type(link.get(), "nlmon");
    rtnl_link_set_flags(link.get(), IFF_UP);
    int const code = rtnl_link_add(s.get(), link.get(), NLM_F_CREATE);
    if (code == -NLE_OPNOTSUPP) {
        return make_error(errc::not_supported,
                          "this kernel has no nlmon interfaces; load the module with \"modprobe nlmon\"");
    }
    if (code == -NLE_PERM) {
        return watch_error("making interface " + name, EPERM);
    }
    if (code < 0 && code != -NLE_EXIST) {
        return make_error(errc::io_error, "making interface " + name + ": " + nl_geterror(code));
    }
    return {};
}

void remove_interface(unsigned number) noexcept {
    netlink_socket const s(nl_socket_alloc(), &nl_socket_free);
    std::unique_ptr<rtnl_link, decltype(&rtnl_link_put)> const link(rtnl_link_alloc(), &rtnl_link_put);
    if (s && link && nl_connect(s.get(), NETLINK_ROUTE) >= 0) {
        rtnl_link_set_ifindex(link.get(), static_cast<int>(number));
        rtnl_link_delete(s.get(), link.get());
    }
}

/// A packet is one netlink datagram; the filter looks at its first message. Loads are big-endian, netlink is the
/// host's.
bool accept_edits_only(int fd, int family) {
    auto const type = ntohs(static_cast<std::uint16_t>(family));
    auto const request = ntohs(NLM_F_REQUEST);
    constexpr auto protocol = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL);
    std::array<sock_filter, 13> code{{
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, protocol),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_GENERIC, 0, 10),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type, 0, 8),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_flags)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, request, 0, 6),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, sizeof(nlmsghdr) + offsetof(genlmsghdr, cmd)),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_IMM, 1),
        BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, edits, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 1), // one byte tells enough
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    sock_fprog const program{static_cast<unsigned short>(code.size()), code.data()};
    return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

bool is_nlmon(int fd, std::string const& interface) {
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    return ::ioctl(fd, SIOCGIFHWADDR, &request) == 0 && request.ifr_hwaddr.sa_family == nlmon_hardware;
}

bool bind_to(int fd, unsigned interface) {
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(interface);
    return ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
}

} // namespace

result<edit_tap> edit_tap::open(std::string const& interface) {
    auto const family = family_of_ipvs();
    if (!family) {
        return family.error();
    }
    edit_tap out(
        ::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); // nothing arrives before it is bound
    if (out.fd_ < 0) {
        return watch_error("watching changes of IPVS", errno);
    }
    if (::if_nametoindex(interface.c_str()) != 0 && !is_nlmon(out.fd_, interface)) {
        return make_error(errc::already_exists, "interface " + interface +
                                                    " is somebody's; rename it, or remove it with \"ip link del " +
                                                    interface + "\"");
    }
    if (auto const made = make_interface(interface); !made) {
        return made.error();
    }
    out.interface_ = ::if_nametoindex(interface.c_str());
    if (out.interface_ == 0 || !accept_edits_only(out.fd_, *family) || !bind_to(out.fd_, out.interface_)) {
        return watch_error("watching changes of IPVS", errno);
    }
    return out;
}

edit_tap::~edit_tap() {
    if (fd_ >= 0) {
        ::close(fd_);
    }
    if (interface_ != 0) {
        remove_interface(interface_);
    }
}

edit_tap::edit_tap(edit_tap&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), interface_(std::exchange(other.interface_, 0)), blind_(other.blind_) {}

edit_tap& edit_tap::operator=(edit_tap&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(interface_, other.interface_);
    std::swap(blind_, other.blind_);
    return *this;
}

bool edit_tap::drain() noexcept {
    bool any = false;
    char one = 0;
    for (int i = 0; i < most_at_once; ++i) {
        if (::recv(fd_, &one, sizeof one, 0) >= 0) {
            any = true;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            return blind_ = true;
        }
    }
    return any;
}

} // namespace balance::ipvs
