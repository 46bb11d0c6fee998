// SPDX-License-Identifier: Apache-2.0
#include <balance/balancer.hpp>
#include <balance/share.hpp>
#include <balance/validate.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace balance {
namespace {

/// Every fault of a configuration in one text, or nothing when it may be applied.
std::string faults_of(configuration const& c) {
    std::string all;
    for (auto const& f : validate(c)) {
        if (f.warning)
            continue;
        if (!all.empty())
            all += "; ";
        for (auto const& part : f.path)
            all.append(part).append(&part == &f.path.back() ? ": " : ".");
        all += f.message;
    }
    return all;
}

} // namespace

struct balancer::impl {
    explicit impl(boost::asio::any_io_executor e) : executor(std::move(e)), checks(executor) {
        checks.on_event([this](health_event const& event) { take_in(event); });
    }

    void take_in(health_event const& event);
    void enforce_later();
    result<> enforce();
    void keep_states();
    [[nodiscard]] bool has_layer4() const;

    boost::asio::any_io_executor executor;
    checker checks;
    std::optional<layer4> kernel; ///< only where there is or was a layer-4 service: others need no privilege
    std::optional<proxy> relay;   ///< only where there is or was a layer-7 service: others need no threads
    std::string kernel_trouble;   ///< why the last write to the kernel failed
    configuration current;
    std::vector<server_state> states; ///< one for every server of `current`
    std::function<void(health_event const&)> callback;
    bool enforcing = false;                                      ///< a call of `enforce` is on its way
    std::shared_ptr<impl*> self = std::make_shared<impl*>(this); ///< what is posted holds it weakly
};

void balancer::impl::take_in(health_event const& event) {
    for (auto& s : states)
        if (s.key == event.key) {
            s.health = event.health;
            s.share = event.agent.share;
            s.most_connections = event.agent.most_connections;
        }
    enforce_later();
    if (auto const call = callback)
        call(event);
}

/// One write for all the news of a moment.
void balancer::impl::enforce_later() {
    if (std::exchange(enforcing, true))
        return;
    boost::asio::post(executor, [weak = std::weak_ptr(self)] {
        auto const alive = weak.lock();
        if (!alive)
            return;
        (*alive)->enforcing = false;
        static_cast<void>((*alive)->enforce()); // what fails is kept for `status`
    });
}

bool balancer::impl::has_layer4() const {
    return std::any_of(current.services.begin(), current.services.end(),
                       [](auto const& s) { return is_layer4(s.mode) || s.transparent; });
}

result<> balancer::impl::enforce() {
    if (!kernel && has_layer4())
        kernel.emplace();
    if (!relay &&
        std::any_of(current.services.begin(), current.services.end(), [](auto const& s) { return !is_layer4(s.mode); }))
        relay.emplace();
    if (relay)
        relay->apply(with_shares(current, states), states);
    kernel_trouble.clear();
    if (!kernel)
        return {};
    auto const written = kernel->apply(current, states);
    if (written)
        return {};
    kernel_trouble = written.error().detail;
    return written.error();
}

/// What is known of servers that stay is kept; the others start as unknown and online.
void balancer::impl::keep_states() {
    std::map<server_key, server_state> known;
    for (auto& s : states)
        known[s.key] = s;
    states.clear();
    for (auto const& service : current.services)
        for (auto const& server : service.servers) {
            server_key const key{service.name, server.name};
            auto const it = known.find(key);
            states.push_back(it != known.end() ? it->second : server_state{.key = key});
        }
}

balancer::balancer(boost::asio::any_io_executor executor) : impl_(std::make_unique<impl>(std::move(executor))) {}
balancer::~balancer() = default;
balancer::balancer(balancer&&) noexcept = default;
balancer& balancer::operator=(balancer&&) noexcept = default;

result<> balancer::apply(configuration desired) {
    if (auto const faults = faults_of(desired); !faults.empty())
        return make_error(errc::invalid_configuration, faults);
    for (auto const& mark : impl_->current.marks)
        if (std::none_of(desired.marks.begin(), desired.marks.end(),
                         [&](auto const& m) { return m.first == mark.first; }))
            desired.marks.push_back(mark);
    allocate_marks(desired);
    impl_->current = std::move(desired);
    impl_->keep_states();
    impl_->checks.apply(impl_->current.services, impl_->states);
    return impl_->enforce();
}

result<> balancer::set_admin_state(server_key const& key, admin_state state) {
    auto const it =
        std::find_if(impl_->states.begin(), impl_->states.end(), [&](auto const& s) { return s.key == key; });
    if (it == impl_->states.end())
        return make_error(errc::not_found, "there is no server " + key.server + " in a service " + key.service);
    it->admin = state;
    impl_->checks.apply(impl_->current.services, impl_->states);
    return impl_->enforce();
}

void balancer::on_event(std::function<void(health_event const&)> callback) { impl_->callback = std::move(callback); }

std::vector<service_status> balancer::status() const {
    std::map<std::string, service_status> known;
    std::string trouble = impl_->kernel_trouble;
    if (impl_->relay)
        for (auto& s : impl_->relay->status())
            known[s.name] = std::move(s);
    if (impl_->kernel) {
        if (auto read = impl_->kernel->status())
            for (auto& s : *read)
                known[s.name] = std::move(s);
        else if (trouble.empty())
            trouble = read.error().detail;
    }
    std::vector<service_status> all;
    for (auto const& service : impl_->current.services) {
        auto& s = known[service.name];
        s.name = service.name;
        if (is_layer4(service.mode) && s.not_served.empty())
            s.not_served = trouble;
        all.push_back(std::move(s));
    }
    return all;
}

std::vector<health_snapshot> balancer::health() const { return impl_->checks.snapshot(); }

void balancer::stop() {
    impl_->checks.stop();
    if (impl_->relay)
        impl_->relay->stop();
}

} // namespace balance
