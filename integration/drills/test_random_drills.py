# SPDX-License-Identifier: Apache-2.0
"""Random drills: one to three disturbances at a time, then all is made good, and the pair has to be as if nothing had been.

A seed is a drill. A few with fresh seeds by default; `DYAD_DRILLS=500` makes it 500, `DYAD_DRILLS=1 DYAD_DRILL_SEED=4711` runs one again.
A pair lives through all of them as long as none fails.
"""

import os
import random
import re
import signal
import threading
import time

import pytest
from audited_stage import CLIENTS, Stage
from disturbances import Disturber, plan
from lab.wait import until
from pair_audits import ask_from, persistence
from scene import PLAIN, WEB

DRILLS = int(os.environ.get("DYAD_DRILLS", "5"))
FIRST = int(os.environ.get("DYAD_DRILL_SEED") or random.randrange(1, 1_000_000))
PAUSE = 0.03            # seconds between two requests of clients


class Clients:
    """Requests from one address after the other while the drill lasts; most are served, and all leave their trace."""

    def __init__(self, host):
        self._host = host
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clients", daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join(5)

    def _run(self):
        while not self._stopped.wait(PAUSE):
            try:
                ask_from(self._host, random.choice(CLIENTS), WEB, timeout=0.3)
            except OSError:
                pass


@pytest.fixture(scope="module")
def stages():
    """The stage that is in use, if any: a pair that failed a drill is no good for the next one."""
    in_use = []
    yield in_use
    for stage in in_use:
        stage.close()


@pytest.fixture
def stage(stages):
    if not stages:
        stages.append(Stage())
    yield stages[0]
    if not stages[0].well:
        stages.pop().close()


@pytest.fixture
def scene(stage):
    """For the report of a failure."""
    return stage.scene


@pytest.mark.parametrize("seed", range(FIRST, FIRST + DRILLS))
def test_random_drill(stage, scene, seed):
    stage.well = False
    disturbances = plan(seed)
    disturber = Disturber(stage.pair, stage.text)
    stage.audits.begin()
    start = time.monotonic()
    try:
        with Clients(stage.client):
            disturber.run(disturbances)
        good = time.monotonic() - start
        faults = stage.audits.faults(disturber)
        said = f"all made good after {good:.1f} s, audits ended after {time.monotonic() - start:.1f} s"
    except Exception as problem:    # whatever it is, the story belongs to it
        faults, said = [repr(problem) if not isinstance(problem, AssertionError) else str(problem)], "not made good"
    story = [f"seed {seed}, drill {seed - FIRST + 1} of {DRILLS}; again: DYAD_DRILLS=1 DYAD_DRILL_SEED={seed}", "planned:",
             *map(str, disturbances), "done:", *disturber.done, said]
    print("\n".join(story))
    assert not faults, "\n".join([*story, "found:", *faults])
    stage.well = True


def test_plans_are_as_their_seeds():
    plans = [plan(seed) for seed in range(200)]
    assert plans == [plan(seed) for seed in range(200)]
    assert len({str(p) for p in plans}) > 190
    assert {d.what for p in plans for d in p} == {"kill", "freeze", "cut", "cut_off", "restart", "fill_disk", "apply", "move"}


# ---- the audits themselves ----

def leave_an_address(stage):
    stage.pair.passive.host.ip("addr", "add", f"{PLAIN}/32", "dev", "lo")
    return lambda: stage.pair.passive.host.ip("addr", "del", f"{PLAIN}/32", "dev", "lo")


def leave_a_rule(stage):
    stage.pair.active.host.ip("rule", "add", "fwmark", "7", "lookup", "main")
    return lambda: stage.pair.active.host.ip("rule", "del", "fwmark", "7", "lookup", "main")


def leave_a_table(stage):
    stage.pair.passive.host.run(["nft", "add", "table", "ip", "left"])
    return lambda: stage.pair.passive.host.run(["nft", "delete", "table", "ip", "left"])


def answer_arp(stage):
    other = stage.scene.lab.real_servers[0]
    other.ip("addr", "add", f"{PLAIN}/32", "dev", "eth0")
    return lambda: other.ip("addr", "del", f"{PLAIN}/32", "dev", "eth0")


def mislead_a_neighbour(stage):
    stage.client.ip("neigh", "replace", WEB, "lladdr", stage.pair.passive.host.mac, "dev", "eth0", "nud", "permanent")
    return lambda: stage.client.ip("neigh", "del", WEB, "dev", "eth0")


def change_a_file(stage):
    text = stage.pair.secondary.read("cluster.toml")
    stage.pair.secondary.write("cluster.toml", text + "# another\n")
    return lambda: stage.pair.secondary.write("cluster.toml", text)


def replicate_nothing(stage):
    """Heartbeats are heard; what the active node learns of clients is not."""
    ports = [port for node in stage.pair.nodes for port in node.host.ports.values() if port.name.startswith("hb")]
    for port in ports:
        stage.scene.lab.switch.run(["nft", "-f", "-"], input=f"table netdev tcp_{port.switch_name} {{\nchain ingress {{\ntype filter hook "
                                   f"ingress device {port.switch_name} priority 0\nip protocol tcp drop\n}}\n}}\n")
    ask_from(stage.client, stage.client.address(), WEB)

    def undo():
        for port in ports:
            stage.scene.lab.switch.run(["nft", "delete", "table", "netdev", f"tcp_{port.switch_name}"])
    return undo


def kill_the_checker(stage):
    stage.pair.active.signal(signal.SIGSEGV, "checker")
    return lambda: None


def make_a_server_ill(stage):
    stage.scene.servers[0].health = "ill"

    def undo():
        stage.scene.servers[0].health = "allServicesOperative"
        stage.pair.up("web")
    until(lambda: any(x["health"] == "down" for node in stage.pair.nodes for s in node.status()["services"] for x in s["servers"]), 5,
          "a node knows")
    return undo


def swap_the_servers(stage):
    """Each answers with the other's name."""
    def swap():
        one, other = stage.scene.servers
        one.name, other.name = other.name, one.name
    ask_from(stage.client, stage.client.address(), WEB)
    until(lambda: all(stage.client.address() in persistence(node, "web") for node in stage.pair.nodes), 3, "both know the client")
    swap()
    return swap


def leave_a_process(stage):
    left = stage.pair.active.host.popen(["sh", "-c", "sleep 1000; true", stage.pair.active.run_dir])

    def undo():
        left.kill()
        left.wait()
    return undo


def forget_clients(stage):
    ask_from(stage.client, stage.client.address(), WEB)
    until(lambda: all(stage.client.address() in persistence(node, "web") for node in stage.pair.nodes), 3, "both know the client")
    stage.audits.known = persistence(stage.pair.active, "web")
    stage.pair.active.dyad("persistence", "clear", "web")

    def undo():
        stage.audits.known = {}
    return undo


def complain(stage):
    with open(stage.pair.passive.log, "a") as log:
        log.write("terminate called without an active exception\n")
    return lambda: None


@pytest.mark.parametrize("wrong, words", [
    (make_a_server_ill, "web/rs1 is down"), (swap_the_servers, "was served by rs. and belongs to rs"),
    (leave_a_process, "says its processes are"), (forget_clients, "is forgotten"), (complain, "terminate called"),
    (leave_an_address, f"is passive and has .'{PLAIN}'"), (leave_a_rule, "fwmark 0x7"), (leave_a_table, "table ip left"),
    (answer_arp, f"{PLAIN} is answered for by .*, .*, its owner"), (mislead_a_neighbour, f"client1 believes {WEB} at"),
    (change_a_file, "what is in force cannot be so"), (kill_the_checker, "checker process .* was killed by signal 11"),
    (replicate_nothing, r"persistence of 10\.77\.0\.21: ")])
def test_the_audits_find(stage, scene, wrong, words):
    stage.well = False
    disturber = Disturber(stage.pair, stage.text)
    stage.audits.begin()
    undo = wrong(stage)
    found = "\n".join(stage.audits.faults(disturber, within=0.5))
    undo()
    assert re.search(words, found), found or "nothing found"
    stage.audits.begin()
    faults = stage.audits.faults(disturber)
    assert not faults, "\n".join(faults)
    stage.well = True
