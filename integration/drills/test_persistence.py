# SPDX-License-Identifier: Apache-2.0
"""What operators see of persistence, and that a client who was cleared is cleared on both nodes, also when one was away."""

import json

import pytest
from lab.probe import fetch
from lab.wait import until
from scene import WEB, Scene


@pytest.fixture
def scene():
    with Scene() as made:
        text = made.text.replace('address = "10.77.0.100"', 'address = "10.77.0.100"\npersistence = { mode = "source_ip", timeout = "10m" }')
        text = text.replace('address = "10.77.0.102"', 'address = "10.77.0.102"\npersistence = { mode = "source_ip", timeout = "10m" }')
        assert text.count("persistence") == 2, text
        for node in made.pair.nodes:
            node.write("cluster.toml", text)
        yield made.start()


def shown(node, *arguments):
    return json.loads(node.dyad("--json", "persistence", "show", *arguments).stdout)["entries"]


def servers(node):
    return {e["client"]: e["server"] for e in shown(node, "web")}


def agree(scene, wanted):
    until(lambda: all(servers(n) == wanted for n in scene.pair.nodes), 3, f"both nodes know {wanted}",
          describe=lambda: str([servers(n) for n in scene.pair.nodes]))


def other(server):
    return {"rs1": "rs2", "rs2": "rs1"}[server]


def test_entries_are_shown_and_cleared_on_both_nodes(scene):
    pair = scene.pair
    address = scene.client.address("eth0")
    first = fetch(scene.client, WEB)
    agree(scene, {address: first})
    assert all(fetch(scene.client, WEB) == first for _ in range(4))
    entry = shown(pair.active)[0]
    assert entry["service"] == "web" and 590_000 < entry["remaining_ms"] <= 600_000, entry
    table = pair.passive.dyad("persistence", "show").stdout
    assert "SERVICE" in table and address in table and "ipvsadm -Lnc" in table and "images" in table, table

    refused = pair.active.dyad("persistence", "clear", "images", check=False)
    assert refused.returncode == 1 and "kernel" in refused.stderr, refused
    refused = pair.active.dyad("persistence", "clear", "dicom", check=False)
    assert refused.returncode == 1 and "no persistence" in refused.stderr, refused
    assert pair.active.dyad("persistence", "clear", "none", check=False).returncode == 1
    assert "0 entries" in pair.active.dyad("persistence", "clear", "web", "10.77.0.99").stdout
    agree(scene, {address: first})

    # Asked of the node that serves nobody: its peer's relay forgets the client all the same.
    said = pair.passive.dyad("persistence", "clear", "web", address).stdout
    assert said == "1 entry cleared, on the peer too\n", said
    agree(scene, {})
    trail = [e["text"] for e in pair.passive.call("GET", "/v1/events?after=0&audit=1")["events"]]
    assert f"persistence of web for {address}: 1 entry cleared" in trail, trail

    # The one it had drains, so that a relay that had not forgotten would still lead there.
    pair.primary.dyad("drain", f"web/{first}")
    until(lambda: fetch(scene.client, WEB) == other(first), 3, "the client is balanced anew", describe=pair.describe)
    agree(scene, {address: other(first)})


def test_what_was_cleared_does_not_come_back_with_the_peer(scene):
    pair = scene.pair
    address = scene.client.address("eth0")
    agree(scene, {address: fetch(scene.client, WEB)})
    passive = pair.passive
    for port in ("hb1", "hb2"):
        pair.active.host.ports[port].drop()
    until(lambda: not pair.primary.status()["config"]["replication"]["connected"], 30, "replication is cut", every=0.1)
    said = pair.primary.dyad("persistence", "clear", "web").stdout
    assert said == "1 entry cleared; no peer was told\n", said
    assert servers(pair.secondary) != {}
    for node in pair.nodes:
        for port in ("hb1", "hb2"):
            node.host.ports[port].heal()
    pair.settle(30)
    agree(scene, {})
    assert passive in pair.nodes
    pair.make_active(pair.secondary)
    agree(scene, {})


def test_last_successful_is_the_same_server_on_the_node_that_takes_over():
    """Traffic moves when its server fails, not back when it is well, and not with the addresses: planned, unplanned, after a restart."""
    with Scene() as scene:
        text = scene.text.replace('address = "10.77.0.100"', 'address = "10.77.0.100"\npersistence = { mode = "last_successful" }')
        assert text.count("persistence") == 1, text
        for node in scene.pair.nodes:
            node.write("cluster.toml", text)
        scene.start()
        pair = scene.pair
        first = fetch(scene.client, WEB)
        failing = next(server for server in scene.servers if server.name == first)
        failing.health = "down"
        until(lambda: pair.active.server("web", first)["health"] == "down", 5, "the server is down", describe=pair.describe)
        assert fetch(scene.client, WEB) == other(first)   # not before: whoever is with a server that goes down is cut
        failing.health = "allServicesOperative"
        pair.up("web")

        def stays(when):
            assert {fetch(scene.client, WEB) for _ in range(6)} == {other(first)}, f"{when}\n{pair.describe()}"
        stays("the first server is well again")
        pair.make_active(pair.passive)
        stays("handed over")
        lost = pair.active
        lost.kill()
        until(lambda: pair.other(lost).state == "active", 5, "the other node takes over", describe=pair.describe)
        stays("the active node was lost")
        lost.wait_gone(30)
        lost.start()
        pair.settle(30)
        pair.up("web")
        pair.make_active(lost)
        stays("the node that was lost has taken over again")


def test_clients_are_remembered_over_a_restart_of_both_nodes(scene):
    pair = scene.pair
    address = scene.client.address("eth0")
    server = fetch(scene.client, WEB)
    agree(scene, {address: server})
    for node in pair.nodes:
        node.terminate()
    for node in pair.nodes:
        node.wait_gone()
    pair.start()
    agree(scene, {address: server})
    pair.up("web")
    assert all(fetch(scene.client, WEB) == server for _ in range(4))


def test_a_node_that_was_cut_off_gets_what_it_missed(scene):
    pair = scene.pair
    address = scene.client.address("eth0")
    server = fetch(scene.client, WEB)
    agree(scene, {address: server})
    ports = [pair.secondary.host.ports[p] for p in ("hb1", "hb2")]
    for port in ports:
        port.drop()
    until(lambda: not pair.primary.status()["config"]["replication"]["connected"], 10, "the nodes do not hear each other")
    pair.primary.dyad("persistence", "clear", "web")
    assert servers(pair.primary) == {} and servers(pair.secondary) == {address: server}
    for port in ports:
        port.heal()
    pair.settle()
    until(lambda: all(n.status()["config"]["tables"]["in_sync"] for n in pair.nodes), 5, "the tables are in sync", describe=pair.describe)
    assert servers(pair.secondary) == {}, "what was cleared meanwhile is cleared there, too"
    agree(scene, {address: fetch(scene.client, WEB)})
    assert "persistence 1 client is remembered; the peer has the same" in pair.primary.dyad("status").stdout
