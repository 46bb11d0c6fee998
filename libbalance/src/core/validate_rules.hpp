// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/check_traits.hpp"

#include <balance/validate.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace balance::rules {

/// Collects faults below one place of the configuration: a service, or a server of it.
class report {
public:
    report(std::vector<fault>& out, std::string_view service) : out_(&out), service_(service) {}

    /// `tail` is the path below the place; the message says what is wrong and what would be right.
    void wrong(std::initializer_list<std::string_view> tail, std::string message) {
        add(tail, std::move(message), false);
    }
    void warn(std::initializer_list<std::string_view> tail, std::string message) {
        add(tail, std::move(message), true);
    }

    [[nodiscard]] report of_server(std::string_view name) const {
        auto out = *this;
        out.server_ = name;
        return out;
    }

private:
    void add(std::initializer_list<std::string_view> tail, std::string message, bool warning) {
        std::vector<std::string> path{"service", std::string(service_)};
        if (server_) {
            path.insert(path.end(), {"server", std::string(*server_)});
        }
        path.insert(path.end(), tail.begin(), tail.end());
        out_->push_back({std::move(path), std::move(message), warning});
    }

    std::vector<fault>* out_;
    std::string_view service_;
    std::optional<std::string_view> server_;
};

/// A name that can stand in a path, a command and a table: no slash, no control character, 1 to 64 bytes. Empty when it
/// can, else what is wrong with it.
std::string bad_name(std::string_view name);

/// Who a service is and where clients find it: name, address, ports, mark, and what its layer cannot have.
void check_service(virtual_service const& s, report r);
/// How clients are spread: balance, persistence, TLS, fallback.
void check_balancing(virtual_service const& s, report r);
/// What mode http does to messages.
void check_http(virtual_service const& s, report r);
/// How the health of its servers is found out.
void check_health_check(virtual_service const& s, report r);
/// What the checks that ask a server for something take: accounts, secrets, queries, expectations.
void check_protocol_keys(health_check const& c, report& r);
/// "host is for http and https checks only; leave it out of a check of type ping"
void only_for(bool given, bool right, char const* key, std::string_view types, health_check const& c, report& r);
/// "dns and sip": the types whose traits fulfil it.
std::string checks_that(bool (*fulfil)(core::check_traits const&));
/// Control characters and spaces would end a line or a word early.
bool has_space(std::string_view text);
bool has_control(std::string_view text);
/// Its servers.
void check_servers(virtual_service const& s, report r);
/// What two services take from each other: names, marks, address and port, servers.
void check_overlaps(configuration const& c, std::vector<fault>& out);

/// Ports that clients of the service may use, TLS ports left out; a mark service's are all but `except_ports`. Empty
/// when the operator's firewall script decides.
std::vector<port_range> client_ports(virtual_service const& s);

/// Faults of a list of ports: ranges that do not exist, ports listed twice.
void check_port_list(std::vector<port_range> const& ports, std::string_view key, report& r);

/// Can it be the address of one machine?
bool usable_address(address const& a);

/// The family that addresses of the service must have: its own, else its first server's; false is IPv4.
bool is_v6(virtual_service const& s);

} // namespace balance::rules
