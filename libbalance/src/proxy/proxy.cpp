// SPDX-License-Identifier: Apache-2.0
#include "core/http_forward.hpp"
#include "proxy/listener_book.hpp"

#include <balance/proxy.hpp>
#include <balance/text.hpp>
#include <balance/validate.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

namespace balance {
namespace {

using layer7::crew;
using layer7::service;
using clock = std::chrono::steady_clock;

/// Entries kept for services that no configuration has named yet.
constexpr std::size_t most_early_entries = 1'000'000;

/// Each port is a socket of its own.
constexpr std::size_t most_ports = 4096;

std::size_t count_ports(virtual_service const& s) {
    std::size_t count = 0;
    for (auto const* list : {&s.ports, s.tls ? &s.tls->ports : nullptr})
        for (auto const& range : list != nullptr ? *list : std::vector<port_range>())
            if (range.first <= range.last)
                count += std::size_t{range.last} - range.first + 1;
    return count;
}

/// Why a layer-7 service cannot be served here, or empty.
std::string obstacle(virtual_service const& s) {
    if (auto text = not_served(s); !text.empty())
        return text;
    if (!core::parse_algorithm(s.balance))
        return "balance " + s.balance + " is no way to balance on layer 7; use wrr, wlc, first, source, random or, with mode http, uri";
    if (!s.address)
        return "it has no address; a layer-7 service needs one";
    if (auto const ports = count_ports(s); ports > most_ports)
        return "it has " + std::to_string(ports) +
               " ports and layer 7 needs a socket for each, of which it opens at most " + std::to_string(most_ports) +
               "; use a layer-4 mode";
    return {};
}

class states_by_name final : public layer7::state_lookup {
public:
    explicit states_by_name(std::span<server_state const> states) {
        for (auto const& s : states)
            states_[s.key] = &s;
    }
    server_state const* find(std::string const& service_name, std::string const& server) const override {
        auto const it = states_.find({service_name, server});
        return it == states_.end() ? nullptr : it->second;
    }

private:
    std::map<server_key, server_state const*> states_;
};

} // namespace

struct proxy::impl {
    explicit impl(settings s);

    struct early_entry {
        persistence_entry entry;
        clock::time_point expires;
    };
    /// What a configuration asks for, in its order.
    struct listed {
        std::string name;
        std::string not_served;
        std::vector<std::string> servers;
        bool observed = false;
    };
    /// Who accepts where.
    using places = std::map<endpoint, layer7::place>;
    /// Certificates in use, with the texts that they were made of.
    struct certificate {
        layer7::tls_wishes wishes;
        std::shared_ptr<layer7::tls_context const> context;
    };

    struct certified {
        std::shared_ptr<layer7::tls_context const> context; ///< null: no TLS
        std::string fault;                                  ///< why it is not the one configured; empty: it is
    };

    void serve(virtual_service const& s, bool with_tls, layer7::state_lookup const& states, places& where);
    certified to_clients(configuration const& c, virtual_service const& s);
    void drop_all_but(std::set<std::string> const& served);
    void keep_early(persistence_record const& e, clock::time_point now);
    void settle_early_entries(std::string const& name, service& s);

    mutable std::mutex mutex; ///< of all below; never taken by the workers
    layer7::crew crew;
    layer7::listener_book listeners;
    std::map<std::string, std::shared_ptr<service>, std::less<>> services;
    std::vector<listed> list;
    std::map<std::string, std::vector<early_entry>, std::less<>> early; ///< by service
    std::size_t early_entries = 0;
    std::map<std::string, certificate> certificates; ///< by service
    std::shared_ptr<layer7::tls_context const> to_servers = layer7::tls_context::for_servers().value();
    bool cut = false; ///< since the workers were last told
    bool stopped = false;
};

proxy::impl::impl(settings s) : listeners(crew) {
    crew.settings = s;
    unsigned const threads = std::clamp(s.threads != 0 ? s.threads : std::thread::hardware_concurrency(), 1u, 256u);
    crew.journal = std::make_unique<layer7::access_journal>(threads);
    for (unsigned i = 0; i < threads; ++i)
        crew.workers.push_back(std::make_unique<layer7::worker>(crew, i));
    for (auto const& w : crew.workers) // each sees all others from its first connection on
        w->start();
}

void proxy::impl::serve(virtual_service const& s, bool with_tls, layer7::state_lookup const& states, places& where) {
    auto const algorithm = core::parse_algorithm(s.balance).value();
    auto& slot = services[s.name];
    bool const fresh = slot == nullptr;
    if (fresh)
        slot = std::make_shared<service>(s, algorithm, crew.workers.size());
    cut |= slot->update(s, algorithm, states, clock::now());
    if (fresh)
        settle_early_entries(s.name, *slot);
    auto const add = [&](port_range const& range, bool tls) {
        for (unsigned n = range.first; n <= range.last; ++n) {
            auto const port = static_cast<std::uint16_t>(n);
            auto const clear = s.tls && s.tls->to_port != 0 ? s.tls->to_port
                               : s.ports.empty()            ? port
                                                            : s.ports.front().first;
            auto const to = tls ? clear : port;
            where.emplace(endpoint{*s.address, port}, layer7::place{slot, s.name, tls, to});
        }
    };
    for (auto const& range : s.ports)
        add(range, false);
    for (auto const& range : with_tls ? s.tls->ports : std::vector<port_range>())
        add(range, true);
}

/// The one in use as long as the certificates' texts are the same, so that clients can resume their sessions; and as long as
/// new ones cannot be used, so that a mistake does not end the service.
proxy::impl::certified proxy::impl::to_clients(configuration const& c, virtual_service const& s) {
    if (!s.tls) {
        certificates.erase(s.name);
        return {};
    }
    auto& known = certificates[s.name];
    layer7::tls_wishes wishes{s.name, {}, s.tls->versions, {}, s.tls->client_required};
    std::string missing;
    auto const files = s.tls->files();
    for (std::size_t i = 0; i < files.size(); ++i) {
        auto const found =
            std::find_if(c.certificates.begin(), c.certificates.end(), [&](auto const& one) { return one.first == files[i]; });
        auto const text = found == c.certificates.end() ? std::string() : found->second;
        if (text.empty())
            missing = "there is no certificate " + in_quotes(files[i]) + "; put it into certificates/ and apply";
        if (i < s.tls->certificates.size())
            wishes.pems.push_back(text);
        else
            wishes.client_ca = text;
    }
    if (known.context && known.wishes == wishes)
        return {known.context, {}};
    auto made = missing.empty() ? layer7::tls_context::for_clients(wishes) : make_error(errc::invalid_configuration, missing);
    if (made) {
        known = {std::move(wishes), *made};
        return {known.context, {}};
    }
    // Certificates before are better than none; but nobody comes in whom the new wishes would keep out.
    bool const as_strict = known.wishes.client_ca == wishes.client_ca && known.wishes.client_required == wishes.client_required &&
                           known.wishes.versions == wishes.versions;
    if (!as_strict)
        known = {};
    auto const which = "certificate " + in_quotes(s.tls->certificates.front()) +
                       (s.tls->client_ca.empty() ? "" : " with clients' " + in_quotes(s.tls->client_ca)) + " cannot be used: ";
    return {known.context, "TLS: " + (missing.empty() ? which : std::string()) + made.error().detail +
                               (known.context ? "; the one before stays in use" : "; the TLS ports are closed")};
}

void proxy::impl::drop_all_but(std::set<std::string> const& served) {
    std::erase_if(services, [&](auto const& known) {
        if (served.contains(known.first))
            return false;
        known.second->close();
        certificates.erase(known.first);
        return cut = true;
    });
}

void proxy::impl::keep_early(persistence_record const& e, clock::time_point now) {
    if (early_entries >= most_early_entries)
        return;
    auto& list = early.try_emplace(std::string(e.service)).first->second;
    list.push_back({{std::string(e.service), e.client, std::string(e.server), e.sequence, e.remaining},
                    now + std::min(e.remaining, core::persistence_table::forever)});
    ++early_entries;
}

void proxy::impl::settle_early_entries(std::string const& name, service& s) {
    auto const now = clock::now();
    auto found = early.extract(name);
    if (found.empty())
        return;
    early_entries -= found.mapped().size();
    for (auto& e : found.mapped()) {
        e.entry.remaining = std::chrono::duration_cast<milliseconds>(e.expires - now);
        auto const record = as_record(e.entry);
        s.merge({&record, 1}, now);
    }
}

std::string unavailable_answer(bool to_head) { return core::http::own_response(503, to_head); }

proxy::proxy() : proxy(settings{}) {}
proxy::proxy(settings s) : impl_(std::make_unique<impl>(s)) {}

proxy::~proxy() {
    if (impl_)
        stop();
}

proxy::proxy(proxy&&) noexcept = default;

proxy& proxy::operator=(proxy&& other) noexcept {
    if (impl_ && this != &other)
        stop();
    impl_ = std::move(other.impl_);
    return *this;
}

void proxy::apply(configuration const& desired, std::span<server_state const> states) {
    std::lock_guard const lock(impl_->mutex);
    if (impl_->stopped)
        return;
    states_by_name const lookup(states);
    impl::places where;
    std::set<std::string> served;
    impl_->list.clear();
    for (auto const& s : desired.services) {
        if (is_layer4(s.mode))
            continue;
        impl::listed item{s.name, obstacle(s), {}, s.observe.has_value()};
        for (auto const& r : s.servers)
            item.servers.push_back(r.name);
        if (item.not_served.empty()) {
            auto const tls = impl_->to_clients(desired, s);
            impl_->serve(s, tls.context != nullptr, lookup, where);
            impl_->services.at(s.name)->set_tls(tls.context, s.re_encrypt ? impl_->to_servers : nullptr);
            served.insert(s.name);
            item.not_served = tls.fault;
        }
        impl_->list.push_back(std::move(item));
    }
    impl_->drop_all_but(served);
    auto const borrows = [&](bool ipv6) {
        return std::any_of(desired.services.begin(), desired.services.end(), [&](virtual_service const& s) {
            return s.transparent && served.contains(s.name) && s.address && s.address->is_v6() == ipv6;
        });
    };
    impl_->crew.sockets.expect(borrows(false), borrows(true));
    if (!impl_->crew.draining) {
        auto const refused = impl_->listeners.want(where);
        for (auto& item : impl_->list)
            if (auto const it = refused.find(item.name); it != refused.end())
                item.not_served = it->second;
    }
    if (std::exchange(impl_->cut, false))
        for (auto const& w : impl_->crew.workers)
            w->cut_the_dead();
}

void proxy::use_listeners(std::vector<listener> sockets) {
    std::lock_guard const lock(impl_->mutex);
    for (auto const& l : sockets)
        impl_->listeners.hand_in(l);
}

void proxy::on_persistence(std::function<void(std::span<persistence_entry const>)> callback) {
    auto shared = std::make_shared<decltype(callback) const>(std::move(callback));
    std::lock_guard const lock(impl_->crew.mutex);
    impl_->crew.on_learnt = std::move(shared);
}

void proxy::merge(std::span<persistence_record const> entries) {
    std::lock_guard const lock(impl_->mutex);
    auto const now = clock::now();
    while (!entries.empty()) {
        auto const& name = entries.front().service;
        auto const end = std::ranges::find_if(entries, [&](auto const& e) { return e.service != name; });
        auto const of_one = entries.first(static_cast<std::size_t>(end - entries.begin()));
        entries = entries.subspan(of_one.size());
        if (auto const it = impl_->services.find(name); it != impl_->services.end())
            it->second->merge(of_one, now);
        else
            for (auto const& e : of_one)
                impl_->keep_early(e, now);
    }
}

void proxy::merge(std::span<persistence_entry const> entries) {
    std::vector<persistence_record> records;
    records.reserve(entries.size());
    std::ranges::transform(entries, std::back_inserter(records), as_record);
    merge(records);
}

std::vector<persistence_entry> proxy::persistence_snapshot() const {
    std::lock_guard const lock(impl_->mutex);
    std::vector<persistence_entry> all;
    for (auto const& [name, s] : impl_->services)
        s->persistence_snapshot(all, clock::now());
    return all;
}

std::vector<service_status> proxy::status() const {
    std::lock_guard const lock(impl_->mutex);
    std::vector<service_status> all;
    for (auto const& item : impl_->list) {
        auto const it = impl_->services.find(item.name);
        service_status s;
        if (it != impl_->services.end()) {
            s = it->second->status();
        } else {
            s.name = item.name;
            for (auto const& server : item.servers)
                s.servers.push_back({server, 0, 0, {}});
        }
        s.not_served = item.not_served;
        all.push_back(std::move(s));
    }
    return all;
}

std::vector<server_errors> proxy::observed_errors() const {
    std::lock_guard const lock(impl_->mutex);
    std::vector<server_errors> all;
    for (auto const& item : impl_->list)
        if (auto const it = item.observed ? impl_->services.find(item.name) : impl_->services.end(); it != impl_->services.end())
            it->second->observed_errors(all);
    return all;
}

void proxy::supply_sockets(std::vector<int> ipv4, std::vector<int> ipv6) {
    if (impl_->crew.sockets.fill(ipv4, ipv6))
        for (auto const& w : impl_->crew.workers)
            w->look_for_sockets();
}

void proxy::on_sockets_wanted(std::function<void(std::size_t, std::size_t)> callback) { impl_->crew.sockets.ask(std::move(callback)); }

void proxy::log_to(access_log where) { impl_->crew.journal->write_to(std::move(where)); }

std::uint64_t proxy::dropped_records() const { return impl_->crew.journal->dropped(); }

void proxy::reset_clients(bool of_transparent_services_alone) {
    std::lock_guard const lock(impl_->mutex);
    for (auto const& w : impl_->crew.workers)
        w->reset_clients(of_transparent_services_alone);
}

void proxy::drain() {
    std::lock_guard const lock(impl_->mutex);
    impl_->crew.draining = true;
    impl_->listeners.close_all();
}

void proxy::when_in_force(std::function<void()> then) {
    std::shared_ptr<void> const last(nullptr, [then = std::move(then)](void*) { then(); });
    std::lock_guard const lock(impl_->mutex);
    for (auto const& w : impl_->crew.workers)
        w->call([last] {});
}

void proxy::look_for_clients() {
    std::lock_guard const lock(impl_->mutex);
    for (auto const& w : impl_->crew.workers)
        w->look_for_clients();
}

std::size_t proxy::connections() const noexcept { return impl_->crew.connections.load(std::memory_order_relaxed); }

void proxy::stop() {
    std::lock_guard const lock(impl_->mutex);
    impl_->stopped = true;
    impl_->listeners.close_all();
    for (auto const& w : impl_->crew.workers)
        w->stop();
}

} // namespace balance
