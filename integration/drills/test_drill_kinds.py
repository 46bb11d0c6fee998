# SPDX-License-Identifier: Apache-2.0
"""`dyad drill` that hurts the active node: what it does, what it reports, what it puts right, and when it refuses."""

import json
import os
import pathlib
import shlex
import signal
import subprocess
import time
import xml.etree.ElementTree as xml

import pytest

from lab.build import dyad
from lab.wait import until
from scene import DEADTIME, PLAIN6, SERVED_AGAIN, WEB

OUTAGE = 4000   # ms, the default
SVG = "{http://www.w3.org/2000/svg}"


def seat(host):
    """The command with which a drill reaches `dyad` on that machine."""
    return shlex.join(host.command([dyad()]))


def drill(scene, *arguments):
    return [dyad(), "--run-dir", scene.pair.active.run_dir, "drill", "--yes", "--client", seat(scene.client), *arguments]


def stopped(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "T"


def cut(node):
    return "dyad_drill" in node.host.run(["nft", "list", "tables"]).stdout


@pytest.mark.parametrize("kind", ["process", "link", "freeze"])
def test_an_unplanned_failover_is_made_seen_and_put_right(scene, kind, tmp_path):
    """One round; a client, and a witness on a third machine, look on. The report holds what they saw, three times alike."""
    active, passive = scene.pair.active, scene.pair.passive
    report = tmp_path / "report"
    done = active.dyad("--json", "drill", "--yes", "--kind", kind, "--client", seat(scene.client), "--witness", seat(scene.observer),
                       f"http://{WEB}:80/", f"ping:{WEB}", "--every", "10ms", "--max-gap", "4s", "--report", str(report), timeout=90)
    said = json.loads(done.stdout)
    assert said["verdict"] == "passed" and said["aborted"] == ""
    there, back = said["moves"]
    assert (there["kind"], there["from"], there["to"]) == (kind, active.name, passive.name)
    assert (back["kind"], back["from"], back["to"]) == ("planned", passive.name, active.name)
    assert scene.pair.active is active and not any(map(stopped, active.tree())) and not cut(active)
    web = next(s for s in there["seen"] if s["target"].startswith("http"))
    limit = OUTAGE if kind == "freeze" else SERVED_AGAIN
    assert 5_000 < web["longest_gap_us"] < limit * 1000 and web["served_at_end"], web
    if kind != "process":
        assert abs(there["restored_us"] / 1000 - OUTAGE) < 500
        assert web["longest_gap_us"] > (DEADTIME - 150) * 1000, web
    assert all(s["longest_gap_us"] < 1_000_000 for s in back["seen"]), back["seen"]
    assert all(s["failed"] == 0 for s in back["seen"] if s["target"].startswith("http")), back["seen"]   # nobody sends a lost echo again
    owners = {o["address"]: o for o in there["owners"]}
    assert {WEB, PLAIN6} <= set(owners)
    for one in owners.values():
        assert one["questions"] > 100
        assert one["spans"][0]["owners"] == [active.name] and one["spans"][-1]["owners"] == [passive.name], one["spans"]
        assert one["two_owners_us"] < 4_000_000
    holds_the_same(report, said)


def holds_the_same(report, said):
    """report.json is what was printed, and the picture is XML whose bars are the JSON's spans."""
    assert json.loads((report / "report.json").read_text()) == said
    assert "verdict: passed" in (report / "report.txt").read_text()
    picture = xml.parse(report / "report.svg").getroot()
    assert picture.find(f".//{SVG}script") is None
    for group, name in (("target", "seen"), ("address", "owners")):
        rows = [[(int(bar.get("data-from")), int(bar.get("data-to"))) for bar in row]
                for row in picture.iter(f"{SVG}g") if row.get("class") == group]
        assert rows == [[(s["from_us"], s["to_us"]) for s in row["spans"]] for move in said["moves"] for row in move[name]]


def test_a_limit_that_is_not_kept_fails_the_drill(scene):
    done = scene.pair.active.dyad("drill", "--yes", "--kind", "process", "--client", seat(scene.client), f"http://{WEB}:80/", "--max-gap",
                                  "1ms", check=False, timeout=60)
    assert (done.returncode, "verdict: failed" in done.stdout) == (1, True), done.stdout + done.stderr
    assert "and 1.0 ms is allowed" in done.stdout


def test_kinds_that_hurt_are_refused_where_they_cannot_go_well(scene):
    """On the passive node, without a client, and beside a peer in maintenance: each with its reason, and nothing moves."""
    active, passive = scene.pair.active, scene.pair.passive
    epoch = active.status()["node"]["epoch"]
    client = ["--client", seat(scene.client)]
    for node, arguments, code, reason in [(passive, ["--yes", "--kind", "freeze", *client], 1, f"which is {active.name}; run it there"),
                                          (active, ["--yes", "--kind", "freeze"], 2, "--client"),
                                          (active, ["--kind", "planned"], 1, "--yes"),
                                          (active, ["--yes", "--kind", "freeze", "--outage", "900ms", *client], 1, "twice the deadtime"),
                                          (active, ["--yes", "--client", "false"], 1, "ended before it began"),
                                          (active, ["--yes", "--kind", "sabotage"], 2, "planned, process, link or freeze")]:
        done = node.dyad("drill", *arguments, check=False)
        assert (done.returncode, reason in done.stderr) == (code, True), done.stderr
    passive.dyad("maintenance", "on")
    until(lambda: active.status()["peer"]["maintenance"], 3, "the active node knows")
    for arguments in (["--yes"], ["--yes", "--kind", "process", *client]):
        done = active.dyad("drill", *arguments, check=False)
        assert (done.returncode, "the peer is in maintenance" in done.stderr) == (1, True), done.stderr
    assert active.status()["node"]["epoch"] == epoch and active.state == "active"


@pytest.mark.parametrize("victim", ["the drill", "the process that hurts"])
@pytest.mark.parametrize("kind", ["freeze", "link"])
def test_what_was_done_is_put_right_when_a_tool_is_killed(scene, kind, victim):
    """kill -9 in the middle of an outage of 8 s: it ends within a second, and the pair becomes whole."""
    active = scene.pair.active
    pids = active.tree()
    hurt = (lambda: all(map(stopped, pids))) if kind == "freeze" else (lambda: cut(active))
    process = active.host.popen(drill(scene, "--kind", kind, "--outage", "8s", f"{WEB}:80"), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
    until(hurt, 10, "the node is hurt")
    os.kill(process.pid if victim == "the drill" else helper_of(process.pid), signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: not any(map(stopped, pids)) and not cut(active), 5, "all is put right")
    assert time.monotonic() - killed < 1
    scene.pair.settle()
    process.communicate(timeout=60)
    assert process.returncode == (-9 if victim == "the drill" else 1)
    until(lambda: not probes(scene.client), 5, "the client's probe has ended")


def helper_of(drill_pid):
    """The drill's child that is in a session of its own."""
    def leader():
        children = pathlib.Path(f"/proc/{drill_pid}/task/{drill_pid}/children").read_text().split()
        return next((int(c) for c in children if os.getsid(int(c)) == int(c)), None)
    return until(leader, 3, "the process that hurts is there")


def probes(host):
    inside = subprocess.run(["ip", "netns", "pids", host.namespace], text=True, stdout=subprocess.PIPE).stdout.split()
    return [p for p in inside if b"--stdio" in pathlib.Path(f"/proc/{p}/cmdline").read_bytes()]


def test_ctrl_c_ends_a_drill_after_its_round(scene, tmp_path):
    """The round under way is ended and reported, the addresses are where they were, and the verdict is none."""
    active = scene.pair.active
    process = active.host.popen(drill(scene, "--rounds", "50", "--report", str(tmp_path / "r"), f"{WEB}:80"), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
    until(lambda: active.state == "passive", 10, "the addresses have moved")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1 and "interrupted by its operator" in err and "verdict: failed" in out, out + err
    assert len(json.loads((tmp_path / "r" / "report.json").read_text())["moves"]) == 2
    assert scene.pair.active is active


def test_a_drill_begins_at_its_time_and_looks_again_then(scene):
    active, passive = scene.pair.active, scene.pair.passive
    at = time.time() + 3
    named = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(at))
    done = active.dyad("--json", "drill", "--yes", "--at", named, f"{WEB}:80", timeout=60)
    assert f"the drill begins at {named}" in done.stderr
    assert named <= json.loads(done.stdout)["moves"][0]["when"] < time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(at + 3))
    soon = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 4))
    process = active.host.popen(drill(scene, "--at", soon, f"{WEB}:80"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    passive.dyad("maintenance", "on")
    epoch = active.status()["node"]["epoch"]
    assert process.wait(timeout=30) == 1 and "the peer is in maintenance" in process.stderr.read()
    assert active.status()["node"]["epoch"] == epoch


def test_a_drill_without_its_client_ends_and_brings_the_addresses_back(scene):
    active = scene.pair.active
    process = active.host.popen(drill(scene, "--rounds", "50", f"{WEB}:80"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: active.state == "passive", 10, "the addresses have moved")
    os.kill(int(probes(scene.client)[0]), signal.SIGKILL)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1 and "ended during the drill" in err, out + err
    assert "brought the addresses back" in out
    scene.pair.settle()
    assert scene.pair.active is active


def test_a_probe_watches_the_owner(scene):
    """From a third machine, while the addresses move: one owner after the other, by their MAC addresses."""
    active, passive = scene.pair.active, scene.pair.passive
    with subprocess.Popen(scene.observer.command([dyad(), "--json", "probe", f"ping:{WEB}", "--for", "4s", "--every", "1ms",
                                                  "--watch-owner"]), stdout=subprocess.PIPE) as probe:
        time.sleep(1)
        active.call("POST", "/v1/handover")
        seen = json.loads(probe.communicate(timeout=20)[0])
    assert seen["attempts"] > 3000   # one each millisecond
    macs = [s["owners"] for s in seen["owners"]["spans"]]
    assert macs[0] == [active.host.mac] and macs[-1] == [passive.host.mac], macs
    assert seen["owners"]["questions"] > 150
