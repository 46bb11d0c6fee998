// SPDX-License-Identifier: Apache-2.0
#include "probe/agent_watch.hpp"
#include "probe/job.hpp"
#include "probe/reason.hpp"
#include "probe/trial.hpp"

#include <balance/checker.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

namespace balance {
namespace {

using probe::agent_watch;
using probe::job;

/// New checks start one after the other, so that a hundred of them are no storm and the last is not kept waiting.
constexpr auto longest_start_step = std::chrono::milliseconds(2);
constexpr auto longest_start = std::chrono::milliseconds(500);
constexpr auto not_checked = "halted: not checked";

struct member {
    std::string job_key;   ///< empty: halted
    std::string agent_key; ///< empty: none is asked
    balance::address target;
    balance::health announced = health::unknown; ///< what the owner believes
    agent_view announced_agent;
    job::clock::time_point since{};              ///< when halted
};

} // namespace

struct checker::impl {
    impl(boost::asio::any_io_executor executor, settings s) : env(std::move(executor), s) {}

    probe::environment env;
    std::map<std::string, std::shared_ptr<job>> jobs;
    std::map<std::string, std::shared_ptr<agent_watch>> agents;
    std::map<server_key, member> members;
    std::function<void(health_event const&)> callback;
    std::map<std::uint64_t, std::shared_ptr<probe::trial>> trials; ///< under way
    std::uint64_t last_trial = 0;
    std::shared_ptr<impl*> self = std::make_shared<impl*>(this); ///< what is posted holds it weakly

    void add(virtual_service const& service, real_server const& server, server_state const* known,
             std::map<server_key, member> const& before,
             std::vector<std::pair<std::string, std::shared_ptr<job>>>& fresh,
             std::vector<std::shared_ptr<agent_watch>>& fresh_agents);
    void ask_agent(virtual_service const& service, real_server const& server, member& m,
                   std::vector<std::shared_ptr<agent_watch>>& fresh);
    void start_agents(std::vector<std::shared_ptr<agent_watch>> const& fresh);
    void halt(server_key const& key, std::map<server_key, member> const& before);
    void start_all(std::vector<std::pair<std::string, std::shared_ptr<job>>> const& fresh);
    std::function<void()> announcer();
    void announce();
    health health_of(member const& m) const;
    check_result last_of(member const& m) const;
    agent_view agent_of(member const& m) const;
};

health checker::impl::health_of(member const& m) const {
    return m.job_key.empty() ? health::unknown : jobs.at(m.job_key)->state();
}

check_result checker::impl::last_of(member const& m) const {
    return m.job_key.empty() ? probe::failure(not_checked) : jobs.at(m.job_key)->last();
}

agent_view checker::impl::agent_of(member const& m) const {
    if (m.agent_key.empty())
        return {};
    auto const& agent = agents.at(m.agent_key);
    return {agent->share(), agent->said()};
}

/// A server that was halted comes back as unknown: nobody knows what happened to it meanwhile.
void checker::impl::halt(server_key const& key, std::map<server_key, member> const& before) {
    member m;
    m.since = job::clock::now();
    if (auto const it = before.find(key); it != before.end()) {
        m.announced = it->second.announced;
        m.announced_agent = it->second.announced_agent;
        if (it->second.job_key.empty())
            m.since = it->second.since;
    }
    members[key] = std::move(m);
}

void checker::impl::add(virtual_service const& service, real_server const& server, server_state const* known,
                        std::map<server_key, member> const& before,
                        std::vector<std::pair<std::string, std::shared_ptr<job>>>& fresh,
                        std::vector<std::shared_ptr<agent_watch>>& fresh_agents) {
    auto what = probe::make_order(service, server);
    member m;
    m.job_key = probe::key_of(what);
    m.target = server.address;
    m.announced = known != nullptr ? known->health : health::unknown;
    m.announced_agent.share = known != nullptr ? known->share : std::uint16_t{100};
    health seed = m.announced;
    server_key const key{service.name, server.name};
    if (auto const it = before.find(key); it != before.end()) {
        m.announced = it->second.announced;
        m.announced_agent = it->second.announced_agent;
        // Another way to check the same machine says nothing about its health; another machine does.
        auto const old = jobs.find(it->second.job_key);
        seed = old != jobs.end() && it->second.target == server.address ? old->second->state() : health::unknown;
    }
    auto& slot = jobs[m.job_key];
    if (!slot) {
        slot = std::make_shared<job>(env, std::move(what), seed);
        fresh.emplace_back(m.job_key, slot);
    }
    ask_agent(service, server, m, fresh_agents);
    members[key] = std::move(m);
}

/// One agent is asked once, however many services it speaks for.
void checker::impl::ask_agent(virtual_service const& service, real_server const& server, member& m,
                              std::vector<std::shared_ptr<agent_watch>>& fresh) {
    if (!service.agent)
        return;
    auto const& how = *service.agent;
    m.agent_key = server.address.to_string() + " " + std::to_string(how.port) + " " +
                  std::to_string(static_cast<int>(how.type)) + " " + std::to_string(how.interval.count()) + " " +
                  std::to_string(how.timeout.count()) + " " + how.request;
    auto& slot = agents[m.agent_key];
    if (!slot) {
        slot = std::make_shared<agent_watch>(env, server.address, how, m.announced_agent.share);
        fresh.push_back(slot);
    }
}

void checker::impl::start_agents(std::vector<std::shared_ptr<agent_watch>> const& fresh) {
    job::clock::duration delay{0};
    for (auto const& agent : fresh) {
        agent->start(delay, announcer());
        delay += std::min<job::clock::duration>(std::min(agent->how().interval, longest_start) / static_cast<int>(fresh.size()),
                                                longest_start_step);
    }
}

void checker::impl::start_all(std::vector<std::pair<std::string, std::shared_ptr<job>>> const& fresh) {
    job::clock::duration delay{0};
    for (auto const& [key, task] : fresh) {
        auto const total = std::min(task->what().check.interval, longest_start);
        task->start(delay, announcer());
        delay += std::min<job::clock::duration>(total / static_cast<int>(fresh.size()), longest_start_step);
    }
}

/// Holds nothing while it announces: a callback may destroy us.
std::function<void()> checker::impl::announcer() {
    return [weak = std::weak_ptr(self)] {
        auto alive = weak.lock();
        if (impl* const me = alive ? *alive : nullptr) {
            alive.reset();
            me->announce();
        }
    };
}

void checker::impl::announce() {
    std::vector<health_event> news;
    for (auto& [key, m] : members) {
        health const now = health_of(m);
        auto agent = agent_of(m);
        if (m.announced == now && m.announced_agent == agent)
            continue;
        m.announced = now;
        m.announced_agent = agent;
        news.push_back({key, now, last_of(m), std::move(agent)});
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
    std::vector<std::pair<std::string, std::shared_ptr<job>>> fresh;
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
    std::map<std::string, std::shared_ptr<job>> wanted;
    for (auto const& [key, m] : impl_->members)
        if (!m.job_key.empty())
            wanted[m.job_key] = impl_->jobs.at(m.job_key);
    for (auto const& [key, task] : std::exchange(impl_->jobs, std::move(wanted)))
        if (!impl_->jobs.contains(key))
            task->stop();
    std::map<std::string, std::shared_ptr<agent_watch>> asked;
    for (auto const& [key, m] : impl_->members)
        if (!m.agent_key.empty())
            asked[m.agent_key] = impl_->agents.at(m.agent_key);
    for (auto const& [key, agent] : std::exchange(impl_->agents, std::move(asked)))
        if (!impl_->agents.contains(key))
            agent->stop();
    impl_->start_all(fresh);
    impl_->start_agents(fresh_agents);
    boost::asio::post(impl_->env.executor(), impl_->announcer());
}

void checker::on_event(std::function<void(health_event const&)> callback) { impl_->callback = std::move(callback); }

std::vector<health_snapshot> checker::snapshot() const {
    std::vector<health_snapshot> all;
    auto const now = job::clock::now();
    auto const age = [now](job::clock::time_point then) {
        return std::chrono::duration_cast<milliseconds>(now - then);
    };
    for (auto const& [key, m] : impl_->members) {
        auto const it = impl_->jobs.find(m.job_key);
        auto const last_at = it == impl_->jobs.end() ? m.since : it->second->last_at();
        auto const changed_at = it == impl_->jobs.end() ? m.since : it->second->changed_at();
        all.push_back({key, impl_->health_of(m), impl_->last_of(m), age(last_at), age(changed_at), impl_->agent_of(m)});
    }
    return all;
}

std::vector<check_run> checker::history(server_key const& key) const {
    auto const known = impl_->members.find(key);
    if (known == impl_->members.end() || known->second.job_key.empty())
        return {};
    return impl_->jobs.at(known->second.job_key)->past().runs(job::clock::now());
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
    impl_->members.clear();
}

} // namespace balance
