# SPDX-License-Identifier: Apache-2.0
"""`dyad drain --cut-after`: what a drained server still has on layer 7 ends in time, and what others have goes on."""

import types

import pytest
from lab import Lab, Node, conf
from lab.node import Refused
from lab.server import RealServer
from lab.wait import stays, until

WEB, ECHO = "10.77.0.100", 7


@pytest.fixture
def site():
    with Lab(heartbeat_links=0, nodes=1, real_servers=2, clients=1, observers=0) as lab:
        for host in lab.real_servers:
            RealServer(host, ports=(), echo=(ECHO,))
        node = Node(lab.nodes[0], "primary")
        node.write("node.toml", conf.alone(lab.nodes[0]))
        node.write("cluster.toml", conf.cluster(conf.service("web", WEB, ECHO, {h.name: h.address() for h in lab.real_servers})))
        node.start()
        until(lambda: all(node.server("web", h.name)["health"] == "up" for h in lab.real_servers), 5, "both are up", describe=node.describe)
        yield types.SimpleNamespace(lab=lab, node=node)


def alive(connection):
    try:
        connection.sendall(b"x")
        return connection.recv(1) == b"x"
    except OSError:
        return False


def test_connections_end_when_the_time_is_over(site):
    lab, node = site.lab, site.node
    client = lab.clients[0]
    connections = []
    for _ in range(4):
        connection = client.socket()
        connection.settimeout(5)
        connection.connect((WEB, ECHO))
        while connection.recv(1) != b"\n":   # the server's name
            pass
        assert alive(connection)
        connections.append(connection)
    name = lab.real_servers[0].name
    until(lambda: node.server("web", name)["active"] == 2, 5, "two are its own", describe=node.describe)
    said = node.dyad("drain", f"web/{name}", "--cut-after", "2500ms").stdout
    assert "cut after 2500ms" in said
    stays(lambda: all(alive(c) for c in connections), 1.5, "all go on meanwhile", every=0.1, describe=node.describe)
    until(lambda: sum(map(alive, connections)) == 2, 6, "the drained server's are cut", every=0.1, describe=node.describe)
    assert node.server("web", name)["admin"] == "drain"
    assert any("its time to drain is over" in e["text"] for e in node.events())
    stays(lambda: sum(map(alive, connections)) == 2, 1, "the other server's go on", every=0.1, describe=node.describe)


def test_only_a_time_is_one(site):
    node = site.node
    for words in (["drain", "web/rs1", "--cut-after", "soon"], ["drain", "web/rs1", "--cut-after", "0s"], ["halt", "web/rs1", "--cut-after", "5m"]):
        assert node.dyad(*words, check=False).returncode == 2, words
    with pytest.raises(Refused) as refused:
        node.servers("halt", service="web", server="rs1", cut_after_ms=5)
    assert refused.value.status == 400
