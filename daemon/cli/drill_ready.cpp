// SPDX-License-Identifier: Apache-2.0
#include <balance/text.hpp>

#include <cli/document.hpp>
#include <cli/drill_ready.hpp>

#include <algorithm>
#include <cstdlib>

namespace dyad::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t most_targets = 16;

/// Says no, rather than nothing: an older or newer daemon may leave a member out.
bool denied(json::object const& o, std::string_view key) { return o.contains(key) && !flag(o, key); }

/// Of the pair's members and how they stand to each other.
std::string pair_hindrance(json::object const& status) {
    auto const& peer = object(status, "peer");
    auto const& node = object(status, "node");
    if (peer.empty()) {
        return "this node has no peer";
    }
    if (!flag(peer, "alive")) {
        return "the peer is silent";
    }
    if (flag(node, "maintenance") || flag(peer, "maintenance")) {
        return (flag(peer, "maintenance") ? "the peer" : "this node") + std::string(" is in maintenance; end it there with 'dyad maintenance off'");
    }
    if (!flag(peer, "ready")) {
        return "the peer is not ready to serve";
    }
    if (denied(node, "ready")) {
        return "this node is not ready to serve";
    }
    auto const own = text(node, "state");
    auto const other = text(peer, "state");
    if (!((own == "active" && other == "passive") || (own == "passive" && other == "active"))) {
        return "the pair is changing: this node is " + own + ", the peer is " + other;
    }
    return {};
}

std::string link_hindrance(json::object const& status) {
    for (auto const& value : array(status, "links")) {
        auto const& link = item(value);
        if (!flag(link, "usable") || !flag(link, "alive")) {
            return "link " + text(link, "name") + " is down";
        }
        if (!flag(link, "peer_hears")) {
            return "link " + text(link, "name") + " works one way only";
        }
    }
    return {};
}

/// Of changes that are under way.
std::string change_hindrance(json::object const& status) {
    auto const& config = object(status, "config");
    if (auto const* waits = config.if_contains("confirmation"); waits != nullptr && waits->is_object()) {
        return "the running configuration waits for 'dyad confirm'";
    }
    if (denied(config, "in_sync")) {
        auto const why = text(object(config, "replication"), "error");
        return "the peer has not the same configuration" + (why.empty() ? "" : ": " + why);
    }
    if (!array(status, "retiring_proxies").empty()) {
        return "a proxy that was replaced finishes its connections still";
    }
    return {};
}

} // namespace

std::string hindrance(json::object const& status) {
    for (auto const why : {pair_hindrance, link_hindrance, change_hindrance}) {
        if (auto sentence = why(status); !sentence.empty()) {
            return sentence;
        }
    }
    return denied(status, "service_ok") ? "an interface of the floating addresses has no carrier" : "";
}

std::vector<balance::endpoint> targets_of(json::object const& status) {
    std::vector<balance::endpoint> out;
    for (auto const& value : array(status, "services")) {
        auto const& service = item(value);
        auto const address = balance::parse_address(text(service, "address"));
        auto const& servers = array(service, "servers");
        bool const up = std::any_of(servers.begin(), servers.end(),
                                    [](auto const& s) { return text(item(s), "health") == "up"; });
        auto const port = std::strtoul(text(service, "ports").c_str(), nullptr, 10); // the first of a list or range
        if (address && up && port != 0 && port < 65536 && text(service, "not_served").empty() &&
            text(service, "protocol").starts_with("tcp")) {
            out.push_back({*address, static_cast<std::uint16_t>(port)});
        }
    }
    out.resize(std::min(out.size(), most_targets));
    return out;
}

std::vector<balance::address> floating_of(json::object const& status) {
    std::vector<balance::address> out;
    for (auto const& value : array(status, "addresses")) {
        if (auto const address = balance::parse_address(text(item(value), "address")); address && out.size() < most_targets) {
            out.push_back(*address);
        }
    }
    return out;
}

std::int64_t process_of(json::object const& status, std::string_view name) {
    for (auto const& value : array(status, "processes")) {
        if (text(item(value), "name") == name) {
            return number(item(value), "pid");
        }
    }
    return -1;
}

} // namespace dyad::cli
