# SPDX-License-Identifier: Apache-2.0
"""What both nodes know of the servers: a take-over goes to servers that are up and changes nobody's health, also when the node that
takes over has just been started; the passive node checks more slowly, and where the two do not agree an operator is told."""

import time

import pytest
from lab import HttpProbe, Lab, Pair, RealServer, conf
from lab.wait import stays, until
from scene import SERVED_AGAIN

WEB = "10.77.0.100"
FACTOR = 5


class Site:
    """A pair in front of two servers, of which the check asks for a page that may take its time."""

    def __init__(self, lab, interval="200ms", factor=FACTOR):
        self.lab = lab
        self.servers = [RealServer(h) for h in lab.real_servers]
        check = '{ type = "http", request = "/health", timeout = "20s" }'
        text = conf.cluster(conf.service("web", WEB, 80, {s.name: s.address for s in self.servers}, mode="http", check=check),
                            f"[checks]\npassive_factor = {factor}\n", check_interval=interval)
        self.pair = Pair(lab, text).start()
        self.pair.up()

    def is_known(self, node, *health):
        """`health` of the two servers, as that node sees it."""
        until(lambda: tuple(node.server("web", s.name)["health"] for s in self.servers) == health, 10, f"{health} on {node.name}",
              describe=node.describe)


@pytest.fixture
def lab():
    with Lab(heartbeat_links=1, real_servers=2, clients=1, observers=0) as made:
        yield made


def health_events(node, since=0):
    return [e["text"] for e in node.events() if e["kind"] == "health" and e["id"] > since]


def last_event(node):
    return max(e["id"] for e in node.events())


def takes_over_without_a_flap(site, new, old, server):
    """The active node dies; every answer is `server`'s, and soon. No server's health changes."""
    probe = HttpProbe(site.lab.clients[0], WEB, timeout=1.0)
    until(lambda: probe.answers(), 3, "the client is served", describe=site.pair.describe)
    before = last_event(new)
    killed = old.kill()
    until(lambda: new.state == "active", 5, "the other node is active", describe=new.describe)
    until(lambda: len(probe.answers(since=killed + SERVED_AGAIN * 1_000_000)) >= 50, 10, "the client is served again",
          describe=new.describe)
    assert probe.served_after(killed) <= SERVED_AGAIN, probe.errors(killed)[-3:]
    assert {answer[2] for answer in probe.answers(killed)} == {server.name}
    assert not probe.errors(killed + SERVED_AGAIN * 1_000_000), probe.errors(killed)[-3:]
    assert health_events(new, before) == [], "nobody's health changes with the node"


def test_the_first_answers_after_a_take_over_come_from_servers_that_are_up(lab):
    site = Site(lab)
    up, down = site.servers
    old, new = site.pair.active, site.pair.passive
    down.stop()
    for node in site.pair.nodes:
        site.is_known(node, "up", "down")
    takes_over_without_a_flap(site, new, old, up)
    before = last_event(new)
    down.start()
    site.is_known(new, "up", "up")
    assert [text.split(":")[0] for text in health_events(new, before)] == [f"web/{down.name} is up"]


def test_a_node_that_was_just_started_knows_what_the_active_one_knew(lab):
    """Its own first check takes far longer than it has."""
    site = Site(lab)
    up, down = site.servers
    old, new = site.pair.active, site.pair.passive
    down.stop()
    for node in site.pair.nodes:
        site.is_known(node, "up", "down")
    new.terminate()
    assert new.wait_gone() == 0
    up.health_delay = 15.0
    new.start()
    site.pair.settle()
    site.is_known(new, "up", "down")
    assert new.server("web", up.name)["reason"].startswith("found by the other node: "), new.describe()
    takes_over_without_a_flap(site, new, old, up)
    assert new.server("web", up.name)["reason"].startswith("found by the other node: "), "its own first check is not over"
    assert len(health_events(new)) <= 2, health_events(new)


def test_the_passive_node_checks_less_often_and_the_full_rate_moves_with_the_addresses(lab):
    site = Site(lab)
    server = site.servers[0]

    def rates(node):
        """Checks of the active node, and of the other, in the same time."""
        server.checks_by.clear()
        active, passive = node.host.address(), site.pair.other(node).host.address()
        until(lambda: server.checks_by[active] >= 40, 30, "forty checks of the active node", describe=node.describe)
        return server.checks_by[passive]

    first, second = site.pair.active, site.pair.passive
    slow = rates(first)
    assert 40 / FACTOR / 2 <= slow <= 40 / FACTOR * 2, slow
    first.dyad("handover")
    site.pair.settle()
    assert second.state == "active"
    slow = rates(second)
    assert 40 / FACTOR / 2 <= slow <= 40 / FACTOR * 2, slow


def test_what_the_active_node_finds_the_passive_one_looks_into_at_once(lab):
    site = Site(lab, interval="1s", factor=60)
    passive = site.pair.passive
    site.servers[1].stop()
    site.is_known(site.pair.active, "up", "down")
    found = time.monotonic()
    site.is_known(passive, "up", "down")
    assert time.monotonic() - found < 5, "its own turn comes once a minute"
    assert "refused" in passive.server("web", site.servers[1].name)["reason"], "it has looked itself"


def test_an_operator_sees_where_the_nodes_do_not_agree(lab):
    site = Site(lab)
    active, passive = site.pair.active, site.pair.passive
    server = site.servers[0]
    until(lambda: active.server("web", server.name)["peer_health"] == "up", 10, "the passive node has told", describe=active.describe)
    passive.host.run(["ip", "route", "add", "unreachable", f"{server.address}/32"])
    site.is_known(passive, "down", "up")
    until(lambda: active.server("web", server.name)["peer_health"] == "down", 5, "the active node has heard of it", describe=active.describe)
    stays(lambda: active.server("web", server.name)["health"] == "up", 1, "its own checks decide", every=0.1, describe=active.describe)
    assert "down on the peer: " in active.dyad("status").stdout
    assert "up on the peer" in passive.dyad("status").stdout
    assert "down: " in active.dyad("status", f"web/{server.name}").stdout
    for node in site.pair.nodes:
        assert f"the nodes find servers in different health: web/{server.name} is" in " ".join(node.status()["hints"]), node.describe()
    passive.host.run(["ip", "route", "del", "unreachable", f"{server.address}/32"])
    for node in site.pair.nodes:
        until(lambda: node.server("web", server.name)["peer_health"] == node.server("web", server.name)["health"] == "up", 10, "they agree again",
              describe=node.describe)
        assert "different health" not in " ".join(node.status()["hints"])
