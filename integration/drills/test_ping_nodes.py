# SPDX-License-Identifier: Apache-2.0
"""A node that no ping node answers may be the one that is cut off: with no_takeover_without_ping it takes nothing."""

import time

import pytest
from lab.wait import stays, until
from scene import ONE_OWNER_HARD, SERVED_AGAIN, Scene


@pytest.fixture
def scene():
    with Scene() as made:
        nodes = [host.address() for host in (*made.lab.clients, *made.lab.real_servers)]   # an observer asks under made-up MAC addresses: answers to it go astray
        text = made.cluster_text(ping_nodes=nodes, no_takeover_without_ping=True)
        for node in made.pair.nodes:
            node.write("cluster.toml", text)
        yield made.start().watch()


def answering(node):
    return node.status()["pings"]["answering"]


def cut_off(node):
    """Nobody sees a carrier go."""
    for port in node.host.ports.values():
        port.drop()
    return time.monotonic_ns()


def heal(node):
    for port in node.host.ports.values():
        port.heal()
    return time.monotonic_ns()


def test_a_passive_node_that_is_cut_off_stays_passive(scene):
    """Its last regular pings were answered a moment ago, and tell nothing of now."""
    active, passive = scene.pair.active, scene.pair.passive
    until(lambda: answering(passive) == 3, 5, "all ping nodes answer", describe=scene.pair.describe)
    before = active.status()["node"]["epoch"]
    event = cut_off(passive)
    until(lambda: passive.status()["node"]["held_back"], 2, "it says that it is held back", describe=scene.pair.describe)
    assert answering(passive) == 3, "the regular pings have not noticed yet, so they are not what held it back"
    stays(lambda: passive.state == "passive", 10, "it takes nothing", describe=scene.pair.describe)
    assert "HELD BACK" in passive.dyad("status", check=False).stdout
    assert [e["text"] for e in passive.events() if e["kind"] == "isolation"]
    assert active.status()["node"]["epoch"] == before and scene.web.longest_gap(event) < 200
    heal(passive)
    scene.pair.settle()
    assert not passive.status()["node"]["held_back"]
    assert active.state == "active" and active.status()["node"]["epoch"] == before
    assert not scene.conflicts(event)


def test_with_an_answering_ping_node_no_time_is_lost(scene):
    active, passive = scene.pair.active, scene.pair.passive
    until(lambda: answering(passive) == 3, 5, "all ping nodes answer", describe=scene.pair.describe)
    event = active.kill()
    scene.looks_well(event, passive, one_owner_from=ONE_OWNER_HARD)


def test_one_ping_node_of_three_is_enough(scene):
    active, passive = scene.pair.active, scene.pair.passive
    for host in scene.lab.real_servers:
        host.ports["eth0"].drop()
    until(lambda: answering(passive) == 1, 6, "one ping node is left", describe=scene.pair.describe)
    event = time.monotonic_ns()
    active.kill()
    until(lambda: passive.state == "active", 3, "it takes over", describe=scene.pair.describe)
    assert (time.monotonic_ns() - event) / 1e6 <= SERVED_AGAIN


def test_an_isolated_owner_keeps_the_addresses(scene):
    """Whoever sets the option wants nobody rather than both to take; what is served is not given up for it."""
    active, passive = scene.pair.active, scene.pair.passive
    for host in (*scene.lab.clients, *scene.lab.real_servers):
        host.ports["eth0"].drop()
    until(lambda: answering(active) == 0 and answering(passive) == 0, 6, "no ping node is left", describe=scene.pair.describe)
    passive.kill()
    stays(lambda: active.state == "active", 3, "it keeps them", describe=scene.pair.describe)
