// SPDX-License-Identifier: Apache-2.0
// The values that our processes send each other, as JSON: pack() writes, unpack<T>() reads what pack() wrote.
#pragma once

#include <balance/checker.hpp>
#include <balance/error.hpp>
#include <balance/proxy.hpp>
#include <balance/service.hpp>
#include <balance/status.hpp>
#include <cluster/node.hpp>

#include <boost/json/object.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dyad::ipc {

/// A service's firewall mark, as in `balance::configuration::marks`.
using mark = std::pair<std::string, std::uint32_t>;

/// Traffic failed at a server so often that its health is in doubt.
struct error_report {
    balance::server_key key;
    std::string reason;
    bool take_down = false; ///< at once, whatever `fall` says
};

/// What status says of a server's last check. Thousands of these go from process to process.
struct last_result {
    balance::server_key key;
    std::string reason;
    balance::milliseconds latency{0};

    bool operator==(last_result const&) const = default;
};

/// {"address","port"}
boost::json::object pack(balance::endpoint const& e);
/// {"service","mark"}
boost::json::object pack(mark const& m);
/// {"service","server","reason","latency_ms"}
boost::json::object pack(last_result const& r);
/// {"service","server"}
boost::json::object pack(balance::server_key const& k);
/// {"service","server","reason","take_down"}
boost::json::object pack(error_report const& r);
/// {"service","server","health","admin","share","cut","most_connections"}
boost::json::object pack(balance::server_state const& s);
/// {"service","server","health","success","reason","latency_ms","share","agent","most_connections"}
boost::json::object pack(balance::health_event const& e);
/// {"success","reason","latency_ms","received","count","longest_ms","since_first_ms","since_last_ms"}
boost::json::object pack(balance::check_run const& r);
/// {"name","took_us","sent","sent_bytes","received","received_bytes","note"}
boost::json::object pack(balance::check_step const& s);
/// {"target":{…},"success","reason","latency_ms","steps":[…]}
boost::json::object pack(balance::check_trial const& t);
/// {"service","client","server","sequence","remaining_ms"}
boost::json::object pack(balance::persistence_entry const& e);
/// {"connections","in_packets","out_packets","in_bytes","out_bytes"}
boost::json::object pack(balance::rates const& r);
boost::json::object pack(balance::exchanges const& e);
/// {"count","p50_us","p90_us","p99_us"}
boost::json::object pack(balance::percentiles const& p);
/// {"name","not_served","fallback_active","counters":{…,"per_second":{…}},"servers":[{"name","active","inactive","counters":{…}}]}
boost::json::object pack(balance::service_status const& s);
/// {"address","interface"}
boost::json::object pack(cluster::floating_address const& f);
/// {"local","local_port","peer","peer_port","interface","bytes"}
boost::json::object pack(cluster::sealed_datagram const& d);

/// Reads one value, of a type that pack() knows. Errors: `protocol_error` that names the member.
template <class T>
balance::result<T> unpack(boost::json::value const& v);

template <class Range>
boost::json::array pack_all(Range const& values) {
    boost::json::array all;
    all.reserve(std::size(values));
    for (auto const& value : values) {
        all.push_back(pack(value));
    }
    return all;
}

/// Reads the list `message[member]`. Errors: `protocol_error` that names the member and the place in the list.
template <class T>
balance::result<std::vector<T>> unpack_all(boost::json::object const& message, std::string_view member) {
    auto const* const value = message.if_contains(member);
    auto const* const list = value != nullptr ? value->if_array() : nullptr;
    if (list == nullptr) {
        return balance::make_error(balance::errc::protocol_error, "\"" + std::string(member) + "\" must be a list");
    }
    std::vector<T> all;
    all.reserve(list->size());
    for (auto const& item : *list) {
        auto read = unpack<T>(item);
        if (!read) {
            auto place = std::string(member) + "[" + std::to_string(all.size()) + "]: ";
            return balance::make_error(balance::errc::protocol_error, std::move(place) + read.error().detail);
        }
        all.push_back(std::move(*read));
    }
    return all;
}

} // namespace dyad::ipc
