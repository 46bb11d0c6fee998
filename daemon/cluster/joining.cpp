// SPDX-License-Identifier: Apache-2.0
#include "cluster/joining.hpp"

#include "cluster/state_files.hpp"

#include <cluster/key_store.hpp>

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>

namespace dyad {

namespace fs = std::filesystem;

namespace {

std::string names(std::vector<std::string> const& list) {
    std::string text;
    for (auto const& name : list) {
        text += (text.empty() ? "" : ", ") + name;
    }
    return text.empty() ? "none" : text;
}

void for_each_address(
    std::function<void(std::string const& interface, unsigned flags, balance::address const&)> const& see) {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) {
        return;
    }
    std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> const owner(list, &::freeifaddrs);
    for (auto const* i = list; i != nullptr; i = i->ifa_next) {
        if (i->ifa_addr == nullptr) {
            continue;
        }
        if (i->ifa_addr->sa_family == AF_INET) {
            sockaddr_in in{};
            std::memcpy(&in, i->ifa_addr, sizeof in);
            see(i->ifa_name, i->ifa_flags, boost::asio::ip::address_v4(ntohl(in.sin_addr.s_addr)));
        } else if (i->ifa_addr->sa_family == AF_INET6) {
            sockaddr_in6 in{};
            std::memcpy(&in, i->ifa_addr, sizeof in);
            boost::asio::ip::address_v6::bytes_type bytes;
            std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
            see(i->ifa_name, i->ifa_flags, boost::asio::ip::address_v6(bytes));
        }
    }
}

balance::error failed(fs::path const& what, std::error_code const& why) {
    return balance::make_error(balance::errc::io_error, what.string() + " cannot be set aside: " + why.message());
}

} // namespace

std::string objection(lone_node const& self) {
    if (self.has_pair) {
        return self.name + " has a pair already; 'dyad unpair' leaves it";
    }
    if (self.services != 0) {
        return self.name + " has " + std::to_string(self.services) + (self.services == 1 ? " service" : " services") +
               ", which the primary's would replace; remove them from its cluster.toml and apply that, or make it the "
               "primary: 'dyad pair' there, 'dyad pair-token' on the other node";
    }
    return {};
}

std::string objection(lone_node const& self, cluster::pairing_introduction const& other) {
    if (auto text = objection(self); !text.empty()) {
        return text;
    }
    if (other.name == self.name) {
        return "both nodes are called " + self.name +
               "; give one another name in its node.toml, and restart dyadd there";
    }
    if (other.heartbeat_port != self.heartbeat_port || other.replication_port != self.replication_port) {
        return "the ports differ: heartbeat " + std::to_string(other.heartbeat_port) + " and " +
               std::to_string(self.heartbeat_port) + ", replication " + std::to_string(other.replication_port) +
               " and " + std::to_string(self.replication_port) + "; make [ports] of both node.toml the same";
    }
    auto links = other.links;
    std::sort(links.begin(), links.end());
    if (links != self.links) {
        return "the heartbeat links differ: " + other.name + " has " + names(links) + ", " + self.name + " has " +
               names(self.links) + "; give [link.NAME] the same names in both node.toml, or leave them out of both";
    }
    return {};
}

cluster::link_settings pairing_link(balance::address const& local, balance::address const& peer,
                                    std::string interface) {
    return {"pair", std::move(interface), local, peer};
}

std::string interface_with(balance::address const& a) {
    std::string found;
    for_each_address([&](std::string const& interface, unsigned, balance::address const& on) {
        if (on == a) {
            found = interface;
        }
    });
    return found;
}

std::vector<balance::address> own_addresses(std::vector<balance::address> const& floating) {
    std::vector<balance::address> own;
    for_each_address([&](std::string const&, unsigned flags, balance::address const& a) {
        bool const far = (flags & IFF_UP) != 0 && (flags & IFF_LOOPBACK) == 0;
        bool const scoped = a.is_v6() && a.to_v6().is_link_local();
        if (far && !scoped && std::find(floating.begin(), floating.end(), a) == floating.end() &&
            std::find(own.begin(), own.end(), a) == own.end()) {
            own.push_back(a);
        }
    });
    return own;
}

balance::result<> join_pair(fs::path const& config_dir, config::pair_config const& pair, cluster::key const& key) {
    auto const file = config_dir / "pair.toml";
    auto const text = config::pair_text(pair);
    if (auto const read = config::parse_pair(text, "pair.toml"); !read.value) { // an address or interface like no other
        return balance::make_error(
            balance::errc::invalid_configuration,
            "no heartbeat link can be made of this connection: " + config::to_string(read.diagnostics.front()) +
                "; name the link in node.toml of both nodes");
    }
    if (auto written = replace_file(file, text, 0644); !written) {
        return written;
    }
    auto saved = key.save(config_dir / "cluster.key"); // the last: without it the node is alone
    if (!saved) {
        std::error_code ignored;
        fs::remove(file, ignored);
    }
    return saved;
}

balance::result<> join_as_secondary(fs::path const& config_dir, fs::path const& state_dir,
                                    config::pair_config const& pair, cluster::key const& key) {
    auto const aside = [](fs::path const& what) { return fs::path(what.string() + ".before-pairing"); };
    std::vector<fs::path> moved;
    auto const put_back = [&] {
        for (auto const& what : moved) {
            std::error_code why;
            fs::rename(aside(what), what, why);
        }
    };
    std::error_code ignored;
    fs::copy_file(config_dir / "cluster.toml", aside(config_dir / "cluster.toml"), fs::copy_options::overwrite_existing,
                  ignored); // replication writes it anew
    for (auto const& what : {state_dir / "servers.json", state_dir / "confirmation.json", state_dir / "generations"}) {
        std::error_code why;
        fs::remove_all(aside(what), why);
        fs::rename(what, aside(what), why);
        if (!why) {
            moved.push_back(what);
        } else if (why != std::errc::no_such_file_or_directory) {
            put_back();
            return failed(what, why);
        }
    }
    auto joined = join_pair(config_dir, pair, key);
    if (!joined) {
        put_back();
    }
    return joined;
}

balance::result<> leave_pair(fs::path const& config_dir) {
    // The keys first: without them the other file does not count.
    if (auto removed = cluster::key_store::remove(config_dir); !removed) {
        return removed;
    }
    std::error_code why;
    fs::remove(config_dir / "pair.toml", why);
    if (why) {
        return balance::make_error(balance::errc::io_error,
                                   (config_dir / "pair.toml").string() + " cannot be removed: " + why.message());
    }
    return {};
}

balance::result<> leave_pair_empty(fs::path const& config_dir, fs::path const& state_dir) {
    auto const aside = [](fs::path const& what) { return fs::path(what.string() + ".before-unpairing"); };
    auto const cluster = config_dir / "cluster.toml";
    std::error_code why;
    fs::copy_file(cluster, aside(cluster), fs::copy_options::overwrite_existing, why);
    if (why && why != std::errc::no_such_file_or_directory) {
        return failed(cluster, why);
    }
    if (auto written =
            replace_file(cluster, "# What was here is in cluster.toml.before-unpairing.\nformat = 1\n", 0644);
        !written) {
        return written;
    }
    for (auto const& what : {state_dir / "servers.json", state_dir / "confirmation.json", state_dir / "generations"}) {
        fs::remove_all(aside(what), why);
        fs::rename(what, aside(what), why);
        if (why && why != std::errc::no_such_file_or_directory) {
            return failed(what, why);
        }
    }
    return leave_pair(config_dir);
}

} // namespace dyad
