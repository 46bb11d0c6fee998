// SPDX-License-Identifier: Apache-2.0
#include "checker/icmp_sockets.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

namespace dyad {

namespace {

constexpr int raw = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;

} // namespace

icmp_sockets::icmp_sockets() : v4(::socket(AF_INET, raw, IPPROTO_ICMP)), v6(::socket(AF_INET6, raw, IPPROTO_ICMPV6)) {}

} // namespace dyad
