# SPDX-License-Identifier: Apache-2.0
"""What happens to the active node, and what the client sees of it."""

import signal
import time

import pytest
from lab.wait import stays, until
from scene import ONE_OWNER_HARD, WEB, Scene
from lab.probe import fetch


def test_heartbeat_and_service_link_cut(scene):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = time.monotonic_ns()
    for port in old.host.ports.values():
        port.unplug()
    scene.looks_well(event, new)

    healed = time.monotonic_ns()
    for port in old.host.ports.values():
        port.plug()
    scene.pair.settle()
    assert new.state == "active", "the node that came back must not take the addresses"
    scene.looks_well(healed, new)


def test_split_by_the_switch_heals_with_one_owner(scene):
    """Nobody sees a carrier go: both nodes are active until they meet again, then one of them."""
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = time.monotonic_ns()
    for port in old.host.ports.values():
        port.drop()
    scene.looks_well(event, new)
    healed = time.monotonic_ns()
    for port in old.host.ports.values():
        port.heal()
    scene.pair.settle()
    scene.looks_well(healed, scene.pair.active)


@pytest.mark.parametrize("how", ["unplug", "interface_down"])
def test_service_interface_alone_down(scene, how):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = time.monotonic_ns()
    getattr(old.host.ports["eth0"], how)()
    scene.looks_well(event, new)
    assert new.status()["peer"]["alive"], "the heartbeat links still live"


def test_one_heartbeat_link_cut_changes_nothing(scene):
    scene.watch()
    active = scene.pair.active
    before = active.status()["node"]["epoch"]
    event = time.monotonic_ns()
    active.host.ports["hb1"].unplug()
    scene.looks_well(event, active, served_within=0)
    assert active.status()["node"]["epoch"] == before
    links = {link["name"]: link["alive"] for link in active.status()["links"]}
    assert links == {"hb1": False, "hb2": True}


def test_one_way_cut_of_all_heartbeat_links(scene):
    """The passive node hears nothing but is heard. It takes over; the address is never with both for long."""
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = time.monotonic_ns()
    for name in ("hb1", "hb2"):
        new.host.ports[name].drop(sends=False)
    time.sleep(3)
    conflicts = scene.conflicts(event + 1_300_000_000)
    assert not conflicts, conflicts[:2]
    for name in ("hb1", "hb2"):
        new.host.ports[name].heal()
    healed = time.monotonic_ns()
    scene.pair.settle()
    assert old.state in ("active", "passive")
    scene.looks_well(healed, scene.pair.active)


def test_sigterm_hands_over(scene):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = time.monotonic_ns()
    old.terminate()
    scene.looks_well(event, new, served_within=300)
    assert old.wait_gone() == 0


@pytest.mark.parametrize("name", ["guardian", "cluster"])
def test_kill_of_a_process_that_holds_the_pair(scene, name):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = old.kill(name)
    scene.looks_well(event, new)


def test_a_frozen_cluster_process_is_noticed_by_the_guardian(scene):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = old.signal(signal.SIGSTOP, "cluster")
    scene.looks_well(event, new)
    woken = old.signal(signal.SIGCONT)
    scene.pair.settle()
    scene.looks_well(woken, new, served_within=0)


def test_killed_cluster_process_comes_back(scene):
    active = scene.pair.active
    active.kill("cluster")
    scene.pair.settle()
    assert next(p for p in active.status()["processes"] if p["name"] == "cluster")["restarts"] == 1


def test_kill_of_everything(scene):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = old.kill()
    until(lambda: not old.tree(), 1, "nothing of it is left")
    scene.looks_well(event, new, one_owner_from=ONE_OWNER_HARD)
    assert not old.host.addresses() & {WEB, "10.77.0.110", "fd77::110"}, "the kernel dropped the dead owner's addresses"

    old.wait_gone()
    back = time.monotonic_ns()
    old.start()
    scene.pair.settle()
    scene.looks_well(back, new, served_within=0)


def test_stop_of_everything_for_ten_seconds(scene):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = old.signal(signal.SIGSTOP)
    scene.looks_well(event, new, one_owner_from=ONE_OWNER_HARD)
    time.sleep(max(0.0, 10 - (time.monotonic_ns() - event) / 1e9))
    woken = old.signal(signal.SIGCONT)
    scene.looks_well(woken, new, served_within=0, one_owner_from=0)
    scene.pair.settle()
    assert new.state == "active"


def test_kill_of_the_checker_keeps_states(scene):
    scene.watch()
    active = scene.pair.active
    before = active.pids()["checker"]
    event = active.kill("checker")
    stays(lambda: active.server("web", "rs1")["health"] == "up" and active.server("web", "rs2")["health"] == "up", 1.0,
          "servers are up while the checker is dead and after", describe=active.describe)
    until(lambda: active.pids().get("checker") not in (before, None, 0), 5, "a checker again", describe=active.describe)
    scene.looks_well(event, active, served_within=0)
    scene.servers[0].health = "somethingWrong"
    until(lambda: active.server("web", "rs1")["health"] == "down", 3, "the new checker notices a failing server",
          describe=active.describe)


def test_kill_of_the_proxy_moves_nothing(scene):
    scene.watch()
    active = scene.pair.active
    event = active.kill("proxy")
    answered = time.monotonic_ns()
    until(lambda: any(r[0] > event for r in scene.web.answers(event)), 1.5, "a new connection is served")
    first = min(r[1] for r in scene.web.answers(event))
    assert (first - event) / 1e6 <= 1000, "new connections wait in the listen queue, for a second at most"
    assert answered
    scene.looks_well(event, active, served_within=1000)
    assert scene.udp.longest_gap(event) < 100, "addresses don't move"
    late = [r for r in scene.web.errors(event + 5_000_000)]
    assert not late, f"a connection begun after the kill waits and is served: {late[:3]}"


def test_kill_on_the_passive_node_is_nobodys_business(scene):
    scene.watch()
    active, passive = scene.pair.active, scene.pair.passive
    event = passive.kill()
    scene.looks_well(event, active, served_within=0)
    passive.wait_gone()
    passive.start()
    scene.pair.settle()
    scene.looks_well(event, active, served_within=0)


def test_handover_and_takeover(scene):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = time.monotonic_ns()
    old.dyad("handover")
    scene.looks_well(event, new, served_within=300)
    event = time.monotonic_ns()
    old.dyad("takeover")
    scene.looks_well(event, old, served_within=300)
    assert not scene.web.errors(), "a planned move costs no request"
    meddled = [e["text"] for node in scene.pair.nodes for e in node.events() if "by someone else" in e["text"]]
    assert not meddled, "nobody but the nodes moved an address"


def test_an_address_taken_off_by_someone_else_is_put_back(scene):
    scene.watch()
    active = scene.pair.active
    event = time.monotonic_ns()
    active.host.ip("addr", "del", f"{WEB}/32", "dev", "eth0")
    scene.looks_well(event, active, served_within=1000)
    assert any(WEB in e["text"] and e["kind"] == "address" for e in active.events()), active.events()[-5:]


def test_both_stopped_and_started_again(scene):
    for node in scene.pair.nodes:
        node.terminate()
    for node in scene.pair.nodes:
        assert node.wait_gone() == 0
        assert not node.host.addresses() & {WEB, "10.77.0.110", "fd77::110"}, "nothing stays behind"
    scene.pair.start()
    scene.pair.up("web", "dicom")
    assert fetch(scene.client, WEB) in ("rs1", "rs2")


def test_single_node_serves_alone():
    """The peer never comes: after initdead the node takes the addresses."""
    with Scene(initdead="1s") as scene:
        node = scene.pair.primary
        node.start()
        until(lambda: node.state == "active", 5, "active without a peer", describe=node.describe)
        until(lambda: node.server("web", "rs1")["health"] == "up", 5, "its server is up", describe=node.describe)
        assert fetch(scene.client, WEB) in ("rs1", "rs2")
