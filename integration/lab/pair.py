# SPDX-License-Identifier: Apache-2.0
"""The two nodes of a lab as one: made, started, settled, looked at."""

import secrets

from . import conf
from .node import Node, Refused
from .wait import until


class Pair:
    """`primary` on the first node of the lab, `secondary` on the second. `cluster` is the text of cluster.toml."""

    def __init__(self, lab, cluster, links=None, node_extra=""):
        first, second = lab.nodes[:2]
        self.lab = lab
        self.primary, self.secondary = Node(first, "primary"), Node(second, "secondary")
        key = secrets.token_hex(32) + "\n"
        for node, peer in ((self.primary, self.secondary), (self.secondary, self.primary)):
            node.write("node.toml", conf.node(node.host, peer.host, node.role, links, node_extra))
            node.write("cluster.toml", cluster)
            node.write("cluster.key", key, 0o600)

    @property
    def nodes(self):
        return [self.primary, self.secondary]

    def start(self, within=15.0):
        for node in self.nodes:
            node.start(within=None)
        for node in self.nodes:
            until(node.answers, within, f"{node.name} answers", describe=node.log_text)
        self.settle(within)
        return self

    def settled(self):
        """One active, one passive, both well, agreed on the configuration."""
        try:
            said = [n.status() for n in self.nodes]
        except (OSError, Refused):
            return False
        return (sorted(s["node"]["state"] for s in said) == ["active", "passive"] and
                all(s["peer"] and s["peer"]["alive"] and s["peer"]["ready"] and s["node"]["ready"] and s["service_ok"] and
                    s["config"]["in_sync"] for s in said))

    def settle(self, within=15.0):
        until(self.settled, within, "the pair is one active and one passive node, both well and in sync", every=0.02,
              describe=self.describe)

    def up(self, *services, within=10.0):
        """Until every server of these services (all layer-7 ones without a name) is up on both nodes."""
        def all_up():
            try:
                said = [node.status() for node in self.nodes]
            except OSError:
                return False
            for status in said:
                chosen = [s for s in status["services"] if s["name"] in services or (not services and s["layer"] == 7)]
                if not chosen or any(x["health"] != "up" for s in chosen for x in s["servers"]):
                    return False
            return True
        until(all_up, within, "all real servers are up on both nodes", every=0.02, describe=self.describe)

    @property
    def active(self):
        return next(n for n in self.nodes if n.state == "active")

    @property
    def passive(self):
        return next(n for n in self.nodes if n.state == "passive")

    def other(self, node):
        return self.secondary if node is self.primary else self.primary

    def make_active(self, node):
        """Hands over if it is not the active one yet."""
        if node.state != "active":
            self.other(node).call("POST", "/v1/handover")
            self.settle()

    def describe(self):
        return "\n".join(n.describe() for n in self.nodes)
