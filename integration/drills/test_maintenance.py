# SPDX-License-Identifier: Apache-2.0
"""A node in maintenance does not become active, whatever happens, until it is told otherwise."""

import time

from lab.wait import stays, until
from scene import WEB


def test_maintenance_of_the_active_node_hands_over_and_lasts(scene):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = time.monotonic_ns()
    old.dyad("maintenance", "on")
    scene.looks_well(event, new, served_within=300)
    assert old.status()["node"]["maintenance"] and new.status()["peer"]["maintenance"]
    assert "maintenance" in old.dyad("status").stdout

    refused = old.dyad("takeover", check=False)
    assert refused.returncode == 1 and "maintenance" in refused.stderr, refused

    old.terminate()
    old.wait_gone()
    old.start()
    assert old.status()["node"]["maintenance"], "kept over a restart"
    until(lambda: old.status()["peer"]["alive"], 5, "the peer is heard", describe=old.describe)
    new.kill()
    stays(lambda: old.state == "passive" and WEB not in old.host.addresses(), 2, "passive although the peer is dead",
          describe=old.describe)
    old.dyad("maintenance", "off")
    until(lambda: old.state == "active", 3, "active as soon as it may", describe=old.describe)


def test_handover_to_a_node_in_maintenance_is_refused(scene):
    active, passive = scene.pair.active, scene.pair.passive
    passive.dyad("maintenance", "on")
    until(lambda: active.status()["peer"]["maintenance"], 2, "the peer's maintenance is known", describe=active.describe)
    refused = active.dyad("handover", check=False)
    assert refused.returncode == 1 and "maintenance" in refused.stderr, refused
    assert active.state == "active"


def test_the_last_one_does_not_go_into_maintenance_too(scene):
    """Or nobody would serve: the operator ends one of the two first, and is told so."""
    active, passive = scene.pair.active, scene.pair.passive
    passive.dyad("maintenance", "on")
    until(lambda: active.status()["peer"]["maintenance"], 2, "the peer's maintenance is known", describe=active.describe)
    refused = active.dyad("maintenance", "on", check=False)
    assert refused.returncode == 1 and "maintenance" in refused.stderr, refused
    assert active.state == "active"
    for node in scene.pair.nodes:
        assert any("maintenance" in hint for hint in node.status()["hints"]), "it is loud while it lasts"


def test_events_tell_who_and_what(scene):
    scene.pair.active.dyad("drain", "web/rs1")
    events = scene.pair.active.events()
    assert any("rs1" in e["text"] and e["who"] for e in events), events[-5:]
    assert [e["id"] for e in events] == sorted({e["id"] for e in events})
    shown = scene.pair.active.dyad("events").stdout
    assert "rs1" in shown, shown
