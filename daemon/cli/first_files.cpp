// SPDX-License-Identifier: Apache-2.0
#include <cli/first_files.hpp>

#include <algorithm>
#include <set>

namespace dyad::cli {
namespace {

/// The part of a host name that `name` may be.
std::string node_name(std::string const& hostname) {
    auto out = hostname.substr(0, hostname.find('.')).substr(0, 63);
    std::erase_if(out, [](unsigned char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
    });
    return out.empty() ? "lb1" : out;
}

} // namespace

std::string first_node_file(machine const& m) {
    std::string out =
        "# This node alone; never copied to the peer. docs/CONFIGURATION.md explains every key.\n"
        "format = 1\n"
        "name = \"" +
        node_name(m.hostname) +
        "\"\n"
        "role = \"primary\"                       # `dyad pair` makes the other node the secondary\n"
        "\n"
        "# Heartbeat links: one table for every path to the peer, at least two are wise. Take away the # and fill in\n"
        "# the peer's address, on both nodes with the same names. Without any, `dyad pair` makes one.\n";
    std::set<std::string> named;
    for (auto const& a : m.addresses) {
        if (named.insert(a.interface).second) {
            out += "#\n# [link.\"" + a.interface + "\"]\n# interface = \"" + a.interface + "\"\n# local = \"" +
                   a.address.to_string() +
                   "\"\n# peer = \"\"                            # the other node's address in this network\n";
        }
    }
    if (named.empty()) {
        out += "#\n# [link.data]\n# interface = \"eth0\"\n# local = \"192.0.2.11\"\n# peer = \"192.0.2.12\"\n";
    }
    return out;
}

std::string first_cluster_file(machine const& m) {
    auto const first =
        std::find_if(m.addresses.begin(), m.addresses.end(), [](auto const& a) { return a.address.is_v4(); });
    auto const near = first == m.addresses.end() ? std::string("192.0.2.11") : first->address.to_string();
    return "# What the pair does; the same on both nodes. Edit it on the primary and run `dyad apply`.\n"
           "# docs/CONFIGURATION.md explains every key.\n"
           "format = 1\n"
           "\n"
           "[heartbeat]\n"
           "keepalive = \"100ms\"                    # times carry their unit: ms s m h\n"
           "deadtime = \"500ms\"                     # silence on every link after which the peer is dead\n"
           "auto_failback = false\n"
           "# ping_nodes = [\"\"]                     # a router that both nodes see\n"
           "\n"
           "# A virtual service: a free address in the network of " +
           near +
           ", and the machines behind it.\n"
           "#\n"
           "# [service.Web]\n"
           "# mode = \"tcp\"                          # a proxy; dr, nat, … balance in the kernel\n"
           "# address = \"\"\n"
           "# ports = [80]\n"
           "# balance = \"wrr\"\n"
           "# check = { type = \"connect\" }\n"
           "#\n"
           "# [service.Web.server.web1]\n"
           "# address = \"\"\n"
           "#\n"
           "# [service.Web.server.web2]\n"
           "# address = \"\"\n";
}

} // namespace dyad::cli
