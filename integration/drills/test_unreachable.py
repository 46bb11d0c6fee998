# SPDX-License-Identifier: Apache-2.0
"""A machine that cannot be reached for a while: its checks fail, say why, and succeed as soon as it is back."""

from lab import Lab, Node, RealServer, conf
from lab.wait import until

VIP = "10.77.0.100"
UNANSWERED = 8   # seconds within which the kernel finds out that nobody answers for an address


def test_a_machine_that_is_gone_and_comes_back():
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=0, observers=0) as lab:
        server = RealServer(lab.real_servers[0])
        checks = {"http": conf.health(), "connect": '{ type = "connect" }', "mixed": conf.health().removesuffix("}") + ", connects = 3 }"}
        node = Node(lab.nodes[0], "primary")
        node.write("node.toml", conf.alone(node.host))
        node.write("cluster.toml", conf.cluster(*(conf.service(name, VIP, 8000 + i, {server.name: {"address": server.address, "port": 80}},
                                                               check=check) for i, (name, check) in enumerate(checks.items()))))
        node.start()

        def everywhere(health, reason):
            said = [node.server(name, server.name) for name in checks]
            return all(s["health"] == health and reason in s["reason"] for s in said)

        until(lambda: everywhere("up", ""), 10, "all are up", describe=node.describe)
        for _ in range(2):
            server.host.ip("link", "set", "eth0", "down")
            node.host.ip("neigh", "flush", "all")   # else it tries for long to reach whom it reached a moment ago
            until(lambda: everywhere("down", "no route to host"), UNANSWERED, "all are down, and say why", describe=node.describe)
            server.host.ip("link", "set", "eth0", "up")
            until(lambda: everywhere("up", ""), UNANSWERED, "all are up again", describe=node.describe)
