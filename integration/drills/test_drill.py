# SPDX-License-Identifier: Apache-2.0
"""`dyad drill` and `dyad probe`, as operators run them."""

import json
import subprocess

from lab.build import dyad
from scene import DICOM, WEB


def test_a_drill_moves_there_and_back_and_breaks_nothing(scene):
    """Two rounds, begun on the passive node: what clients saw, for each move and service; the addresses end where they were."""
    active, passive = scene.pair.active, scene.pair.passive
    done = passive.dyad("--json", "drill", "--yes", "--rounds", "2", timeout=60)
    moves = json.loads(done.stdout)["moves"]
    assert [m["move"] for m in moves] == [f"to {passive.name}", f"to {active.name}"] * 2
    for move in moves:
        assert {s["target"] for s in move["seen"]} == {f"{WEB}:80", f"{DICOM}:104"}
        assert all(s["failed"] == 0 and s["attempts"] > 80 for s in move["seen"]), move
        assert all(s["longest_gap_us"] < 1_000_000 for s in move["seen"]), move
    assert scene.pair.active is active


def test_a_drill_tells_of_a_service_that_fails(scene):
    scene.servers[0].stop()
    done = scene.pair.active.dyad("drill", "--yes", f"{WEB}:80", f"{WEB}:81", "--timeout", "300ms", check=False, timeout=60)
    assert done.returncode == 1
    rows = [line.split() for line in done.stdout.splitlines() if f"{WEB}:81" in line and "times" not in line]
    assert rows and all(row[-5] != "0" for row in rows), done.stdout


def test_no_drill_without_a_peer(scene):
    active, passive = scene.pair.active, scene.pair.passive
    passive.terminate()
    passive.wait_gone()
    done = active.dyad("drill", "--yes", check=False)
    assert (done.returncode, "no drill" in done.stderr) == (1, True), done.stderr
    assert active.state == "active"


def test_a_probe_measures_an_outage(scene):
    """From the client's seat, while the active node is killed."""
    with subprocess.Popen(scene.client.command([dyad(), "--json", "probe", f"{WEB}:80", "--for", "4s", "--http", "/",
                                                "--timeout", "400ms"]), stdout=subprocess.PIPE) as probe:
        scene.watch()
        event = scene.pair.active.kill()
        seen = json.loads(probe.communicate(timeout=20)[0])
    gap = scene.web.longest_gap(event)
    assert probe.returncode == 1 and seen["failed"] > 0
    assert 100_000 < seen["longest_gap_us"] < 2_000_000, (seen, gap)
    assert all(f["reason"] for f in seen["failures"])
