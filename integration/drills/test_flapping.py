# SPDX-License-Identifier: Apache-2.0
"""A primary that dies again and again gets the addresses back a few times, then no more; a dead owner is always replaced."""

import time

import pytest
from lab.wait import stays, until
from scene import Scene


@pytest.fixture
def scene():
    with Scene(auto_failback=True, failback_hold="1s", flap_limit=2, flap_window="25s") as made:
        yield made.start()


def unsteady(node):
    return node.status()["node"]["unsteady"]


def die_and_return(scene):
    primary, secondary = scene.pair.primary, scene.pair.secondary
    primary.kill()
    until(lambda: secondary.state == "active", 3, "the dead owner is replaced", describe=scene.pair.describe)
    primary.wait_gone()
    primary.start()
    scene.pair.settle()


def failed_back(scene):
    until(lambda: scene.pair.primary.state == "active", 8, "the primary fails back", describe=scene.pair.describe)
    scene.pair.settle()


def test_failback_waits_when_the_owner_dies_too_often(scene):
    primary, secondary = scene.pair.primary, scene.pair.secondary
    scene.pair.make_active(primary)
    first = time.monotonic()
    die_and_return(scene)
    failed_back(scene)
    assert not unsteady(secondary)
    die_and_return(scene)
    assert unsteady(secondary) and unsteady(primary), "the survivor tells the one that has forgotten"
    shown = primary.dyad("status").stdout
    assert "UNSTEADY" in shown and "until the peer says" in shown, shown
    events = [e for e in secondary.call("GET", "/v1/events?after=0")["events"] if e["kind"] == "flapping"]
    assert len(events) == 1 and "2 times" in events[0]["text"] and "no failback" in events[0]["text"], events
    stays(lambda: primary.state == "passive", 4, "there is no failback, four times failback_hold", describe=scene.pair.describe)

    # An operator is obeyed, and a dead owner is replaced, however unsteady.
    primary.dyad("takeover")
    scene.pair.settle()
    assert primary.state == "active"
    die_and_return(scene)
    assert unsteady(secondary)

    until(lambda: not unsteady(secondary), 40, "the window passes", every=0.2, describe=scene.pair.describe)
    assert time.monotonic() - first > 24, "not before"
    failed_back(scene)
