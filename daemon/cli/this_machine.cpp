// SPDX-License-Identifier: Apache-2.0
#include <cli/first_files.hpp>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>

namespace dyad::cli {
namespace {

namespace ip = boost::asio::ip;

balance::address address_of(sockaddr const& raw) {
    if (raw.sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &raw, sizeof v4);
        return ip::address_v4(ntohl(v4.sin_addr.s_addr));
    }
    sockaddr_in6 v6{};
    std::memcpy(&v6, &raw, sizeof v6);
    ip::address_v6::bytes_type bytes{};
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return ip::address_v6(bytes);
}

} // namespace

machine this_machine() {
    machine out;
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) == 0) {
        out.hostname = name.data();
    }
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        return out; // the files are then written with example addresses
    }
    std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> const owner(list, &::freeifaddrs);
    for (auto const* i = list; i != nullptr; i = i->ifa_next) {
        bool const usable = i->ifa_addr != nullptr && (i->ifa_flags & IFF_UP) != 0 &&
                            (i->ifa_flags & IFF_LOOPBACK) == 0 &&
                            (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6);
        if (!usable) {
            continue;
        }
        auto const a = address_of(*i->ifa_addr);
        if (!(a.is_v6() && a.to_v6().is_link_local())) {
            out.addresses.push_back({i->ifa_name, a});
        }
    }
    return out;
}

} // namespace dyad::cli
