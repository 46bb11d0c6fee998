# SPDX-License-Identifier: Apache-2.0
"""The pair's key is replaced while clients are served; whatever breaks meanwhile, one key is left on both, and no other opens
anything."""

import json
import os
import random
import shutil
import signal
import stat
import threading
import time

import pytest
from lab import HttpProbe, Lab, Pair, RealServer, conf
from lab.node import Refused
from lab.wait import until
from scene import WEB

KEY, NEXT, PREVIOUS = "cluster.key", "cluster.key.next", "cluster.key.previous"


def text(lab):
    return conf.cluster(conf.service("web", WEB, 80, {"rs1": {"address": lab.real_servers[0].address()}}, check=conf.health()))


@pytest.fixture
def pair():
    with Lab(heartbeat_links=2, real_servers=1, clients=1, observers=1) as lab:
        RealServer(lab.real_servers[0])
        made = Pair(lab, text(lab))
        made.start()
        made.up("web")
        yield made


def key_files(node):
    return sorted(name for name in os.listdir(node.config_dir) if name.startswith(KEY))


def one_key(pair):
    """Both hold the same key and no other."""
    return (all(key_files(n) == [KEY] for n in pair.nodes) and pair.primary.read(KEY) == pair.secondary.read(KEY) and
            not any(n.status()["key"]["replaced"] for n in pair.nodes))


def rejected(node):
    return sum(link["rejected"] for link in node.status()["links"])


def settle_on_one_key(pair, within=15.0):
    pair.settle(within)
    until(lambda: one_key(pair), within, "one key on both", describe=lambda: describe(pair))


NOT_YET = "the peer has not ended the replacement before; try again in a few seconds"


def begin(node):
    """As soon as the peer has said that the replacement before is over."""
    def begun():
        try:
            return node.call("POST", "/v1/rotate-key", {}) is not None
        except Refused as refusal:
            assert NOT_YET in str(refusal)
            return False
    until(begun, 5, "the replacement begins", every=0.02)


def rotate(node):
    """The same by the command line, to its end."""
    def rotated():
        done = node.dyad("rotate-key", check=False)
        assert done.returncode == 0 or NOT_YET in done.stderr, done
        return done.returncode == 0
    until(rotated, 15, "the key is replaced", every=0.02)


def describe(pair):
    return "\n".join([f"{n.name}: {key_files(n)} {n.status()['key']}" for n in pair.nodes]) + pair.describe()


def told_since(node, last):
    return [e["text"] for e in node.call("GET", f"/v1/events?after={last}")["events"]]


def last_event(node):
    return node.call("GET", "/v1/events?after=0")["last"]


def refused(node, part):
    before = key_files(node)
    with pytest.raises(Refused) as error:
        node.call("POST", "/v1/rotate-key", {})
    assert part in str(error.value)
    assert key_files(node) == before


def ask(node):
    try:
        node.call("POST", "/v1/rotate-key", {})
    except (OSError, Refused):
        pass   # it was killed before it could answer, or saw the peer die


@pytest.mark.parametrize("which", ["primary", "secondary"])
def test_the_key_is_replaced_and_nobody_notices(pair, which):
    probe = HttpProbe(pair.lab.clients[0], WEB)
    until(probe.answers, 3, "served")
    starter, active = getattr(pair, which), pair.active
    before = time.monotonic_ns()
    last = {n: last_event(n) for n in pair.nodes}
    refusals = {n: rejected(n) for n in pair.nodes}
    keys = [pair.primary.read(KEY)]
    for _ in range(2):
        done = starter.dyad("rotate-key")
        assert done.stdout.startswith("a new key is made") and done.stdout.endswith("the pair's key is replaced\n"), done
        assert one_key(pair), describe(pair)
        keys.append(pair.primary.read(KEY))
        assert stat.S_IMODE(os.stat(os.path.join(starter.config_dir, KEY)).st_mode) == 0o600
    assert len(set(keys)) == 3
    pair.settle()
    assert pair.active is active and not probe.errors(before)
    for node in pair.nodes:
        said = told_since(node, last[node])
        assert not [t for t in said if any(w in t for w in ("silent", "dead", "late", "restarted", "lost the"))], said
        assert rejected(node) == refusals[node], node.status()["links"]
        assert all(link["lost"] == 0 for link in node.status()["links"])
        audited = [e["text"] for e in node.call("GET", "/v1/events?after=0&audit=1")["events"]]
        assert sum("was replaced" in t for t in audited) == 2, audited
        everything = node.log_text(100000) + json.dumps(node.status()) + json.dumps(node.events())
        assert not [k for k in keys if k.strip() in everything], "a key is told"
    done = json.loads(starter.dyad("--json", "rotate-key").stdout)
    assert done["state"] == "done" and done["waits_for"] == "" and len(done["steps"]) >= 4, done


def test_the_addresses_still_move_at_once_after_the_key_was_replaced(pair):
    """The guardian's goodbye is one that the peer believes."""
    pair.primary.dyad("rotate-key")
    active = pair.active
    survivor = pair.other(active)
    last = last_event(survivor)
    active.kill("cluster")
    until(lambda: survivor.state == "active", 3, "the other node takes over", every=0.01, describe=pair.describe)
    assert any("goodbye" in t for t in told_since(survivor, last)), told_since(survivor, last)


def test_a_node_alone_or_without_its_peer_refuses(pair):
    survivor, lost = pair.primary, pair.secondary
    lost.kill()
    until(lambda: not survivor.status()["peer"]["alive"], 5, "the peer is gone", describe=survivor.describe)
    until(lambda: not survivor.status()["config"]["replication"]["connected"], 5, "not connected", describe=survivor.describe)
    refused(survivor, "the peer cannot be told")
    done = survivor.dyad("rotate-key", check=False)
    assert done.returncode == 1 and "cannot be told" in done.stderr, done
    assert any("was not replaced" in e["text"] for e in survivor.call("GET", "/v1/events?after=0&audit=1")["events"])
    survivor.dyad("unpair", "--force")
    until(lambda: (survivor.answers() or {"peer": "not yet"})["peer"] is None, 15, "alone", describe=survivor.log_text)
    refused(survivor, "has no pair")


def test_the_key_before_opens_nothing(pair):
    """A node with the key before, at the peer's place, is nobody."""
    before = pair.primary.read(KEY)
    pair.primary.dyad("rotate-key")
    lost, survivor = pair.secondary, pair.primary
    pair.make_active(survivor)
    lost.terminate()
    lost.wait_gone()
    lost.write(KEY, before, 0o600)
    refusals = rejected(survivor)
    lost.start()
    until(lambda: rejected(survivor) > refusals + 5, 5, "its heartbeats are refused", describe=pair.describe)
    said = survivor.status()
    assert not said["peer"]["alive"] and not said["config"]["replication"]["connected"], said["peer"]
    assert "cluster.key" in said["config"]["replication"]["error"], said["config"]
    assert survivor.state == "active"


def test_cut_links_amid_the_replacement_end_in_one_key(pair):
    rng = random.Random(7)
    for _ in range(6):
        before = pair.primary.read(KEY)
        starter = rng.choice(pair.nodes)
        begin(starter)
        time.sleep(rng.uniform(0, 0.15))
        links = [pair.primary.host.ports[name] for name in ("hb1", "hb2")]
        for link in links:
            link.drop()
        time.sleep(rng.choice((0.1, 4.0)))   # the connection outlives the first, and not the second
        for link in links:
            link.heal()
        settle_on_one_key(pair, 30)
        if pair.primary.read(KEY) == before:
            rotate(pair.primary)   # it was cut before anybody had switched
            assert pair.primary.read(KEY) != before


def test_a_node_that_dies_amid_the_replacement_comes_back_with_the_same_key(pair):
    seed = int(os.environ.get("DYAD_SEED", "0")) or random.randrange(1, 1 << 32)
    print(f"DYAD_SEED={seed}")
    rng = random.Random(seed)
    for _ in range(10):
        before = pair.primary.read(KEY)
        starter, victim = rng.choice(pair.nodes), rng.choice(pair.nodes)
        asking = threading.Thread(target=ask, args=(starter,))
        asking.start()
        time.sleep(rng.uniform(0, rng.choice((0.015, 0.2))))   # keys are kept and switched in the first of it
        victim.kill()
        asking.join()
        victim.wait_gone()
        assert key_files(victim)[0] == KEY
        victim.start()
        settle_on_one_key(pair, 20)
        print(starter.name, "asked,", victim.name, "died:", "replaced" if pair.primary.read(KEY) != before else "as it was")
        pair.make_active(pair.primary)
    rotate(pair.secondary)
    settle_on_one_key(pair)


@pytest.mark.parametrize("which", ["primary", "secondary"])
def test_a_peer_that_dies_before_it_has_the_next_key_leaves_the_key_as_it_was(pair, which):
    starter = getattr(pair, which)
    lost = pair.other(starter)
    before = starter.read(KEY)
    lost.signal(signal.SIGSTOP, "cluster")
    starter.call("POST", "/v1/rotate-key", {})
    lost.kill()
    lost.wait_gone()
    until(lambda: starter.call("GET", "/v1/rotation")["state"] == "failed", 10, "it has failed", describe=pair.describe)
    assert starter.call("GET", "/v1/rotation")["error"].startswith("the connection to the peer was lost")
    lost.start()
    settle_on_one_key(pair)
    assert starter.read(KEY) == before
    rotate(starter)
    assert one_key(pair) and starter.read(KEY) != before


def test_a_backup_of_amid_the_replacement_restores(pair):
    """The peer goes on to the next key; what comes back has both, and follows."""
    lost, other = pair.secondary, pair.primary
    password = os.path.join(lost.base, "passphrase")
    with open(password, "w") as file:
        file.write("a long passphrase\n")
    backup = [os.path.join(lost.base, "saved"), "--config-dir", lost.config_dir, "--state-dir", lost.state_dir,
              "--password-file", password]
    before = lost.read(KEY)
    other.dyad("rotate-key")
    lost.terminate()
    lost.wait_gone()
    # As it was when the next key was kept, and nobody had switched.
    lost.write(NEXT, lost.read(KEY), 0o600)
    lost.write(KEY, before, 0o600)
    lost.dyad("backup", *backup)
    for directory in (lost.config_dir, lost.state_dir):
        shutil.rmtree(directory)
    lost.dyad("restore", *backup)
    assert key_files(lost) == [KEY, NEXT]
    lost.start()
    settle_on_one_key(pair, 20)
    assert lost.read(KEY) != before
