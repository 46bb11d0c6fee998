// SPDX-License-Identifier: Apache-2.0
#include "conntrack/message.hpp"

#include <algorithm>

namespace balance::conntrack {
namespace {

using octets = std::vector<std::byte>;
using octet_span = std::span<std::byte const>;

constexpr std::byte version{1};
constexpr std::byte all_flag{1};
constexpr std::byte first_flag{2};
constexpr std::byte last_flag{4};
constexpr std::size_t changes_in_a_message = 1000; ///< 88 bytes each at most

constexpr std::uint8_t tcp = 6;
constexpr std::uint8_t udp = 17;
constexpr std::uint8_t sctp = 132;

template <class T>
void put_number(octets& out, T value) {
    for (std::size_t i = sizeof(T); i-- > 0;) {
        out.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
}

void put_endpoint(octets& out, endpoint const& e) {
    auto const put = [&](auto const& raw) {
        auto const view = std::as_bytes(std::span(raw));
        out.insert(out.end(), view.begin(), view.end());
    };
    if (e.address.is_v6()) {
        put(e.address.to_v6().to_bytes());
    } else {
        put(e.address.to_v4().to_bytes());
    }
    put_number(out, e.port);
}

void put_change(octets& out, change const& c) {
    auto const& e = c.entry;
    put_number(out, static_cast<std::uint8_t>(e.key.original.source.address.is_v6() ? 6 : 4));
    put_number(out, static_cast<std::uint8_t>(c.gone ? 1 : 0));
    put_number(out, e.key.protocol);
    put_number(out, e.state);
    put_number(out, e.timeout);
    put_number(out, e.tags[0]);
    put_number(out, e.tags[1]);
    for (auto const& t : {e.key.original, e.reply}) {
        put_endpoint(out, t.source);
        put_endpoint(out, t.destination);
    }
}

/// Takes numbers off the front; once there are not enough bytes it stays failed.
class taker {
public:
    explicit taker(octet_span in) : left_(in) {}

    template <class T>
    T number() {
        T out = 0;
        for (auto const b : bytes(sizeof(T))) {
            out = static_cast<T>(out << 8 | static_cast<T>(b));
        }
        return out;
    }
    endpoint end(bool v6) {
        endpoint out;
        if (v6) {
            out.address = of<boost::asio::ip::address_v6>();
        } else {
            out.address = of<boost::asio::ip::address_v4>();
        }
        out.port = number<std::uint16_t>();
        return out;
    }
    [[nodiscard]] bool good() const noexcept { return good_; }
    [[nodiscard]] bool empty() const noexcept { return left_.empty(); }

private:
    octet_span bytes(std::size_t size) {
        good_ = good_ && left_.size() >= size;
        auto const out = left_.first(good_ ? size : 0);
        left_ = left_.subspan(out.size());
        return out;
    }
    template <class Address>
    Address of() {
        typename Address::bytes_type raw{};
        auto const in = bytes(raw.size());
        std::transform(in.begin(), in.end(), raw.begin(), [](std::byte b) { return static_cast<unsigned char>(b); });
        return Address(raw);
    }

    octet_span left_;
    bool good_ = true;
};

std::optional<change> take_change(taker& in) {
    auto const family = in.number<std::uint8_t>();
    auto const gone = in.number<std::uint8_t>();
    change out;
    auto& e = out.entry;
    out.gone = gone == 1;
    e.key.protocol = in.number<std::uint8_t>();
    e.state = in.number<std::uint8_t>();
    e.timeout = in.number<std::uint32_t>();
    e.tags[0] = in.number<std::uint32_t>();
    e.tags[1] = in.number<std::uint32_t>();
    for (auto* t : {&e.key.original, &e.reply}) {
        t->source = in.end(family == 6);
        t->destination = in.end(family == 6);
    }
    bool const known = e.key.protocol == tcp || e.key.protocol == udp || e.key.protocol == sctp;
    if (!in.good() || (family != 4 && family != 6) || gone > 1 || !known) {
        return std::nullopt;
    }
    return out;
}

octets head(std::byte flags) { return {version, flags}; }

} // namespace

std::vector<octets> encode_changes(std::span<change const> changes) {
    std::vector<octets> out;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        if (i % changes_in_a_message == 0) {
            out.push_back(head(std::byte{0}));
        }
        put_change(out.back(), changes[i]);
    }
    return out;
}

std::vector<octets> encode_all(std::span<entry const> entries, bool complete) {
    std::vector<octets> out{head(all_flag | first_flag)};
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i > 0 && i % changes_in_a_message == 0) {
            out.push_back(head(all_flag));
        }
        put_change(out.back(), {entries[i], false});
    }
    if (complete) {
        out.back()[1] |= last_flag;
    }
    return out;
}

std::optional<message> decode_message(octet_span in) {
    taker left(in);
    auto const its_version = static_cast<std::byte>(left.number<std::uint8_t>());
    auto const flags = static_cast<std::byte>(left.number<std::uint8_t>());
    if (!left.good() || its_version != version || (flags & ~(all_flag | first_flag | last_flag)) != std::byte{0}) {
        return std::nullopt;
    }
    message out;
    out.all = (flags & all_flag) != std::byte{0};
    out.first = (flags & first_flag) != std::byte{0};
    out.last = (flags & last_flag) != std::byte{0};
    if (!out.all && (out.first || out.last)) {
        return std::nullopt;
    }
    while (!left.empty()) {
        auto change = take_change(left);
        if (!change || (out.all && change->gone)) {
            return std::nullopt;
        }
        out.changes.push_back(std::move(*change));
    }
    return out;
}

} // namespace balance::conntrack
