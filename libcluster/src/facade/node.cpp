// SPDX-License-Identifier: Apache-2.0
#include "facade/node_settings_check.hpp"
#include "net/driver.hpp"
#include "net/real_time.hpp"

#include <cluster/node.hpp>

#include <algorithm>
#include <utility>

namespace cluster {
namespace {

constexpr milliseconds leave_limit{2000};

node_status status_before(node_settings const& s) {
    node_status out;
    out.self = s.self;
    out.name = s.name;
    out.epoch = s.epoch;
    out.maintenance = s.maintenance;
    return out;
}

} // namespace

struct node::impl {
    node_settings settings;
    net::driver::callbacks callbacks;
    std::unique_ptr<net::driver> driver; ///< absent when the settings are faulty: `start` says how
    bool running = false;
    bool left = false;

    void request(failover::request what, node::answer done) {
        if (running) {
            driver->request(what, std::move(done));
        } else if (done) {
            done(balance::make_error(balance::errc::refused, "the node is not running: start it first"));
        }
    }
};

node::node(node_settings s) : impl_(std::make_unique<impl>()) {
    // Both nodes number the links alike, whatever the order in their files.
    std::sort(s.links.begin(), s.links.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
    impl_->settings = std::move(s);
    if (check(impl_->settings)) {
        impl_->driver = std::make_unique<net::driver>(impl_->settings);
    }
}

node::~node() = default;
node::node(node&&) noexcept = default;
node& node::operator=(node&&) noexcept = default;

void node::on_event(std::function<void(node_event const&)> callback) { impl_->callbacks.event = std::move(callback); }

void node::on_persist(std::function<void(epoch, bool maintenance)> callback) {
    impl_->callbacks.persist = std::move(callback);
}

void node::on_move(std::function<void(address_move)> callback) { impl_->callbacks.move = std::move(callback); }

void node::on_held(std::function<void(std::vector<floating_address> const&)> callback) {
    impl_->callbacks.held = std::move(callback);
}

void node::on_witness(std::function<void(epoch, std::function<void(bool granted)> answer)> callback) {
    impl_->callbacks.witness = std::move(callback);
}

result<> node::start() {
    if (auto const checked = check(impl_->settings); !checked) {
        return checked;
    }
    if (impl_->running) {
        return balance::make_error(balance::errc::refused, "the node is running already");
    }
    if (impl_->left) {
        return balance::make_error(balance::errc::refused, "the node has left; make a new one");
    }
    auto const started = impl_->driver->start(impl_->callbacks);
    impl_->running = started.has_value();
    return started;
}

node_status node::status() const { return impl_->driver ? impl_->driver->status() : status_before(impl_->settings); }

void node::take_over(answer done) { impl_->request(failover::request::takeover, std::move(done)); }
void node::hand_over(answer done) { impl_->request(failover::request::handover, std::move(done)); }

void node::set_maintenance(bool on, answer done) {
    impl_->request(on ? failover::request::maintenance_on : failover::request::maintenance_off, std::move(done));
}

void node::set_local_health(local_fitness f) {
    if (impl_->driver) {
        impl_->driver->set_local_health(f);
    }
}

void node::give_back_memory() { net::give_back_memory(); }

void node::set_config(config_version v, sha256 const& hash) {
    if (impl_->driver) {
        impl_->driver->set_config(v, hash);
    }
}

void node::set_floating(std::vector<floating_address> addresses) {
    if (impl_->driver) {
        impl_->driver->set_floating(std::move(addresses));
    }
}

void node::set_keys(key_pair const& k, answer done) {
    if (impl_->driver) {
        impl_->settings.key = k.sending;
        impl_->settings.other_key = k.other;
    }
    if (impl_->running) {
        impl_->driver->set_keys(k, std::move(done));
    } else if (done) {
        done({});
    }
}

std::vector<sealed_datagram> node::sealed_goodbyes() const {
    return impl_->driver ? impl_->driver->goodbyes() : std::vector<sealed_datagram>{};
}

void node::leave() {
    if (!impl_->running) {
        return;
    }
    impl_->driver->request(failover::request::stop, {});
    impl_->driver->wait_stopped(leave_limit);
    impl_->driver->stop();
    impl_->running = false;
    impl_->left = true;
}

} // namespace cluster
