// SPDX-License-Identifier: Apache-2.0
#include "core/persistence_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace balance::core {
namespace {

/// Keeps the first `bits` bits of an address.
void mask(std::uint8_t* bytes, std::size_t size, unsigned bits) noexcept {
    for (std::size_t i = 0; i < size; ++i) {
        unsigned const here = std::min(bits, 8u);
        bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00u >> here));
        bits -= here;
    }
}

/// The finaliser of MurmurHash3: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t v) noexcept {
    v = (v ^ (v >> 33)) * 0xff51afd7ed558ccdULL;
    v = (v ^ (v >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return v ^ (v >> 33);
}

persistence_table::settings sane(persistence_table::settings s) noexcept {
    s.size = std::clamp<std::size_t>(s.size, 1, 1u << 24);
    s.timeout = std::clamp(s.timeout, std::chrono::milliseconds(1), persistence_table::forever);
    s.granularity = std::min<std::uint8_t>(s.granularity, 128);
    return s;
}

} // namespace

persistence_table::persistence_table(settings s) : settings_(sane(s)), buckets_(16, none) {}

std::optional<std::string_view> persistence_table::find(address const& client, clock_time now) const {
    std::uint32_t const index = locate(masked(client));
    if (index == none || nodes_[index].expires <= now)
        return std::nullopt;
    return servers_[nodes_[index].server];
}

std::optional<persistence_table::entry> persistence_table::use(address const& client, std::string_view server,
                                                               clock_time now) {
    key const k = masked(client);
    std::uint32_t index = locate(k);
    bool news = index == none || nodes_[index].expires <= now || servers_[nodes_[index].server] != server;
    if (index == none)
        index = insert(k, now);
    node& n = nodes_[index];
    if (news)
        n.server = server_number(server);
    n.expires = now + settings_.timeout;
    unlink(n);
    append(index);
    if (settings_.timeout < forever && now - n.told >= settings_.timeout / 10)
        news = true;
    if (!news)
        return std::nullopt;
    n.sequence = ++last_sequence_;
    n.told = now;
    return view(n, now);
}

bool persistence_table::merge(address const& client, std::string_view server, std::uint64_t sequence,
                              std::chrono::milliseconds remaining, clock_time now) {
    if (remaining <= std::chrono::milliseconds::zero())
        return false;
    last_sequence_ = std::max(last_sequence_, sequence);
    key const k = masked(client);
    std::uint32_t index = locate(k);
    if (index != none && nodes_[index].expires > now) {
        node const& ours = nodes_[index];
        if (ours.sequence > sequence || (ours.sequence == sequence && servers_[ours.server] >= server))
            return false;
    }
    if (server.empty()) {
        if (index != none)
            erase(index);
        return index != none;
    }
    if (index == none)
        index = insert(k, now);
    node& n = nodes_[index];
    n.server = server_number(server);
    n.sequence = sequence;
    n.expires = now + std::min(remaining, settings_.timeout);
    n.told = now;
    unlink(n);
    append(index);
    return true;
}

std::vector<persistence_table::entry> persistence_table::snapshot(clock_time now) const {
    std::vector<entry> all;
    all.reserve(used_);
    for (std::uint32_t i = oldest_; i != none; i = nodes_[i].newer)
        if (nodes_[i].expires > now)
            all.push_back(view(nodes_[i], now));
    return all;
}

void persistence_table::configure(settings s) {
    s = sane(s);
    if (s.granularity != settings_.granularity)
        while (oldest_ != none)
            erase(oldest_);
    while (used_ > s.size)
        erase(oldest_);
    s.hash_seed = settings_.hash_seed; // the buckets were filled with it
    settings_ = s;
}

persistence_table::key persistence_table::masked(address const& client) const noexcept {
    key k{};
    if (client.is_v4() || client.to_v6().is_v4_mapped()) {
        auto const v4 = client.is_v4() ? client.to_v4()
                                       : boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, client.to_v6());
        auto const bytes = v4.to_bytes();
        k[0] = 4;
        std::memcpy(k.data() + 1, bytes.data(), bytes.size());
        mask(k.data() + 1, bytes.size(), std::min<unsigned>(settings_.granularity, 32));
    } else {
        auto const bytes = client.to_v6().to_bytes();
        k[0] = 6;
        std::memcpy(k.data() + 1, bytes.data(), bytes.size());
        mask(k.data() + 1, bytes.size(), settings_.granularity);
    }
    return k;
}

std::size_t persistence_table::bucket_of(key const& k) const noexcept {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, k.data() + 1, sizeof high);
    std::memcpy(&low, k.data() + 9, sizeof low);
    std::uint64_t const hash = mix(mix(settings_.hash_seed ^ high ^ k[0]) ^ low);
    return static_cast<std::size_t>(hash) & (buckets_.size() - 1);
}

std::uint32_t persistence_table::locate(key const& k) const noexcept {
    std::uint32_t i = buckets_[bucket_of(k)];
    while (i != none && nodes_[i].client != k)
        i = nodes_[i].chain;
    return i;
}

persistence_table::entry persistence_table::view(node const& n, clock_time now) const {
    entry e;
    if (n.client[0] == 4) {
        boost::asio::ip::address_v4::bytes_type bytes;
        std::memcpy(bytes.data(), n.client.data() + 1, bytes.size());
        e.client = boost::asio::ip::address_v4(bytes);
    } else {
        boost::asio::ip::address_v6::bytes_type bytes;
        std::memcpy(bytes.data(), n.client.data() + 1, bytes.size());
        e.client = boost::asio::ip::address_v6(bytes);
    }
    e.server = servers_[n.server];
    e.sequence = n.sequence;
    e.remaining = std::chrono::ceil<std::chrono::milliseconds>(n.expires - now);
    return e;
}

std::uint32_t persistence_table::server_number(std::string_view server) {
    auto const place = std::find(servers_.begin(), servers_.end(), server) - servers_.begin();
    if (static_cast<std::size_t>(place) == servers_.size())
        servers_.emplace_back(server);
    return static_cast<std::uint32_t>(place);
}

std::uint32_t persistence_table::insert(key const& k, clock_time now) {
    while (oldest_ != none && (used_ >= settings_.size || nodes_[oldest_].expires <= now))
        erase(oldest_);
    std::uint32_t index = free_;
    if (index != none) {
        free_ = nodes_[index].chain;
    } else {
        index = static_cast<std::uint32_t>(nodes_.size());
        nodes_.emplace_back();
        if (nodes_.size() > buckets_.size())
            grow_buckets();
    }
    nodes_[index] = node{};
    nodes_[index].client = k;
    std::uint32_t& head = buckets_[bucket_of(k)];
    nodes_[index].chain = head;
    head = index;
    append(index);
    ++used_;
    return index;
}

void persistence_table::erase(std::uint32_t index) noexcept {
    node& n = nodes_[index];
    std::uint32_t* link = &buckets_[bucket_of(n.client)];
    while (*link != index)
        link = &nodes_[*link].chain;
    *link = n.chain;
    unlink(n);
    n.chain = free_;
    free_ = index;
    --used_;
}

void persistence_table::unlink(node const& n) noexcept {
    (n.older == none ? oldest_ : nodes_[n.older].newer) = n.newer;
    (n.newer == none ? newest_ : nodes_[n.newer].older) = n.older;
}

void persistence_table::append(std::uint32_t index) noexcept {
    node& n = nodes_[index];
    n.older = newest_;
    n.newer = none;
    (newest_ == none ? oldest_ : nodes_[newest_].newer) = index;
    newest_ = index;
}

/// Called right after a node was appended to `nodes_` and before it is in a bucket; all others are in use.
void persistence_table::grow_buckets() {
    buckets_.assign(std::bit_ceil(nodes_.size() * 2), none);
    for (std::uint32_t i = oldest_; i != none; i = nodes_[i].newer) {
        std::uint32_t& head = buckets_[bucket_of(nodes_[i].client)];
        nodes_[i].chain = head;
        head = i;
    }
}

} // namespace balance::core
