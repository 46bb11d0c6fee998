// SPDX-License-Identifier: Apache-2.0
#include "proxy/service.hpp"

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>

namespace balance::layer7 {
namespace {

core::persistence_table::settings table_settings(virtual_service const& s) {
    core::persistence_table::settings t;
    t.size = s.persistence.entries;
    t.timeout = s.persistence.timeout;
    t.granularity = s.persistence.granularity.value_or(std::uint8_t{128});
    if (s.persistence.mode == persistence::kind::last_successful) { // one entry for all, for ever
        t.timeout = core::persistence_table::forever;
        t.granularity = 0;
    }
    std::random_device entropy;
    t.hash_seed = std::uint64_t{entropy()} << 32 | entropy();
    return t;
}

bool is(virtual_service const& s, persistence::kind k) noexcept { return s.persistence.mode == k; }

/// Does the service remember where its clients went?
bool has_table(virtual_service const& s) noexcept {
    return is(s, persistence::kind::source_ip) || is(s, persistence::kind::last_successful) || is(s, persistence::kind::app_cookie);
}

/// Entries for which clients wait at most, some 20 us.
constexpr std::size_t merged_at_once = 64;

/// All clients of a service that goes to the last successful server.
address const everybody{boost::asio::ip::address_v4()};

/// What a client keeps of its server: it tells nothing about it, and is the same on both nodes. Never 0.
std::uint64_t cookie_of(std::string const& service_name, std::string const& server_name) noexcept {
    return core::hash_of(service_name + '/' + server_name) | 1;
}

/// Clients have a server for each route.
std::vector<std::string> cookies_of(virtual_service const& s) {
    if (!is(s, persistence::kind::http_cookie))
        return {};
    std::vector<std::string> out{s.persistence.cookie};
    for (auto const& route : s.http.routes)
        out.push_back(s.persistence.cookie + "-" + route.name);
    return out;
}

std::uint64_t routes_of(std::vector<http_route> const& routes, std::string const& server) {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < routes.size() && i < 63; ++i)
        if (std::find(routes[i].servers.begin(), routes[i].servers.end(), server) != routes[i].servers.end())
            out |= std::uint64_t{2} << i;
    return out == 0 ? 1 : out;
}

/// From 1; no two services have the same, because sessions are used again and calls may come late.
std::uint64_t next_ticket() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::uint64_t random_seed() {
    std::random_device entropy;
    return (std::uint64_t{entropy()} << 32 | entropy()) | 1;
}

/// A fallback this process can connect to: an address is configured, be it the local page's or another's.
std::shared_ptr<backend> make_fallback(virtual_service const& s, std::size_t threads) {
    if (s.fallback.mode == fallback::kind::disabled || s.fallback.target.port == 0)
        return nullptr;
    return std::make_shared<backend>("fallback", s.fallback.target, threads);
}

bool contains(std::span<backend const* const> tried, backend const* server) noexcept {
    return std::find(tried.begin(), tried.end(), server) != tried.end();
}

} // namespace

service::service(virtual_service const& s, core::algorithm a, std::size_t threads)
    : config_(s), algorithm_(a), fallback_(make_fallback(s, threads)), table_(table_settings(s)),
      shares_(threads), random_(random_seed()), http_(s.mode == mode::http) {
    config_.servers.clear(); // `update` makes them
}

bool service::update(virtual_service const& s, core::algorithm a, state_lookup const& states, clock_time now) {
    std::lock_guard const lock(mutex_);
    idle_.seen = false;
    bool cut = false;
    auto before = std::exchange(members_, {});
    auto const candidates_before = std::exchange(candidates_, {});
    for (auto const& r : s.servers) {
        endpoint const target{r.address, r.port};
        auto const old = std::find_if(before.begin(), before.end(), [&](member const& m) {
            return m.server && m.server->name == r.name && m.server->target == target;
        });
        member m;
        core::candidate c;
        if (old != before.end()) {
            c = candidates_before[static_cast<std::size_t>(old - before.begin())];
            m = std::exchange(*old, {});
        } else {
            m.server = std::make_shared<backend>(r.name, target, shares_.size());
            m.cookie = cookie_of(s.name, r.name);
        }
        if (m.weight != r.weight)
            c.credit = 0;
        c.identity = core::hash_of(r.name);
        m.weight = c.weight = r.weight;
        m.routes = routes_of(s.http.routes, r.name);
        c.limit = r.max_connections;
        auto const* const state = states.find(s.name, r.name);
        cut |= set_state(m, c, state != nullptr ? *state : server_state{}, s, now);
        members_.push_back(std::move(m));
        candidates_.push_back(c);
    }
    for (auto const& gone : before)
        if (gone.server) {
            ++gone.server->life;
            cut = true;
        }
    auto const table = table_settings(s);
    if (has_table(s))
        table_.configure(table);
    else if (has_table(config_))
        table_ = core::persistence_table(table);
    if (s.fallback != config_.fallback)
        fallback_ = make_fallback(s, shares_.size());
    config_ = s;
    http_ = s.mode == mode::http;
    hears_headers_ = !s.proxy_protocol.from.empty();
    use_limits(s.limits);
    rules_ = std::make_shared<session_rules const>(session_rules{s.name, s.access_log, s.transparent, s.timeouts, s.http, s.proxy_protocol, guard_, cookies_of(s),
                                                                   is(s, persistence::kind::app_cookie) ? s.persistence.cookie : std::string(),
                                                                   s.balance == "uri"});
    algorithm_ = a;
    warm_up(now);
    serve_queue(now);
    return cut;
}

/// What sources have now counts on, as long as the same addresses are one source.
void service::use_limits(client_limits const& l) {
    most_clients_ = l.connections;
    most_of_a_source_ = l.source_connections;
    if (!l.of_sources())
        guard_.reset();
    else if (guard_ && guard_->suits(l))
        guard_->configure(l);
    else
        guard_ = std::make_shared<source_guard>(l);
    guards_sources_ = guard_ != nullptr;
}

/// True when its connections must be cut. An unknown server keeps those it has, whether it takes new ones or not: after
/// a restart of the checks nothing is wrong with it.
bool service::set_state(member& m, core::candidate& c, server_state const& state, virtual_service const& s, clock_time now) {
    bool const usable = state.usable(s.check);
    if (usable != c.usable)
        c.credit = 0;
    if (usable && !m.usable && m.down)
        m.up_since = now;
    m.usable = c.usable = usable;
    bool const down = state.health == health::down;
    bool const cut = down || state.admin == admin_state::halt || state.cut;
    bool const news = cut && !m.cut;
    m.down |= down;
    if (usable)
        m.down = false;
    m.cut = cut;
    m.stays = s.persistence.drained_stay && state.drained() && state.fit(s.check) && !cut;
    if (news)
        ++m.server->life;
    return news;
}

void service::close() {
    std::lock_guard const lock(mutex_);
    closed_ = true;
    for (auto const& m : members_)
        ++m.server->life;
    if (fallback_)
        ++fallback_->life;
    serve_queue({});
}

/// A server that came back gets its weight little by little: its share grows linearly over the slow start.
void service::warm_up(clock_time now) {
    warming_ = false;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        auto& m = members_[i];
        if (m.up_since == clock_time{})
            continue;
        auto const age = std::chrono::duration_cast<milliseconds>(now - m.up_since);
        if (age >= config_.slow_start || m.weight == 0) {
            m.up_since = {};
            candidates_[i].weight = m.weight;
            continue;
        }
        warming_ = true;
        auto const share = m.weight * static_cast<std::uint64_t>(std::max<std::int64_t>(age.count(), 0)) /
                           static_cast<std::uint64_t>(config_.slow_start.count());
        candidates_[i].weight = std::max<std::uint32_t>(static_cast<std::uint32_t>(share), 1);
    }
}

std::optional<choice> service::fallback() const {
    std::lock_guard const lock(mutex_);
    return closed_ ? std::nullopt : take_fallback({});
}

picked service::pick(asker const& who, std::span<backend const* const> tried, clock_time now, seat from) {
    std::lock_guard const lock(mutex_);
    if (closed_)
        return {};
    if (auto found = find(who, tried, now))
        return {std::move(found)};
    if (!is_full())
        return {take_fallback(tried)};
    waiting w{next_ticket(), from, who};
    std::copy_n(tried.begin(), std::min(tried.size(), w.tried.size()), w.tried.begin());
    queue_.push_back(w);
    return {std::nullopt, w.ticket};
}

/// One of the service's own servers, with room.
std::optional<choice> service::find(asker const& who, std::span<backend const* const> tried, clock_time now) {
    if (warming_)
        warm_up(now);
    for (std::size_t i = 0; i < members_.size(); ++i)
        candidates_[i].excluded = !may_have(members_[i], who) || contains(tried, members_[i].server.get());
    auto index = persistent(who, now);
    if (!index)
        index = balanced(who);
    return index ? std::optional(take(*index, who, now)) : std::nullopt;
}

/// Could one of those that are not excluded serve, if it had room?
bool service::is_full() const {
    return std::any_of(candidates_.begin(), candidates_.end(), [](core::candidate const& c) {
        return c.usable && !c.excluded && c.weight != 0 && !c.has_room();
    });
}

/// Does the request's route lead to this server? Routes may have changed since it was read.
bool service::may_have(member const& m, asker const& who) const {
    bool const same_routes = who.rules == nullptr || who.rules == rules_.get();
    auto const routes = same_routes ? m.routes : routes_of(who.rules->http.routes, m.server->name);
    return (routes >> who.route & 1) != 0;
}

void service::serve_queue(clock_time now) {
    std::erase_if(queue_, [&](waiting const& w) {
        auto found = closed_ ? std::nullopt : find(w.who, w.tried, now);
        if (!found && !closed_ && is_full())
            return false;
        call(w, std::move(found));
        return true;
    });
}

void service::call(waiting const& w, std::optional<choice> place) {
    w.where.home->post([who = w.where.who, ticket = w.ticket, place = std::move(place), self = shared_from_this()] {
        if (!who->room(ticket, place) && place)
            self->leave(*place->server);
    });
}

void service::stop_waiting(std::uint64_t ticket) {
    std::lock_guard const lock(mutex_);
    auto const at = std::lower_bound(queue_.begin(), queue_.end(), ticket,
                                     [](waiting const& w, std::uint64_t t) { return w.ticket < t; });
    if (at != queue_.end() && at->ticket == ticket) // else it was called just now, and gives back what it gets
        queue_.erase(at);
}

std::optional<std::size_t> service::balanced(asker const& who) {
    std::uint64_t key = 0;
    if (algorithm_ == core::algorithm::random) { // xorshift64
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        key = random_ ^= random_ << 17;
    } else if (algorithm_ == core::algorithm::hash) {
        key = config_.balance == "uri" ? who.path : core::hash_of(who.client.to_string());
    }
    return core::choose(algorithm_, candidates_, key);
}

/// The server the client was with, if it may have it again. A weight of 0 keeps new clients away, not this one.
std::optional<std::size_t> service::persistent(asker const& who, clock_time now) const {
    bool const by_cookie = is(config_, persistence::kind::http_cookie) && who.cookie != 0;
    if (!by_cookie && !has_table(config_))
        return std::nullopt;
    bool const by_session = is(config_, persistence::kind::app_cookie);
    if (by_session && !who.session)
        return std::nullopt;
    auto const& client = by_session ? *who.session : is(config_, persistence::kind::source_ip) ? who.client : everybody;
    auto const name = by_cookie ? std::nullopt : table_.find(client, now);
    if (!by_cookie && !name)
        return std::nullopt;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        auto const& c = candidates_[i];
        bool const same = by_cookie ? members_[i].cookie == who.cookie : members_[i].server->name == *name;
        if (same && (c.usable || members_[i].stays) && !c.excluded && c.has_room())
            return i;
    }
    return std::nullopt;
}

persistence_entry service::told(core::persistence_table::entry const& e) const {
    return {config_.name, e.client, std::string(e.server), e.sequence, e.remaining};
}

std::optional<persistence_entry> service::gave(backend const& server, address const& session, clock_time now) {
    std::lock_guard const lock(mutex_);
    if (!is(config_, persistence::kind::app_cookie) || &server == fallback_.get())
        return std::nullopt;
    auto const e = table_.use(session, server.name, now);
    return e ? std::optional(told(*e)) : std::nullopt;
}

std::optional<persistence_entry> service::connected(backend const& server, clock_time now) {
    std::lock_guard const lock(mutex_);
    if (!is(config_, persistence::kind::last_successful) || &server == fallback_.get())
        return std::nullopt;
    auto const e = table_.use(everybody, server.name, now);
    return e ? std::optional(told(*e)) : std::nullopt;
}

bool service::is_usable(std::string_view server) const {
    return std::any_of(members_.begin(), members_.end(),
                       [server](member const& m) { return (m.usable || m.stays) && m.server->name == server; });
}

choice service::take(std::size_t index, asker const& who, clock_time now) {
    choice c;
    c.server = members_[index].server;
    c.life = c.server->life.load(std::memory_order_relaxed);
    ++candidates_[index].active;
    if (is(config_, persistence::kind::source_ip))
        if (auto const e = table_.use(who.client, c.server->name, now))
            c.learnt = told(*e);
    // A session that no server gave is not remembered: anybody can make up many. One whose server is well stays with it,
    // though a route leads this request elsewhere.
    if (is(config_, persistence::kind::app_cookie) && who.session)
        if (auto const known = table_.find(*who.session, now); known && (*known == c.server->name || !is_usable(*known)))
            if (auto const e = table_.use(*who.session, c.server->name, now))
                c.learnt = told(*e);
    if (is(config_, persistence::kind::http_cookie) && members_[index].cookie != who.cookie)
        c.new_cookie = members_[index].cookie;
    return c;
}

std::optional<choice> service::take_fallback(std::span<backend const* const> tried) const {
    if (!fallback_ || contains(tried, fallback_.get()))
        return std::nullopt;
    choice c;
    c.server = fallback_;
    c.life = fallback_->life.load(std::memory_order_relaxed);
    c.fallback = true;
    return c;
}

std::shared_ptr<session_rules const> service::rules() const {
    std::lock_guard const lock(mutex_);
    return rules_;
}

void service::set_tls(std::shared_ptr<tls_context const> to_clients, std::shared_ptr<tls_context const> to_servers) {
    std::lock_guard const lock(mutex_);
    to_clients_ = std::move(to_clients);
    to_servers_ = std::move(to_servers);
}

std::shared_ptr<tls_context const> service::tls_to_servers() const {
    std::lock_guard const lock(mutex_);
    return to_servers_;
}

std::shared_ptr<tls_context const> service::tls_to_clients() const {
    std::lock_guard const lock(mutex_);
    return to_clients_;
}

void service::leave(backend const& server) {
    std::lock_guard const lock(mutex_);
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (members_[i].server.get() != &server)
            continue;
        auto& c = candidates_[i];
        --c.active;
        if (queue_.empty() || !c.usable || c.weight == 0 || !c.has_room())
            return;
        auto const first = std::find_if(queue_.begin(), queue_.end(), [&](waiting const& w) {
            return may_have(members_[i], w.who) && !contains(w.tried, &server);
        });
        if (first != queue_.end()) {
            call(*first, take(i, first->who, clock_time::clock::now()));
            queue_.erase(first);
        }
        return;
    }
}

void service::merge(std::span<persistence_record const> entries, clock_time now) {
    while (!entries.empty()) {
        auto const some = entries.first(std::min(entries.size(), merged_at_once));
        entries = entries.subspan(some.size());
        std::lock_guard const lock(mutex_);
        if (!has_table(config_))
            return;
        for (auto const& e : some)
            table_.bring_bucket(e.client);
        for (auto const& e : some)
            table_.bring_node(e.client);
        for (auto const& e : some)
            table_.merge(e.client, e.server, e.sequence, e.remaining, now);
    }
}

void service::persistence_snapshot(std::vector<persistence_entry>& out, clock_time now) const {
    std::lock_guard const lock(mutex_);
    for (auto const& e : table_.snapshot(now))
        out.push_back(told(e));
}

void service::observed_errors(std::vector<server_errors>& out) const {
    std::lock_guard const lock(mutex_);
    if (!config_.observe)
        return;
    for (auto const& m : members_)
        out.push_back({{config_.name, m.server->name}, errors_of(m.server->shares, config_.observe->server_errors)});
}

service_status service::status() const {
    std::lock_guard const lock(mutex_);
    service_status s;
    s.name = config_.name;
    auto const now = rate_meter::clock::now();
    s.counters = total(shares_);
    s.counters.per_second = rate_.read(s.counters, now);
    s.exchanges = total_exchanges(shares_, now);
    s.waiting = static_cast<std::uint32_t>(queue_.size());
    bool const idle = s == idle_.status && s.counters.per_second == rates{} &&
                      std::ranges::all_of(candidates_, [](auto const& c) { return c.active == 0; });
    auto const before = std::exchange(idle_.at, now);
    if (std::exchange(idle_.seen, idle) && idle) {
        idle_.reused = true;
        s.servers = idle_.servers;
        return s;
    }
    idle_.status = s;
    bool const rested = std::exchange(idle_.reused, false);
    for (std::size_t i = 0; i < members_.size(); ++i) {
        auto const& m = members_[i];
        auto counted = total(m.server->shares);
        if (rested)
            m.server->rate.rested_until(before);
        counted.per_second = m.server->rate.read(counted, now);
        s.servers.push_back({m.server->name, candidates_[i].active, 0, counted, total_exchanges(m.server->shares, now)});
    }
    idle_.servers = s.servers;
    return s;
}

} // namespace balance::layer7
