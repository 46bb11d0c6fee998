// SPDX-License-Identifier: Apache-2.0
#include <cli/pinger.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

namespace dyad::cli {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr unsigned char v4_request = 8;
constexpr unsigned char v4_reply = 0;
constexpr unsigned char v6_request = 128;
constexpr unsigned char v6_reply = 129;
constexpr std::size_t head = 8;
constexpr std::size_t echo_size = head + 2 * sizeof(std::uint64_t); ///< with the pinger's cookie and the request's number
using echo_message = std::array<unsigned char, echo_size>;

std::string system_words(int code) { return error_code(code, boost::system::system_category()).message(); }

std::uint16_t internet_checksum(std::span<unsigned char const> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(~sum);
}

void put16(unsigned char* at, std::uint16_t value) {
    at[0] = static_cast<unsigned char>(value >> 8);
    at[1] = static_cast<unsigned char>(value);
}

echo_message echo_of(bool v6, std::uint16_t id, std::uint64_t cookie, std::uint64_t number) {
    echo_message out{};
    out[0] = v6 ? v6_request : v4_request;
    put16(&out[4], id);
    put16(&out[6], static_cast<std::uint16_t>(number));
    std::memcpy(&out[head], &cookie, sizeof cookie);
    std::memcpy(&out[head + sizeof cookie], &number, sizeof number);
    if (!v6) { // with IPv6 the kernel writes it
        put16(&out[2], internet_checksum(out));
    }
    return out;
}

/// Of a raw IPv4 socket: what is behind the IP header.
std::span<unsigned char const> behind_ip(std::span<unsigned char const> packet) {
    auto const size = packet.empty() ? 0 : static_cast<std::size_t>(packet[0] & 0x0f) * 4;
    return size >= 20 && size <= packet.size() ? packet.subspan(size) : std::span<unsigned char const>{};
}

sockaddr_storage system_address(balance::address const& a, socklen_t& size) {
    sockaddr_storage out{};
    if (a.is_v4()) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_addr.s_addr = htonl(a.to_v4().to_uint());
        std::memcpy(&out, &v4, size = sizeof v4);
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        auto const bytes = a.to_v6().to_bytes();
        std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
        v6.sin6_scope_id = static_cast<std::uint32_t>(a.to_v6().scope_id());
        std::memcpy(&out, &v6, size = sizeof v6);
    }
    return out;
}

} // namespace

pinger::pinger(asio::io_context& io, prober::settings const& how, std::function<std::int64_t()> now,
               std::function<void(attempt)> note)
    : how_(how), now_(std::move(now)), note_(std::move(note)), socket_(io), limit_(io) {
    std::random_device dice;
    cookie_ = (std::uint64_t{dice()} << 32) | dice();
    id_ = static_cast<std::uint16_t>(cookie_);
    open();
    if (cannot_.empty()) {
        listen();
    }
}

void pinger::open() {
    bool const v6 = how_.target.address.is_v6();
    int const family = v6 ? AF_INET6 : AF_INET;
    int const protocol = v6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
    int fd = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
        fd = ::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        raw_ = true;
    }
    if (fd < 0) {
        cannot_ = "no ping: " + system_words(errno) + "; run as root, or let this group ping with net.ipv4.ping_group_range";
        return;
    }
    socket_.assign(fd);
    socklen_t size = 0;
    if (how_.source) {
        auto const from = system_address(*how_.source, size);
        if (::bind(fd, reinterpret_cast<sockaddr const*>(&from), size) != 0) {
            cannot_ = "no ping from " + how_.source->to_string() + ": " + system_words(errno);
        }
    }
}

void pinger::send() {
    auto const begun = now_();
    if (!cannot_.empty()) {
        return note_({begun, begun, cannot_});
    }
    auto const message = echo_of(how_.target.address.is_v6(), id_, cookie_, next_);
    socklen_t size = 0;
    auto const to = system_address(how_.target.address, size);
    if (::sendto(socket_.native_handle(), message.data(), message.size(), 0, reinterpret_cast<sockaddr const*>(&to), size) < 0) {
        return note_({begun, now_(), system_words(errno)});
    }
    waiting_.push_back({next_++, begun});
    if (waiting_.size() == 1) {
        watch_time();
    }
}

void pinger::stop() {
    stopping_ = true;
    expire();
}

void pinger::listen() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code ec) {
        if (!ec) {
            receive();
            listen();
        }
    });
}

void pinger::receive() {
    std::array<unsigned char, 256> bytes{};
    for (int i = 0; i < 64; ++i) { // a flood must not keep the thread
        auto const got = ::recv(socket_.native_handle(), bytes.data(), bytes.size(), 0);
        if (got < 0) {
            break; // nothing more, or word of a request that could not be delivered: that one's time runs out
        }
        auto const packet = std::span<unsigned char const>(bytes).first(static_cast<std::size_t>(got));
        answered(raw_ && how_.target.address.is_v4() ? behind_ip(packet) : packet);
    }
    expire();
}

void pinger::answered(std::span<unsigned char const> message) {
    std::uint64_t cookie = 0;
    std::uint64_t number = 0;
    if (message.size() < echo_size || message[0] != (how_.target.address.is_v6() ? v6_reply : v4_reply)) {
        return;
    }
    std::memcpy(&cookie, &message[head], sizeof cookie);
    std::memcpy(&number, &message[head + sizeof cookie], sizeof number);
    if (cookie != cookie_ || waiting_.empty() || number < waiting_.front().number || number > waiting_.back().number) {
        return;
    }
    auto& one = waiting_[number - waiting_.front().number];
    if (!std::exchange(one.answered, true)) {
        note_({one.begun, now_(), ""});
    }
}

void pinger::expire() {
    auto const patience = std::chrono::microseconds(how_.patience).count();
    while (!waiting_.empty() && (waiting_.front().answered || now_() - waiting_.front().begun >= patience)) {
        if (!waiting_.front().answered) {
            note_({waiting_.front().begun, now_(), "no answer within " + short_time(patience)});
        }
        waiting_.pop_front();
    }
    if (stopping_ && waiting_.empty()) {
        limit_.cancel();
        error_code ignored;
        socket_.close(ignored);
    }
}

void pinger::watch_time() {
    auto const left = waiting_.front().begun + std::chrono::microseconds(how_.patience).count() - now_();
    limit_.expires_after(std::chrono::microseconds(left + 1));
    limit_.async_wait([this](error_code ec) {
        if (ec) {
            return;
        }
        expire();
        if (!waiting_.empty()) {
            watch_time();
        }
    });
}

} // namespace dyad::cli
