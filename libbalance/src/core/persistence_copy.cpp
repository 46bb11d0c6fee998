// SPDX-License-Identifier: Apache-2.0
#include <balance/persistence_copy.hpp>

#include "core/client_index.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace balance {
namespace {

/// More than a proxy writes while a message is on its way to it.
constexpr std::uint64_t far_ahead = std::uint64_t{1} << 32;

constexpr std::size_t default_limit = 1'000'000;

/// Memory that far apart is fetched for so many entries at once.
constexpr std::size_t looked_ahead = 16;

/// Buckets made ahead: more would be for entries that may never come.
constexpr std::size_t most_expected = std::size_t{1} << 20;

/// Calls of `sweep` that see every entry.
constexpr std::size_t sweeps = 60;

/// Names by number. 0 is the empty name.
class name_book {
public:
    std::uint32_t number_of(std::string_view name) {
        if (name == names_[last_])
            return last_;
        auto found = numbers_.find(name);
        if (found == numbers_.end()) {
            found = numbers_.emplace(name, static_cast<std::uint32_t>(names_.size())).first;
            names_.emplace_back(name);
        }
        return last_ = found->second;
    }
    [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const {
        auto const found = numbers_.find(name);
        return found == numbers_.end() ? std::nullopt : std::optional(found->second);
    }
    [[nodiscard]] std::string const& operator[](std::uint32_t number) const noexcept { return names_[number]; }

private:
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
    };
    std::vector<std::string> names_{{}};
    std::unordered_map<std::string, std::uint32_t, text_hash, std::equal_to<>> numbers_{{{}, 0}};
    std::uint32_t last_ = 0;
};

} // namespace

struct persistence_copy::impl {
    struct alignas(64) node {
        core::client_key client{};
        std::uint64_t sequence = 0;
        std::int64_t expires_ms = 0;
        std::uint64_t change = 0; ///< number of the last one
        std::uint32_t server : 31 = 0; ///< 0: cleared
        std::uint32_t of_peer : 1 = 0; ///< the last change came from there
        std::uint32_t chain = 0;
        std::uint32_t older = 0;
        std::uint32_t newer = 0;
    };
    static constexpr std::uint32_t none = core::client_index<node>::none;

    explicit impl(std::uint64_t seed) : nodes(seed) {}

    void take(core::client_key const& key, persistence_record const& r, source from, std::int64_t now_ms);
    void changed(std::uint32_t index);
    void erase(std::uint32_t index);
    void set_server(node& n, std::uint32_t number) noexcept {
        cleared -= n.server == 0 ? 1u : 0u;
        cleared += number == 0 ? 1u : 0u;
        n.server = number & 0x7fff'ffffu;
    }
    [[nodiscard]] persistence_record view(node const& n, std::int64_t now_ms) const {
        return {services[core::service_of(n.client)], core::client_of(n.client), servers[n.server], n.sequence,
                milliseconds(n.expires_ms - now_ms)};
    }

    core::client_index<node> nodes; ///< the one that changed longest ago is the oldest
    name_book services;
    name_book servers;
    std::size_t limit = default_limit;
    std::size_t cleared = 0; ///< nodes without a server
    std::uint64_t last_change = 0;
    std::uint32_t next = none;        ///< the first that the follower does not know; none: it knows all
    std::uint64_t of_peer_until = 0;  ///< it is told what came from the peer up to this change
    std::uint32_t swept = 0;          ///< places that were looked at in this round
};

void persistence_copy::impl::changed(std::uint32_t index) {
    if (next == index)
        next = nodes[index].newer;
    nodes.touch(index);
    nodes[index].change = ++last_change;
    if (next == none)
        next = index;
}

void persistence_copy::impl::erase(std::uint32_t index) {
    if (next == index)
        next = nodes[index].newer;
    cleared -= nodes[index].server == 0 ? 1u : 0u;
    nodes.erase(index);
}

void persistence_copy::impl::take(core::client_key const& key, persistence_record const& r, source from, std::int64_t now_ms) {
    if (r.remaining.count() <= 0)
        return;
    auto index = nodes.locate(key);
    if (index != none && nodes[index].expires_ms > now_ms) {
        auto const& ours = nodes[index];
        if (ours.sequence > r.sequence || (ours.sequence == r.sequence && servers[ours.server] >= r.server))
            return;
    }
    if (index == none) {
        while (nodes.size() >= limit)
            erase(nodes.oldest());
        index = nodes.insert(key);
        ++cleared;
    }
    auto& n = nodes[index];
    set_server(n, servers.number_of(r.server));
    n.of_peer = from == source::peer;
    n.sequence = r.sequence;
    n.expires_ms = now_ms + r.remaining.count();
    changed(index);
}

persistence_copy::persistence_copy(std::uint64_t hash_seed) : impl_(std::make_unique<impl>(hash_seed)) {}
persistence_copy::~persistence_copy() = default;
persistence_copy::persistence_copy(persistence_copy&&) noexcept = default;
persistence_copy& persistence_copy::operator=(persistence_copy&&) noexcept = default;

void persistence_copy::set_limit(std::size_t entries) {
    impl_->limit = std::clamp<std::size_t>(entries, 1, std::size_t{1} << 31);
    impl_->nodes.expect(std::min(impl_->limit, most_expected));
    while (impl_->nodes.size() > impl_->limit)
        impl_->erase(impl_->nodes.oldest());
}

std::size_t persistence_copy::size() const noexcept { return impl_->nodes.size(); }

std::size_t persistence_copy::clients() const noexcept { return impl_->nodes.size() - impl_->cleared; }

void persistence_copy::merge(std::span<persistence_record const> entries, source from, std::int64_t now_ms) {
    std::array<core::client_key, looked_ahead> keys;
    while (!entries.empty()) {
        auto const some = entries.first(std::min(entries.size(), keys.size()));
        entries = entries.subspan(some.size());
        for (std::size_t i = 0; i < some.size(); ++i) {
            keys[i] = core::key_of(some[i].client, 128, impl_->services.number_of(some[i].service));
            impl_->nodes.bring_bucket(keys[i]);
        }
        for (std::size_t i = 0; i < some.size(); ++i)
            impl_->nodes.bring_node(keys[i]);
        for (std::size_t i = 0; i < some.size(); ++i)
            impl_->take(keys[i], some[i], from, now_ms);
    }
}

void persistence_copy::sweep(std::int64_t now_ms) {
    auto const& nodes = impl_->nodes;
    for (auto count = nodes.places() / sweeps + 1; count > 0 && nodes.places() > 0; --count) {
        auto const place = impl_->swept++ % nodes.places();
        if (nodes.holds(place) && nodes[place].expires_ms <= now_ms)
            impl_->erase(place);
    }
}

void persistence_copy::keep_only(std::function<bool(std::string_view service)> const& stays) {
    auto& nodes = impl_->nodes;
    for (auto i = nodes.oldest(); i != impl::none;) {
        auto const index = std::exchange(i, nodes[i].newer);
        if (!stays(impl_->services[core::service_of(nodes[index].client)]))
            impl_->erase(index);
    }
}

std::optional<persistence_entry> persistence_copy::find(std::string const& service, address const& client, std::uint8_t granularity,
                                                        std::int64_t now_ms) const {
    auto const number = impl_->services.find(service);
    auto const index = number ? impl_->nodes.locate(core::key_of(client, granularity, *number)) : impl::none;
    if (index == impl::none || impl_->nodes[index].server == 0 || impl_->nodes[index].expires_ms <= now_ms)
        return std::nullopt;
    auto const r = impl_->view(impl_->nodes[index], now_ms);
    return persistence_entry{std::string(r.service), r.client, std::string(r.server), r.sequence, r.remaining};
}

persistence_copy::page persistence_copy::read(std::string const& service, std::optional<position> const& after, std::size_t most,
                                              std::int64_t now_ms) const {
    using place = std::tuple<std::string_view, address>;
    auto const place_of = [](persistence_record const& r) { return place(r.service, r.client); };
    std::vector<persistence_record> first; // of the page and one behind it, if not yet in order and with some too many
    auto const keep_first = [&] {
        if (first.size() > most + 1) {
            std::ranges::nth_element(first, first.begin() + static_cast<std::ptrdiff_t>(most), {}, place_of);
            first.resize(most + 1);
        }
    };
    auto const& nodes = impl_->nodes;
    for (auto i = nodes.oldest(); i != impl::none; i = nodes[i].newer) {
        if (nodes[i].server == 0 || nodes[i].expires_ms <= now_ms)
            continue;
        auto const r = impl_->view(nodes[i], now_ms);
        if ((service.empty() || r.service == service) && (!after || place_of(r) > place(after->service, after->client)))
            first.push_back(r);
        if (first.size() > 4 * (most + 1))
            keep_first();
    }
    keep_first();
    std::ranges::sort(first, {}, place_of);
    page out{{}, first.size() > most};
    first.resize(std::min(most, first.size()));
    for (auto const& r : first)
        out.entries.push_back({std::string(r.service), r.client, std::string(r.server), r.sequence, r.remaining});
    return out;
}

std::vector<persistence_entry> persistence_copy::clear(std::string const& service, std::optional<address> const& client,
                                                       std::uint8_t granularity, std::int64_t now_ms) {
    std::vector<persistence_entry> out;
    auto const number = impl_->services.find(service);
    if (!number)
        return out;
    auto const only = client ? std::optional(core::key_of(*client, granularity, *number)) : std::nullopt;
    auto& nodes = impl_->nodes;
    std::uint64_t newest = 0;
    std::vector<std::uint32_t> hit;
    for (auto i = nodes.oldest(); i != impl::none; i = nodes[i].newer) {
        auto const& n = nodes[i];
        if (core::service_of(n.client) != *number)
            continue;
        newest = std::max(newest, n.sequence);
        if (n.server != 0 && n.expires_ms > now_ms && (!only || n.client == *only))
            hit.push_back(i);
    }
    for (auto const i : hit) {
        impl_->set_server(nodes[i], 0);
        nodes[i].of_peer = 0;
        nodes[i].sequence = newest + far_ahead;
        impl_->changed(i);
        out.push_back({service, core::client_of(nodes[i].client), {}, nodes[i].sequence, milliseconds(nodes[i].expires_ms - now_ms)});
    }
    return out;
}

void persistence_copy::write_all(std::size_t piece, std::int64_t now_ms, std::function<bool(std::string bytes)> const& each) const {
    auto const& nodes = impl_->nodes;
    persistence_writer writer;
    for (auto i = nodes.oldest(); i != impl::none; i = nodes[i].newer) {
        if (nodes[i].expires_ms > now_ms)
            writer.add(impl_->view(nodes[i], now_ms));
        if (writer.size() >= piece && !each(writer.take()))
            return;
    }
    if (!writer.empty())
        each(writer.take());
}

std::uint64_t persistence_copy::last_change() const noexcept { return impl_->last_change; }

void persistence_copy::follow(std::uint64_t since, std::uint64_t of_peer_until) {
    auto const& nodes = impl_->nodes;
    impl_->next = impl::none;
    for (auto i = nodes.newest(); i != impl::none && nodes[i].change > since; i = nodes[i].older)
        impl_->next = i;
    impl_->of_peer_until = of_peer_until;
}

std::uint64_t persistence_copy::next(std::size_t bytes, std::int64_t now_ms, persistence_writer& out) {
    auto const& nodes = impl_->nodes;
    auto& at = impl_->next;
    for (; at != impl::none && out.size() < bytes; at = nodes[at].newer) {
        auto const& n = nodes[at];
        if ((n.of_peer == 0 || n.change <= impl_->of_peer_until) && n.expires_ms > now_ms)
            out.add(impl_->view(n, now_ms));
    }
    return at == impl::none ? impl_->last_change : nodes[at].change - 1;
}

bool persistence_copy::has_next() const noexcept { return impl_->next != impl::none; }

} // namespace balance
