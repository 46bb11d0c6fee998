// SPDX-License-Identifier: Apache-2.0
#include "pair.hpp"

#include <future>
#include <stdexcept>
#include <thread>

namespace lab {

bool eventually(std::function<bool()> const& condition, milliseconds limit) {
    auto const end = clock::now() + limit;
    while (!condition()) {
        if (clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

player::player(network_namespace const& where, cluster::node_settings s) : where_(where) {
    auto const name = s.name;
    where_.inside([&] {
        node_ = std::make_unique<cluster::node>(std::move(s));
        node_->on_event([this](cluster::node_event const& e) {
            std::lock_guard const lock{mutex_};
            told_ += e.kind + ": " + e.text + "\n";
        });
        if (auto const started = node_->start(); !started) {
            throw std::runtime_error(name + ": " + started.error().detail);
        }
        node_->set_local_health({.ready = true, .synchronised = true});
    });
}

player::~player() { node_.reset(); }

bool player::has_told(std::string const& words) const { return story().find(words) != std::string::npos; }

std::string player::story() const {
    std::lock_guard const lock{mutex_};
    return told_;
}

namespace {

template <class F>
std::string ask(F&& request) {
    auto const answer = std::make_shared<std::promise<std::string>>();
    auto future = answer->get_future();
    request([answer](cluster::result<> r) { answer->set_value(r ? std::string{} : r.error().detail); });
    return future.get();
}

} // namespace

std::string player::take_over() {
    return ask([this](auto done) { node_->take_over(std::move(done)); });
}

std::string player::hand_over() {
    return ask([this](auto done) { node_->hand_over(std::move(done)); });
}

std::string player::set_maintenance(bool on) {
    return ask([this, on](auto done) { node_->set_maintenance(on, std::move(done)); });
}

cluster::address at(char const* text) { return boost::asio::ip::make_address(text); }

machines::machines() {
    sw.sh("ip link add br0 type bridge && ip link set br0 up");
    int number = 0;
    for (auto const* const n : {&a, &b, &client}) {
        auto const port = "port" + std::to_string(++number);
        auto const host = n == &client ? "9" : std::to_string(number);
        join(*n, "data", sw, port);
        sw.sh("ip link set " + port + " master br0");
        n->sh("ip addr add 10.9.0." + host + "/24 dev data && ip addr add fd09::" + host + "/64 dev data nodad");
    }
}

cluster::node_settings machines::settings(cluster::node_id who) const {
    bool const first = who == cluster::node_id::primary;
    cluster::node_settings s;
    s.self = who;
    s.name = first ? "lb1" : "lb2";
    s.timing.keepalive = 20ms;
    s.timing.warntime = 50ms;
    s.timing.deadtime = 100ms;
    s.timing.initdead = 300ms;
    s.links = {{"data", "data", at(first ? "10.9.0.1" : "10.9.0.2"), at(first ? "10.9.0.2" : "10.9.0.1"), 6694}};
    s.key = key;
    s.floating = {{at("10.9.0.100"), ""}};
    return s;
}

bool has_address(network_namespace const& n, std::string const& address) {
    return n.output("ip -o addr show to " + address).find(address) != std::string::npos;
}

} // namespace lab
