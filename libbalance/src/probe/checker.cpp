// SPDX-License-Identifier: Apache-2.0
#include "probe/agent_watch.hpp"
#include "probe/clockwork.hpp"
#include "probe/job.hpp"
#include "probe/reason.hpp"
#include "probe/trial.hpp"

#include <balance/checker.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <numbers>
#include <set>
#include <unordered_map>
#include <utility>

namespace balance {
namespace {

using probe::agent_watch;
using probe::job;

/// New checks start one after the other, so that a hundred of them are no storm and the last is not kept waiting.
constexpr auto longest_start_step = std::chrono::milliseconds(2);
constexpr auto longest_start = std::chrono::milliseconds(500);
/// So many that this keeps them apart longer than that are spread over the whole interval: they stay as they started.
constexpr auto shortest_start_step = std::chrono::microseconds(200);
constexpr auto not_checked = "halted: not checked";

/// From one start to the next, of `count` alike.
job::clock::duration start_step(milliseconds interval, std::size_t count) {
    auto const all = static_cast<std::int64_t>(count);
    auto const spread = std::min<job::clock::duration>(interval, longest_start) / all;
    auto const least = std::min<job::clock::duration>(job::clock::duration(interval) / all, shortest_start_step);
    return std::clamp<job::clock::duration>(spread, least, longest_start_step);
}

/// When the `index`th of `count` starts. Neighbours are alike, a service's servers and services of a kind: steps of the golden
/// ratio spread each neighbourhood over the whole time as evenly as all of them.
job::clock::duration start_delay(milliseconds interval, std::size_t index, std::size_t count) {
    auto const turns = static_cast<double>(index) * std::numbers::phi;
    auto const all = static_cast<double>((start_step(interval, count) * static_cast<std::int64_t>(count)).count());
    return job::clock::duration(static_cast<std::int64_t>(all * (turns - std::floor(turns))));
}

struct member {
    std::shared_ptr<job> check;         ///< null: halted
    std::shared_ptr<agent_watch> agent; ///< null: none is asked
    balance::address target;
    balance::health announced = health::unknown; ///< what the owner believes
    agent_view announced_agent;
    job::clock::time_point since{};              ///< when halted
    bool told = false;                           ///< what is known of it, by `news`

    [[nodiscard]] balance::health health() const { return check ? check->state() : health::unknown; }
    [[nodiscard]] check_result last() const { return check ? check->last() : probe::failure(not_checked); }
    [[nodiscard]] agent_view agents_view() const {
        return agent ? agent_view{agent->share(), agent->said(), agent->most_connections()} : agent_view{};
    }
};

using members_by_key = std::map<server_key, member>;

health_snapshot snapshot_of(server_key const& key, member const& m, job::clock::time_point now) {
    auto const age = [now](job::clock::time_point then) {
        return std::chrono::duration_cast<milliseconds>(now - then);
    };
    return {key,
            m.health(),
            m.last(),
            age(m.check ? m.check->last_at() : m.since),
            age(m.check ? m.check->changed_at() : m.since),
            m.agents_view()};
}

} // namespace

struct checker::impl {
    impl(boost::asio::any_io_executor executor, settings s) : env(std::move(executor), s) {}

    probe::environment env;
    std::map<std::string, std::shared_ptr<job>> jobs;
    std::map<std::string, std::shared_ptr<agent_watch>> agents;
    members_by_key members;
    /// Of whom a job or an agent speaks: a change is announced without a look at everybody else.
    std::unordered_map<void const*, std::vector<members_by_key::value_type*>> listeners;
    std::function<void(health_event const&)> callback;
    std::map<std::uint64_t, std::shared_ptr<probe::trial>> trials; ///< under way
    std::uint64_t last_trial = 0;
    unsigned pace = 1;
    std::deque<members_by_key::value_type*> untold; ///< for `news`
    std::shared_ptr<impl*> self = std::make_shared<impl*>(this); ///< what is posted holds it weakly

    void add(virtual_service const& service, real_server const& server, server_state const* known,
             members_by_key const& before, std::vector<std::shared_ptr<job>>& fresh,
             std::vector<std::shared_ptr<agent_watch>>& fresh_agents);
    void ask_agent(virtual_service const& service, real_server const& server, member& m,
                   std::vector<std::shared_ptr<agent_watch>>& fresh);
    void start_agents(std::vector<std::shared_ptr<agent_watch>> const& fresh);
    void halt(server_key const& key, members_by_key const& before);
    void start_all(std::vector<std::shared_ptr<job>> const& fresh);
    /// Makes them run at once, one after the other as they start.
    void hasten_all(std::vector<std::shared_ptr<job>> const& some);
    [[nodiscard]] std::shared_ptr<job> job_of(server_key const& key) const;
    /// Ends what nobody needs any more, and notes who listens to what is left.
    void settle();
    std::function<void()> announcer(void const* speaker);
    std::function<void(job::news)> teller(job const* speaker);
    /// Finds those who were not told again, in a changed list or for a new listener.
    void collect_untold();
    void announce(std::vector<members_by_key::value_type*> const& some);
};

/// A server that was halted comes back as unknown: nobody knows what happened to it meanwhile.
void checker::impl::halt(server_key const& key, members_by_key const& before) {
    member m;
    m.since = job::clock::now();
    if (auto const it = before.find(key); it != before.end()) {
        auto const& old = it->second;
        m.announced = old.announced;
        m.announced_agent = old.announced_agent;
        if (!old.check) {
            m.since = old.since;
            m.told = old.told;
        }
    }
    members[key] = std::move(m);
}

void checker::impl::add(virtual_service const& service, real_server const& server, server_state const* known,
                        members_by_key const& before, std::vector<std::shared_ptr<job>>& fresh,
                        std::vector<std::shared_ptr<agent_watch>>& fresh_agents) {
    auto what = probe::make_order(service, server);
    auto const job_key = probe::key_of(what);
    member m;
    m.target = server.address;
    m.announced = known != nullptr ? known->health : health::unknown;
    if (known != nullptr)
        m.announced_agent = {known->share, {}, known->most_connections};
    health seed = m.announced;
    server_key const key{service.name, server.name};
    auto const old = before.find(key);
    if (old != before.end()) {
        m.announced = old->second.announced;
        m.announced_agent = old->second.announced_agent;
        // Another way to check the same machine says nothing about its health; another machine does.
        seed = old->second.target == server.address ? old->second.health() : health::unknown;
    }
    auto& slot = jobs[job_key];
    if (!slot) {
        slot = std::make_shared<job>(env, std::move(what), seed);
        slot->pace(pace);
        fresh.push_back(slot);
    }
    m.check = slot;
    if (old != before.end() && old->second.check == m.check)
        m.told = old->second.told;
    ask_agent(service, server, m, fresh_agents);
    members[key] = std::move(m);
}

/// One agent is asked once, however many services it speaks for.
void checker::impl::ask_agent(virtual_service const& service, real_server const& server, member& m,
                              std::vector<std::shared_ptr<agent_watch>>& fresh) {
    if (!service.agent)
        return;
    auto const& how = *service.agent;
    auto const key = server.address.to_string() + " " + std::to_string(how.port) + " " +
                     std::to_string(static_cast<int>(how.type)) + " " + std::to_string(how.interval.count()) + " " +
                     std::to_string(how.timeout.count()) + " " + how.request;
    auto& slot = agents[key];
    if (!slot) {
        slot = std::make_shared<agent_watch>(env, server.address, how, m.announced_agent);
        fresh.push_back(slot);
    }
    m.agent = slot;
}

void checker::impl::start_agents(std::vector<std::shared_ptr<agent_watch>> const& fresh) {
    for (std::size_t i = 0; auto const& agent : fresh)
        agent->start(start_delay(agent->how().interval, i++, fresh.size()), announcer(agent.get()));
}

void checker::impl::start_all(std::vector<std::shared_ptr<job>> const& fresh) {
    for (std::size_t i = 0; auto const& task : fresh)
        task->start(start_delay(task->what().check.interval, i++, fresh.size()), teller(task.get()));
}

void checker::impl::hasten_all(std::vector<std::shared_ptr<job>> const& some) {
    for (std::size_t i = 0; auto const& task : some)
        task->hasten(start_delay(task->what().check.interval, i++, some.size()));
}

/// Null: there is no such server, or it is halted.
std::shared_ptr<job> checker::impl::job_of(server_key const& key) const {
    auto const known = members.find(key);
    return known == members.end() ? nullptr : known->second.check;
}

void checker::impl::settle() {
    listeners.clear();
    for (auto& entry : members) {
        auto const& m = entry.second;
        for (void const* const speaker : {static_cast<void const*>(m.check.get()), static_cast<void const*>(m.agent.get())})
            if (speaker != nullptr)
                listeners[speaker].push_back(&entry);
    }
    auto const end_others = [this](auto& all) {
        std::erase_if(all, [this](auto const& entry) {
            bool const idle = !listeners.contains(entry.second.get());
            if (idle)
                entry.second->stop();
            return idle;
        });
    };
    end_others(jobs);
    end_others(agents);
}

/// Holds nothing while it announces: a callback may destroy us.
std::function<void()> checker::impl::announcer(void const* speaker) {
    return [weak = std::weak_ptr(self), speaker] {
        auto alive = weak.lock();
        if (impl* const me = alive ? *alive : nullptr) {
            alive.reset();
            if (auto const found = me->listeners.find(speaker); found != me->listeners.end())
                me->announce(found->second);
        }
    };
}

/// Whoever is about to be announced has news as well.
std::function<void(job::news)> checker::impl::teller(job const* speaker) {
    return [weak = std::weak_ptr(self), speaker, announce_change = announcer(speaker)](job::news what) {
        if (auto const alive = weak.lock()) {
            impl& me = **alive;
            if (auto const found = me.listeners.find(speaker); found != me.listeners.end())
                for (auto* const entry : found->second)
                    if (std::exchange(entry->second.told, false))
                        me.untold.push_back(entry);
        }
        if (what == job::news::health)
            announce_change();
    };
}

void checker::impl::collect_untold() {
    untold.clear();
    for (auto& entry : members)
        if (!entry.second.told)
            untold.push_back(&entry);
}

void checker::impl::announce(std::vector<members_by_key::value_type*> const& some) {
    std::vector<health_event> news;
    for (auto* const entry : some) {
        auto& [key, m] = *entry;
        health const now = m.health();
        auto agent = m.agents_view();
        if (m.announced == now && m.announced_agent == agent)
            continue;
        m.announced = now;
        m.announced_agent = agent;
        news.push_back({key, now, m.last(), std::move(agent)});
    }
    auto const call = callback;
    std::weak_ptr const alive = self; // the callback may destroy us
    for (auto const& event : news)
        if (call && !alive.expired())
            call(event);
}

checker::checker(boost::asio::any_io_executor executor) : checker(std::move(executor), settings{}) {}

checker::checker(boost::asio::any_io_executor executor, settings s)
    : impl_(std::make_unique<impl>(std::move(executor), s)) {}

checker::~checker() {
    if (impl_)
        stop();
}

checker::checker(checker&&) noexcept = default;

checker& checker::operator=(checker&& other) noexcept {
    if (impl_ && this != &other)
        stop();
    impl_ = std::move(other.impl_);
    return *this;
}

void checker::apply(std::span<virtual_service const> services, std::span<server_state const> known) {
    std::map<server_key, server_state const*> states;
    for (auto const& s : known)
        states[s.key] = &s;
    auto const before = std::exchange(impl_->members, {});
    std::vector<std::shared_ptr<job>> fresh;
    std::vector<std::shared_ptr<agent_watch>> fresh_agents;
    for (auto const& service : services) {
        for (auto const& server : service.servers) {
            server_key const key{service.name, server.name};
            auto const it = states.find(key);
            server_state const* const state = it == states.end() ? nullptr : it->second;
            if (state != nullptr && state->admin == admin_state::halt)
                impl_->halt(key, before);
            else
                impl_->add(service, server, state, before, fresh, fresh_agents);
        }
    }
    impl_->settle();
    impl_->collect_untold();
    impl_->start_all(fresh);
    impl_->start_agents(fresh_agents);
    boost::asio::post(impl_->env.executor(), [weak = std::weak_ptr(impl_->self)] {
        auto alive = weak.lock();
        impl* const me = alive ? *alive : nullptr;
        if (me == nullptr)
            return;
        alive.reset();
        std::vector<members_by_key::value_type*> all;
        for (auto& entry : me->members)
            all.push_back(&entry);
        me->announce(all);
    });
}

void checker::on_event(std::function<void(health_event const&)> callback) { impl_->callback = std::move(callback); }

void checker::pace(unsigned factor) {
    auto const before = std::exchange(impl_->pace, std::max(factor, 1u));
    std::vector<std::shared_ptr<job>> all;
    for (auto const& [key, task] : impl_->jobs) {
        task->pace(impl_->pace);
        all.push_back(task);
    }
    if (impl_->pace < before)
        impl_->hasten_all(all);
}

void checker::seed(std::span<health_event const> found) {
    for (auto const& e : found)
        if (auto const task = impl_->job_of(e.key); task && task->seed(e.health, e.last))
            boost::asio::post(impl_->env.executor(), [tell = impl_->teller(task.get())] { tell(job::news::health); });
}

void checker::check_now(std::span<server_key const> keys) {
    std::set<std::shared_ptr<job>> some;
    for (auto const& key : keys)
        if (auto const task = impl_->job_of(key))
            some.insert(task);
    impl_->hasten_all({some.begin(), some.end()});
}

bool checker::report_errors(server_key const& key, std::string reason, bool take_down) {
    auto const task = impl_->job_of(key);
    return task && task->report_errors(std::move(reason), take_down);
}

std::vector<health_snapshot> checker::snapshot() const {
    std::vector<health_snapshot> all;
    auto const now = job::clock::now();
    for (auto const& [key, m] : impl_->members)
        all.push_back(snapshot_of(key, m, now));
    return all;
}

std::vector<health_snapshot> checker::news(std::size_t most) {
    std::vector<health_snapshot> out;
    auto const now = job::clock::now();
    for (auto& untold = impl_->untold; !untold.empty() && out.size() < most; untold.pop_front()) {
        auto& [key, m] = *untold.front();
        m.told = true;
        if (m.check)
            m.check->note_told();
        out.push_back(snapshot_of(key, m, now));
    }
    return out;
}

void checker::repeat_news() {
    for (auto& [key, m] : impl_->members)
        m.told = false;
    impl_->collect_untold();
}

percentiles checker::take_lateness() { return impl_->env.take_lateness(); }

std::vector<check_run> checker::history(server_key const& key) const {
    auto const known = impl_->members.find(key);
    if (known == impl_->members.end() || !known->second.check)
        return {};
    return known->second.check->past().runs(job::clock::now());
}

void checker::test(virtual_service const& service, real_server const& server, std::function<void(check_trial)> done) {
    auto const number = ++impl_->last_trial;
    auto const task = std::make_shared<probe::trial>(impl_->env, probe::make_order(service, server));
    impl_->trials.emplace(number, task);
    task->start([weak = std::weak_ptr(impl_->self), number, done = std::move(done)](check_trial all) {
        if (auto const alive = weak.lock())
            (*alive)->trials.erase(number);
        done(std::move(all));
    });
}

void checker::stop() {
    for (auto const& [number, task] : std::exchange(impl_->trials, {}))
        task->abandon();
    for (auto const& [key, task] : impl_->jobs)
        task->abandon();
    for (auto const& [key, agent] : std::exchange(impl_->agents, {}))
        agent->stop();
    impl_->jobs.clear();
    impl_->untold.clear();
    impl_->env.times()->rest();
    impl_->listeners.clear();
    impl_->members.clear();
}

} // namespace balance
