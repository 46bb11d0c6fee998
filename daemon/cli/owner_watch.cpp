// SPDX-License-Identifier: Apache-2.0
#include <cli/owner_frames.hpp>
#include <cli/owner_watch.hpp>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

namespace dyad::cli {
namespace {

using list_of_interfaces = std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)>;

/// The bytes of an IPv4 or IPv6 address, in the order of the wire.
std::vector<std::uint8_t> bytes_of(sockaddr const* raw) {
    std::vector<std::uint8_t> out;
    if (raw != nullptr && raw->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, raw, sizeof v4);
        out.resize(4);
        std::memcpy(out.data(), &v4.sin_addr, out.size());
    } else if (raw != nullptr && raw->sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, raw, sizeof v6);
        out.resize(16);
        std::memcpy(out.data(), &v6.sin6_addr, out.size());
    }
    return out;
}

std::vector<std::uint8_t> bytes_of(balance::address const& a) {
    if (a.is_v4()) {
        auto const b = a.to_v4().to_bytes();
        return {b.begin(), b.end()};
    }
    auto const b = a.to_v6().to_bytes();
    return {b.begin(), b.end()};
}

balance::address address_from(std::vector<std::uint8_t> const& bytes) {
    if (bytes.size() == 4) {
        return boost::asio::ip::address_v4({bytes[0], bytes[1], bytes[2], bytes[3]});
    }
    boost::asio::ip::address_v6::bytes_type v6{};
    std::copy_n(bytes.begin(), v6.size(), v6.begin());
    return boost::asio::ip::address_v6(v6);
}

bool same_network(std::vector<std::uint8_t> const& a, std::vector<std::uint8_t> const& b, std::vector<std::uint8_t> const& mask) {
    if (a.size() != b.size() || mask.size() != a.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (((a[i] ^ b[i]) & mask[i]) != 0) {
            return false;
        }
    }
    return true;
}

/// Where an address is asked for, and as whom.
struct way_to {
    std::string interface;
    balance::address own;
};

balance::result<way_to> way_of(ifaddrs const* list, balance::address const& target) {
    auto const wanted = bytes_of(target);
    std::optional<way_to> found;
    for (auto const* i = list; i != nullptr; i = i->ifa_next) {
        auto const own = bytes_of(i->ifa_addr);
        if ((i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0 || own.empty()) {
            continue;
        }
        if (own == wanted) {
            return balance::make_error(balance::errc::refused, target.to_string() + " is this machine's own address: who owns it is "
                                                                                    "seen from another machine");
        }
        if (!found && same_network(own, wanted, bytes_of(i->ifa_netmask))) {
            found = way_to{i->ifa_name, address_from(own)};
        }
    }
    if (!found) {
        return balance::make_error(balance::errc::refused, "no network of this machine has " + target.to_string() +
                                                                 " in it: who owns it is seen from its own network only");
    }
    return *found;
}

std::optional<mac_address> mac_of(ifaddrs const* list, std::string const& interface) {
    for (auto const* i = list; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr != nullptr && i->ifa_addr->sa_family == AF_PACKET && interface == i->ifa_name) {
            sockaddr_ll link{};
            std::memcpy(&link, i->ifa_addr, sizeof link);
            mac_address out{};
            if (link.sll_halen == out.size()) {
                std::copy_n(std::begin(link.sll_addr), out.size(), out.begin());
                return out;
            }
        }
    }
    return std::nullopt;
}

/// A socket for ARP or IPv6 frames of one interface.
struct port {
    int fd = -1;
    mac_address mac{};
};

balance::result<port> open_port(ifaddrs const* list, std::string const& interface, bool v6) {
    auto const mac = mac_of(list, interface);
    if (!mac) {
        return balance::make_error(balance::errc::not_supported, interface + " is no Ethernet interface: nobody can be asked there");
    }
    auto const type = htons(v6 ? ETH_P_IPV6 : ETH_P_ARP);
    port out{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, type), *mac};
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = type;
    at.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (out.fd < 0 || ::bind(out.fd, reinterpret_cast<sockaddr const*>(&at), sizeof at) != 0) {
        auto const code = errno;
        ::close(out.fd);
        return balance::make_error(code == EPERM ? balance::errc::not_permitted : balance::errc::io_error,
                                   "cannot ask on " + interface + " who owns an address: " + std::strerror(code) +
                                       (code == EPERM ? "; run as root there" : ""));
    }
    return out;
}

} // namespace

struct owner_watch::impl {
    struct watched {
        balance::address address;
        std::vector<std::uint8_t> question;
        int fd = -1;
        std::vector<owner_sample> samples; ///< guarded; the last one's time is not over
    };

    ~impl() {
        stopping = true;
        if (thread.joinable()) {
            thread.join();
        }
        for (auto const& [key, open] : ports) {
            ::close(open.fd);
        }
    }

    [[nodiscard]] std::int64_t now() const {
        return std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - epoch).count();
    }

    void ask() {
        std::lock_guard const lock(guard);
        for (auto& w : list) {
            w.samples.push_back({now(), {}});
            // While the interface is down nobody is asked, and nobody answers.
            [[maybe_unused]] auto const sent = ::send(w.fd, w.question.data(), w.question.size(), 0);
        }
    }

    void hear(port const& from) {
        std::array<std::uint8_t, 2048> frame{};
        for (int i = 0; i < 64; ++i) { // a flood must not keep the thread
            auto const got = ::recv(from.fd, frame.data(), frame.size(), 0);
            if (got <= 0) {
                return;
            }
            auto const claim = owner_answer(std::span<std::uint8_t const>(frame).first(static_cast<std::size_t>(got)), from.mac);
            if (!claim) {
                continue;
            }
            auto const mac = mac_text(claim->mac);
            std::lock_guard const lock(guard);
            for (auto& w : list) {
                if (w.address == claim->address && !w.samples.empty()) {
                    auto& macs = w.samples.back().macs;
                    if (std::find(macs.begin(), macs.end(), mac) == macs.end()) {
                        macs.push_back(mac);
                    }
                }
            }
        }
    }

    void run() {
        std::vector<pollfd> polled;
        for (auto const& [key, open] : ports) {
            polled.push_back({open.fd, POLLIN, 0});
        }
        auto due = clock::now();
        while (!stopping) {
            if (auto const at = clock::now(); at >= due) {
                ask();
                due = std::max(due + period, at);
            }
            auto const left = std::chrono::duration_cast<std::chrono::nanoseconds>(due - clock::now()).count();
            timespec const wait{0, std::max<long>(left, 0)};
            if (::ppoll(polled.data(), polled.size(), &wait, nullptr) > 0) {
                for (auto const& [key, open] : ports) {
                    hear(open);
                }
            }
        }
    }

    clock::time_point epoch;
    std::map<std::pair<std::string, bool>, port> ports; ///< by interface and whether IPv6
    mutable std::mutex guard;
    std::vector<watched> list;
    std::atomic<bool> stopping{false};
    std::thread thread;
};

balance::result<std::unique_ptr<owner_watch>> owner_watch::start(std::vector<balance::address> const& addresses,
                                                                 clock::time_point epoch) {
    ifaddrs* raw = nullptr;
    if (::getifaddrs(&raw) != 0) {
        return balance::make_error(balance::errc::io_error, std::string("getifaddrs: ") + std::strerror(errno));
    }
    list_of_interfaces const list(raw, &::freeifaddrs);
    auto made = std::make_unique<impl>();
    made->epoch = epoch;
    for (auto const& address : addresses) {
        auto const way = way_of(list.get(), address);
        if (!way) {
            return way.error();
        }
        auto const key = std::pair(way->interface, address.is_v6());
        if (!made->ports.contains(key)) {
            auto const opened = open_port(list.get(), way->interface, address.is_v6());
            if (!opened) {
                return opened.error();
            }
            made->ports.emplace(key, *opened);
        }
        auto const& port = made->ports.at(key);
        made->list.push_back({address, owner_question(port.mac, way->own, address), port.fd, {}});
    }
    made->thread = std::thread([i = made.get()] { i->run(); });
    return std::unique_ptr<owner_watch>(new owner_watch(std::move(made)));
}

owner_watch::owner_watch(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
owner_watch::~owner_watch() = default;

std::vector<owner_sample> owner_watch::samples(std::size_t address, std::size_t known) const {
    std::lock_guard const lock(impl_->guard);
    auto const& all = impl_->list.at(address).samples;
    auto const over = all.empty() ? 0 : all.size() - 1;
    return {all.begin() + static_cast<std::ptrdiff_t>(std::min(known, over)), all.begin() + static_cast<std::ptrdiff_t>(over)};
}

} // namespace dyad::cli
