// SPDX-License-Identifier: Apache-2.0
#include "cluster/pair_findings.hpp"

#include <algorithm>
#include <utility>

namespace dyad {

namespace {

using grade = balance::finding::grade;

class list {
public:
    void add(grade g, std::string text, std::string remedy = {}) {
        out_.push_back({g, {}, {}, std::move(text), std::move(remedy)});
    }
    /// What an error says, with its remedy.
    void add_fault(std::string sentence) { add_not_served({}, std::move(sentence)); }
    void add_not_served(std::string const& service, std::string sentence) {
        out_.push_back(balance::make_finding(grade::fault, service, std::move(sentence)));
    }
    std::vector<balance::finding> take() { return std::move(out_); }

private:
    std::vector<balance::finding> out_;
};

bool is_heard(overview const& o) {
    return std::any_of(o.node.links.begin(), o.node.links.end(), [](auto const& link) { return link.alive; });
}

/// Of a peer that is heard on another link.
void judge_link(cluster::link_status const& link, std::string const& port, list& out) {
    auto const name = "link " + link.name;
    if (!link.alive) {
        out.add(grade::warning, name + " is silent: nothing comes from the peer on it",
                "is UDP port " + port + " open on both nodes, and does the peer's node.toml name the same link?");
    } else if (!link.peer_hears) {
        out.add(grade::fault, name + " works one way only: the peer does not hear this node on it",
                "let UDP port " + port + " through to the peer");
    } else {
        out.add(grade::fine, name + " is alive both ways");
    }
}

void judge_links(overview const& o, list& out) {
    auto const& links = o.node.links;
    if (links.empty()) {
        out.add(grade::warning, "this node runs alone: nobody takes over when it dies",
                "`dyad keygen`, cluster.key on both nodes, the links in node.toml");
        return;
    }
    auto const port = std::to_string(o.self.heartbeat_port);
    for (auto const& link : links) {
        if (!link.usable) {
            out.add(grade::fault, "link " + link.name + " cannot be used: its interface has no carrier or not the local address",
                    "compare [link." + link.name + "] of node.toml with `ip address`");
        } else if (is_heard(o)) {
            judge_link(link, port, out);
        }
    }
    if (!is_heard(o)) {
        out.add(grade::fault, "the peer is not heard: it is off, or Dyad does not run there, or nothing gets through",
                "start it; is UDP port " + port + " open on both nodes, and do both node.toml name the same links?");
    }
    if (links.size() == 1) {
        out.add(grade::warning, "there is one link only: when it fails, both nodes become active",
                "name a second one, over other cables and switches, in node.toml of both nodes");
    }
}

/// A peer that is not heard is said already.
void judge_replication(overview const& o, list& out) {
    if (o.replication == nullptr || (!o.replication->connected && !is_heard(o))) {
        return;
    }
    auto const reason = o.replication->last_error.empty() ? std::string() : ": " + o.replication->last_error;
    if (!o.replication->connected) {
        out.add(grade::fault, "the configuration is not replicated" + reason,
                "is TCP port " + std::to_string(o.self.replication_port) + " open on both nodes?");
    } else if (!o.replication->in_sync) {
        out.add(grade::fault, "the peer runs another configuration than this node" + reason, "`dyad apply` on the primary");
    } else {
        out.add(grade::fine, "both nodes run the same configuration");
    }
}

void judge_configuration(overview const& o, list& out) {
    if (!o.edited.empty()) {
        out.add(grade::warning, o.edited, "`dyad plan`, then `dyad apply`");
    }
    judge_replication(o, out);
    if (!o.relay_error.empty()) {
        out.add_fault("layer-4 connections would not survive a failover: " + o.relay_error);
    }
    for (auto const& [where, why] : o.not_listening) {
        out.add_fault("nobody listens on " + where + ": " + why);
    }
    for (bool const peer : {false, true}) {
        if (peer ? !o.node.links.empty() && o.node.peer.maintenance : o.node.maintenance) {
            out.add(grade::warning, std::string(peer ? "the peer" : "this node") + " is in maintenance and will not take over",
                    "`dyad maintenance off` there");
        }
    }
}

} // namespace

std::vector<balance::finding> pair_findings(overview const& o) {
    list out;
    judge_links(o, out);
    judge_configuration(o, out);
    for (auto const* services : {&o.layer4, &o.layer7}) {
        for (auto const& s : *services) {
            if (!s.not_served.empty()) {
                out.add_not_served(s.name, "is not served: " + s.not_served);
            }
        }
    }
    return out.take();
}

std::vector<balance::finding> merged(std::vector<balance::finding> first, std::vector<balance::finding> const& then,
                                     std::string const& service) {
    for (auto const& f : then) {
        if (std::find(first.begin(), first.end(), f) == first.end()) {
            first.push_back(f);
        }
    }
    std::erase_if(first, [&](auto const& f) { return !balance::concerns(f, service); });
    return first;
}

boost::json::array to_json(std::vector<balance::finding> const& findings) {
    boost::json::array out;
    for (auto const& f : findings) {
        out.push_back(boost::json::object{{"grade", balance::to_string(f.is)},
                                          {"service", f.service},
                                          {"server", f.server},
                                          {"text", f.text},
                                          {"remedy", f.remedy}});
    }
    return out;
}

} // namespace dyad
