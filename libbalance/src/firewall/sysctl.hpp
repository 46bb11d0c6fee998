// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "core/plan_desired.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace balance::firewall {

/// A kernel setting of this network namespace.
struct sysctl {
    std::string name; ///< "net.ipv4.ip_forward"; a dot in an interface's name is written as a slash
    std::string value;
    std::string why{}; ///< what it is for, for people
    /// What does not work without it, for services in mode nat; empty for settings without which all is served.
    std::string without{};

    bool operator==(sysctl const&) const = default;
};

/// An interface and a network that it is in.
struct interface_network {
    std::string interface;
    balance::address address;
    unsigned prefix = 0;
};

/// Is an IPv4 address in that network? Pure.
bool contains(interface_network const& n, address const& a);
/// An interface's name as it stands in a setting's: "eth1/7" for eth1.7. Pure.
std::string as_sysctl(std::string interface);

/// The settings that the services need; `hold` as in `layer4::hold_unknown`. Pure.
std::vector<sysctl> needed_sysctls(ipvs::desired_table const& desired, std::vector<interface_network> const& networks,
                                   bool hold = false);

/// The value of a setting now; empty when this kernel does not have it.
std::string current_sysctl(std::string const& name, std::filesystem::path const& root = "/proc/sys");

/// The networks of this machine's interfaces.
std::vector<interface_network> local_networks();

/// Writes settings where they differ; those that this kernel does not have are passed over.
class sysctl_writer {
public:
    explicit sysctl_writer(std::filesystem::path root = "/proc/sys") : root_(std::move(root)) {}

    struct outcome {
        std::vector<std::string> done;   ///< "sysctl net.ipv4.ip_forward 0 -> 1"
        std::vector<std::string> failed; ///< with the remedy; each said once in this object's life
        std::string unserved;            ///< why services in mode nat are not served; empty when they are
    };

    outcome apply(std::vector<sysctl> const& wanted);

    /// What this object has set is again as it was before, where nobody else has set it meanwhile.
    void reset();

private:
    struct written {
        std::string before;
        std::string value;
    };

    std::filesystem::path root_;
    std::map<std::string, written> written_; ///< by name
    std::set<std::string> said_;
};

} // namespace balance::firewall
