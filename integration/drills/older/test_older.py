# SPDX-License-Identifier: Apache-2.0
"""A pair of two releases: this one, and an older one whose build DYAD_OLDER names. `./check --stage older` builds it from history.

In each drill both ways around: the older release on the primary, or on the secondary.
"""

import os
import time

import pytest
from lab.node import Refused
from lab.probe import fetch
from lab.wait import stays, until
from scene import WEB, Scene

PLANNED = 300       # ms until a request is answered again after a planned move
QUIET = 3           # seconds
NOTICED = ("state", "conflict", "stall", "address", "process")


@pytest.fixture(scope="session")
def older():
    named = os.environ.get("DYAD_OLDER")
    assert named, "DYAD_OLDER names no build directory of an older release: ./check --stage older makes one"
    return os.path.abspath(named)


class Mixed(Scene):
    """The usual stage, where each node may run another release."""

    def __init__(self, older, *roles):
        super().__init__()
        self.older = older
        for node in self.pair.nodes:
            node.build = older if node.role in roles else None

    def weigh(self, weight):
        return self.cluster_text(web_servers={s.name: {"address": s.address, "weight": weight} for s in self.servers})

    def weights(self):
        return [node.server("web", "rs1")["weight"] for node in self.pair.nodes]


@pytest.fixture(params=["primary", "secondary"])
def scene(request, older):
    """`request.param` runs the older release."""
    with Mixed(older, request.param) as made:
        yield made.start()


def notices(node):
    return [e["text"] for e in node.events() if e["kind"] in NOTICED]


def links(pair):
    return [link for node in pair.nodes for link in node.status()["links"]]


def handover(scene):
    old, new = scene.pair.active, scene.pair.passive
    event = time.monotonic_ns()
    old.dyad("handover")
    scene.looks_well(event, new, served_within=PLANNED, observe=0.5)
    scene.pair.settle()


def test_they_hear_each_other_and_stay_as_they_are(scene):
    pair = scene.pair
    for node in pair.nodes:
        assert os.readlink(f"/proc/{node.process.pid}/exe").startswith(scene.older) == bool(node.build)
    until(lambda: all(link["alive"] and link["peer_hears"] for link in links(pair)), 5, "all links live both ways", describe=pair.describe)
    before, lost = [notices(n) for n in pair.nodes], [(link["lost"], link["rejected"]) for link in links(pair)]
    stays(pair.settled, QUIET, "one active, one passive, in sync", every=0.05, describe=pair.describe)
    assert [notices(n) for n in pair.nodes] == before
    assert [(link["lost"], link["rejected"]) for link in links(pair)] == lost


def test_planned_moves_both_ways_from_either_node(scene):
    scene.watch()
    for _ in range(2):
        handover(scene)
    for _ in range(2):
        event, new = time.monotonic_ns(), scene.pair.passive
        new.dyad("takeover")
        scene.looks_well(event, new, served_within=PLANNED, observe=0.5)
        scene.pair.settle()


def test_either_replaces_the_other_when_it_dies_or_is_told_to_end(scene):
    scene.watch()
    for how in ("kill", "terminate"):
        for _ in range(2):
            victim, survivor = scene.pair.active, scene.pair.passive
            event = time.monotonic_ns()
            getattr(victim, how)()
            scene.looks_well(event, survivor, one_owner_from=3000 if how == "kill" else 500, observe=0.5)
            victim.wait_gone()
            victim.start()
            scene.pair.settle()
            assert survivor.state == "active", "who comes back takes nothing"
            scene.pair.up("web", "dicom")


def test_configurations_and_drains_reach_the_other(scene):
    pair = scene.pair
    for active in (pair.secondary, pair.primary):
        pair.make_active(active)
        weight = 7 if active is pair.primary else 8
        pair.primary.apply(scene.weigh(weight))
        until(lambda: scene.weights() == [weight] * 2 and pair.settled(), 5, "in force on both", describe=pair.describe)
        for node in pair.nodes:
            node.dyad("drain", "web/rs1")
            until(lambda: [n.server("web", "rs1")["admin"] for n in pair.nodes] == ["drain"] * 2, 5, "drained on both", describe=pair.describe)
            node.dyad("online", "web/rs1")
            until(lambda: [n.server("web", "rs1")["admin"] for n in pair.nodes] == ["online"] * 2, 5, "online on both", describe=pair.describe)


def test_what_the_other_cannot_run_is_refused_with_the_reason(scene):
    """A key that the older release does not know: neither node runs it, and the pair goes on with what it had."""
    pair = scene.pair
    with pytest.raises(Refused) as refused:
        pair.primary.apply(scene.cluster_text(no_takeover_without_ping=False))
    assert "no_takeover_without_ping" in str(refused.value), refused.value
    if pair.secondary.build:
        assert f"{pair.secondary.name} runs an older release" in str(refused.value), refused.value
    stays(pair.settled, 1, "the pair goes on", every=0.05, describe=pair.describe)
    pair.primary.apply(scene.weigh(9))
    until(lambda: scene.weights() == [9, 9] and pair.settled(), 5, "in force on both", describe=pair.describe)


def test_what_only_this_release_can_do_harms_no_older_peer(scene):
    """Its messages that the other does not know, or knows in part; what needs both is refused."""
    pair, ours = scene.pair, next(node for node in scene.pair.nodes if not node.build)
    assert any("the peer runs an older release" in hint for hint in ours.status()["hints"]), ours.status()["hints"]
    pair.make_active(ours)
    ours.dyad("drain", "web/rs1", "--cut-after", "5m")
    until(lambda: [n.server("web", "rs1")["admin"] for n in pair.nodes] == ["drain"] * 2, 5, "drained on both", describe=pair.describe)
    ours.dyad("online", "web/rs1")
    text = scene.weigh(20).replace(f'address = "{WEB}"\n', f'address = "{WEB}"\npersistence = {{ mode = "source_ip", timeout = "10m" }}\n')
    pair.primary.apply(text)
    server = fetch(scene.client, WEB)
    for node in (pair.other(ours), ours):       # it knows the client, and forgets it
        pair.make_active(node)
        assert fetch(scene.client, WEB) == server
    ours.dyad("persistence", "clear", "web")
    pair.make_active(pair.other(ours))
    assert fetch(scene.client, WEB) in ("rs1", "rs2")
    if ours is pair.primary:
        ours.write("cluster.toml", scene.weigh(30))
        ours.dyad("apply", ours.config_dir, "--confirm", "2s")
        until(lambda: scene.weights() == [20, 20] and pair.settled(), 8, "unconfirmed, it goes back on both", describe=pair.describe)
        ours.dyad("rollback", "1")
        until(lambda: scene.weights() == [100, 100] and pair.settled(), 5, "back on both", describe=pair.describe)
    else:
        done = ours.dyad("promote", check=False)
        assert done.returncode == 1 and "older release" in done.stderr, done
        assert pair.settled()


def replace(scene, node, build):
    """Another release on one node, as docs/OPERATIONS.md says it."""
    node.dyad("maintenance", "on")
    until(lambda: scene.pair.other(node).state == "active" and node.state == "passive", 5, "it has nothing", describe=scene.pair.describe)
    node.terminate()
    node.wait_gone()
    node.build = build
    node.start()
    until(lambda: node.status()["peer"]["alive"], 5, "they hear each other", describe=scene.pair.describe)
    node.dyad("maintenance", "off")
    scene.pair.settle()
    scene.pair.up("web", "dicom")


def test_a_pair_is_upgraded_node_by_node_and_back_again_while_clients_are_served(older):
    with Mixed(older, "primary", "secondary") as scene:
        pair = scene.start().pair
        scene.watch()
        start, weight = time.monotonic_ns(), 10
        for build in (None, older):
            for _ in pair.nodes:
                replace(scene, pair.passive, build)
                until(scene.web.answers, 1, "clients are served")
                weight += 1
                pair.primary.apply(scene.weigh(weight))
                until(lambda: scene.weights() == [weight] * 2 and pair.settled(), 5, "in force on both", describe=pair.describe)
                handover(scene)
            if build is None:
                assert not [h for n in pair.nodes for h in n.status()["hints"] if "the peer runs" in h]
        assert not scene.conflicts(start)
        assert scene.web.longest_gap(start) <= PLANNED, scene.web.errors(start)[-5:]
        assert scene.udp.longest_gap(start) <= PLANNED
        assert [n.status()["config"]["generation"] for n in pair.nodes] == [5, 5]


def test_an_older_release_does_not_start_on_a_configuration_that_it_cannot_read(older):
    """It says what it does not know; with the newer release it gets one that both can read, and then the older one starts."""
    with Mixed(older) as scene:
        pair = scene.start().pair
        pair.primary.apply(scene.cluster_text(no_takeover_without_ping=False))
        pair.secondary.terminate()
        pair.secondary.wait_gone()
        pair.secondary.build = older
        pair.secondary.start(within=None)
        assert pair.secondary.wait_gone() != 0
        assert 'unknown key "no_takeover_without_ping"' in pair.secondary.log_text()
        assert pair.primary.state == "active"
        pair.primary.apply(scene.text)
        for build in (None, older):
            pair.secondary.build = build
            pair.secondary.start()
            pair.settle()
            pair.secondary.terminate()
            pair.secondary.wait_gone()
