// SPDX-License-Identifier: Apache-2.0
#include "ipvs/sockopt_table.hpp"

#include <arpa/inet.h>
#include <linux/ip_vs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace balance::ipvs {
namespace {

/// All zero. Braces would do, but clang does not like them for what ends with an array of no size.
template <class T>
T zeroed() {
    T out;
    std::memset(&out, 0, sizeof out);
    return out;
}

template <class T>
T read(byte_span from, std::size_t at) {
    auto out = zeroed<T>();
    std::memcpy(&out, from.data() + at, sizeof out);
    return out;
}

template <class T>
void write(bytes& into, T const& what) {
    std::memcpy(into.data(), &what, sizeof what);
}

address address_of(std::uint32_t network_order) { return boost::asio::ip::address_v4(ntohl(network_order)); }

/// False where the kernel refuses. `answer` has the request, and then what it brought.
bool ask(int socket, int option, bytes& answer) {
    auto size = static_cast<socklen_t>(answer.size());
    return ::getsockopt(socket, IPPROTO_IP, option, answer.data(), &size) == 0;
}

} // namespace

bytes services_request(std::uint32_t count) {
    bytes out(sizeof(ip_vs_get_services) + count * sizeof(ip_vs_service_entry));
    auto head = zeroed<ip_vs_get_services>();
    head.num_services = count;
    write(out, head);
    return out;
}

std::optional<std::vector<counted_service>> decode_services(byte_span answer) {
    if (answer.size() < sizeof(ip_vs_get_services)) {
        return std::nullopt;
    }
    auto const count = read<ip_vs_get_services>(answer, 0).num_services;
    auto const entries = answer.subspan(sizeof(ip_vs_get_services));
    if (entries.size() / sizeof(ip_vs_service_entry) < count) {
        return std::nullopt;
    }
    std::vector<counted_service> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        auto const e = read<ip_vs_service_entry>(entries, i * sizeof(ip_vs_service_entry));
        counted_service s{{}, e.num_dests};
        s.key.mark = e.fwmark;
        if (e.fwmark == 0) {
            s.key.protocol = e.protocol;
            s.key.local = {address_of(e.addr), ntohs(e.port)};
        }
        out.push_back(s);
    }
    return out;
}

bytes destinations_request(counted_service const& s) {
    auto const room = s.destinations + 1; // the kernel leaves out without a word what there is no room for
    bytes out(sizeof(ip_vs_get_dests) + room * sizeof(ip_vs_dest_entry));
    auto head = zeroed<ip_vs_get_dests>();
    head.fwmark = s.key.mark;
    head.num_dests = room;
    if (s.key.mark == 0) {
        head.protocol = s.key.protocol;
        head.addr = htonl(s.key.local.address.to_v4().to_uint());
        head.port = htons(s.key.local.port);
    }
    write(out, head);
    return out;
}

std::optional<std::vector<destination_state>> decode_destinations(byte_span answer) {
    if (answer.size() < sizeof(ip_vs_get_dests)) {
        return std::nullopt;
    }
    auto const room = read<ip_vs_get_dests>(answer, 0).num_dests;
    auto const entries = answer.subspan(sizeof(ip_vs_get_dests));
    if (room == 0 || entries.size() / sizeof(ip_vs_dest_entry) < room) {
        return std::nullopt;
    }
    std::size_t const count = room - 1;
    if (read<ip_vs_dest_entry>(entries, count * sizeof(ip_vs_dest_entry)).addr != 0) {
        return std::nullopt; // one more than was counted
    }
    std::vector<destination_state> out(count);
    for (std::size_t i = 0; i < count; ++i) {
        auto const e = read<ip_vs_dest_entry>(entries, i * sizeof(ip_vs_dest_entry));
        auto const method = static_cast<forwarding>(e.conn_flags & IP_VS_CONN_F_FWD_MASK);
        if (e.addr == 0 || method == forwarding::tunnel) {
            return std::nullopt; // fewer were written, or of another family
        }
        out[i].config = {.remote = {address_of(e.addr), ntohs(e.port)},
                         .method = method,
                         .weight = static_cast<std::uint32_t>(e.weight),
                         .upper = e.u_threshold,
                         .lower = e.l_threshold};
        out[i].active = e.activeconns;
        out[i].inactive = e.inactconns;
        out[i].persistent = e.persistconns;
    }
    return out;
}

sockopt_table::sockopt_table() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

sockopt_table::~sockopt_table() {
    if (socket_ >= 0) {
        ::close(socket_);
    }
}

std::optional<std::vector<counted_service>> sockopt_table::services() {
    ip_vs_getinfo info{};
    auto size = static_cast<socklen_t>(sizeof info);
    if (::getsockopt(socket_, IPPROTO_IP, IP_VS_SO_GET_INFO, &info, &size) != 0) {
        return std::nullopt;
    }
    auto answer = services_request(info.num_services);
    return ask(socket_, IP_VS_SO_GET_SERVICES, answer) ? decode_services(answer) : std::nullopt;
}

std::optional<std::vector<destination_state>> sockopt_table::destinations(counted_service const& s) {
    if (s.destinations == 0) {
        return std::vector<destination_state>();
    }
    auto answer = destinations_request(s);
    if (!ask(socket_, IP_VS_SO_GET_DESTS, answer)) {
        return std::nullopt;
    }
    return decode_destinations(answer);
}

} // namespace balance::ipvs
