// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/event_wait.hpp"
#include "support/scripted_server.hpp"
#include "support/tcp_client.hpp"

#include <balance/proxy.hpp>

#include <string>
#include <vector>

namespace test {

/// A proxy with one service, "web", on a free port of our own address; its servers are on 127.0.0.1.
struct proxied_service {
    explicit proxied_service(balance::proxy::settings s = {.threads = 2}) : subject(s) {
        balance::virtual_service web;
        web.name = "web";
        web.mode = balance::mode::tcp;
        web.address = boost::asio::ip::make_address(own_address());
        web.ports = {{port, port}};
        web.balance = "wrr";
        desired.services.push_back(web);
    }

    balance::virtual_service& service() { return desired.services[0]; }

    /// `at` 0: on the port the client connected to.
    void add_server(std::string const& name, std::uint16_t at, std::uint16_t weight = 1) {
        balance::real_server r;
        r.name = name;
        r.address = boost::asio::ip::address_v4::loopback();
        r.port = at;
        r.weight = weight;
        service().servers.push_back(r);
        states.push_back({{"web", name}, balance::health::up, balance::admin_state::online});
    }
    balance::server_state& state(std::string const& name) {
        for (auto& s : states)
            if (s.key.server == name)
                return s;
        throw std::runtime_error("no server " + name);
    }
    void apply() { subject.apply(desired, states); }

    balance::service_status status() { return subject.status().at(0); }

    /// The name of the server that greets a client from this address.
    std::string who_serves(char const* from = "127.0.0.1") {
        tcp_client client(port, from);
        return client.receive_line();
    }

    std::uint16_t port = free_port();
    balance::configuration desired;
    std::vector<balance::server_state> states;
    balance::proxy subject;
};

} // namespace test
