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
    void add_service(std::string const& name, std::string text) { out_.push_back({grade::fault, name, {}, std::move(text), {}}); }
    std::vector<balance::finding> take() { return std::move(out_); }

private:
    std::vector<balance::finding> out_;
};

void judge_links(overview const& o, list& out) {
    auto const& links = o.node.links;
    if (links.empty()) {
        out.add(grade::warning, "this node runs alone: nobody takes over when it dies",
                "`dyad keygen`, cluster.key on both nodes, the links in node.toml");
        return;
    }
    for (auto const& link : links) {
        auto const name = "link " + link.name;
        if (!link.usable) {
            out.add(grade::fault, name + " cannot be used: its interface has no carrier or not the local address",
                    "compare [link." + link.name + "] of node.toml with `ip address`");
        } else if (!link.alive) {
            out.add(grade::fault, name + " is silent: nothing comes from the peer",
                    "is UDP port 6694 open on both nodes, and does the peer's node.toml name the same link?");
        } else if (!link.peer_hears) {
            out.add(grade::fault, name + " works one way only: the peer does not hear this node on it",
                    "let UDP port 6694 through to the peer");
        } else {
            out.add(grade::fine, name + " is alive both ways");
        }
    }
    if (links.size() == 1) {
        out.add(grade::warning, "there is one link only: when it fails, both nodes become active",
                "name a second one, over other cables and switches, in node.toml of both nodes");
    }
}

void judge_configuration(overview const& o, list& out) {
    if (!o.edited.empty()) {
        out.add(grade::warning, o.edited, "`dyad plan`, then `dyad apply`");
    }
    if (o.replication != nullptr && !o.replication->connected) {
        out.add(grade::fault, "the configuration is not replicated: " + o.replication->last_error,
                "is TCP port 7778 open on both nodes?");
    } else if (o.replication != nullptr && !o.replication->in_sync) {
        out.add(grade::fault, "the peer runs another configuration than this node: " + o.replication->last_error,
                "`dyad apply` on the primary");
    } else if (o.replication != nullptr) {
        out.add(grade::fine, "both nodes run the same configuration");
    }
    if (!o.relay_error.empty()) {
        out.add(grade::fault, "layer-4 connections would not survive a failover: " + o.relay_error);
    }
    for (auto const& [where, why] : o.not_listening) {
        out.add(grade::fault, "nobody listens on " + where + ": " + why);
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
                out.add_service(s.name, "is not served: " + s.not_served);
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
    std::erase_if(first, [&](auto const& f) { return !service.empty() && f.service != service; });
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
