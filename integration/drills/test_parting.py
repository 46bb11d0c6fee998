# SPDX-License-Identifier: Apache-2.0
"""The secondary becomes the primary; a pair is left. Clients notice little, and nothing old overwrites anything new."""

import os
import time

import pytest
from lab import ArpProber, HttpProbe, Lab, Pair, RealServer, build, conf
from lab.node import Refused
from lab.probe import fetch
from lab.wait import until

WEB = "10.77.0.100"
GAP = 4000   # ms that clients may wait while the node that goes on is started again


@pytest.fixture
def pair():
    with Lab(heartbeat_links=1, real_servers=1, clients=1, observers=1) as lab:
        RealServer(lab.real_servers[0])
        made = Pair(lab, text(lab, 1))
        made.start()
        made.up("web")
        yield made


def text(lab, weight):
    server = {"rs1": {"address": lab.real_servers[0].address(), "weight": weight}}
    return conf.cluster(conf.service("web", WEB, 80, server, check=conf.health()))


def role(node):
    return node.status()["node"]["role"]


def version(node):
    config = node.status()["config"]
    return config["term"], config["generation"]


def weight(node):
    return node.server("web", "rs1")["weight"]


def audit(node):
    return [e["text"] for e in node.call("GET", "/v1/events?after=0&audit=1")["events"]]


def refused(node, path, body, part):
    with pytest.raises(Refused) as error:
        node.call("POST", path, body)
    assert part in str(error.value)


def test_a_planned_promotion_moves_the_configuration_and_nothing_else(pair):
    old, new = pair.primary, pair.secondary
    probe = HttpProbe(pair.lab.clients[0], WEB)
    until(probe.answers, 3, "served")
    before, active = time.monotonic_ns(), pair.active
    assert "primary, in term 2; the peer is the secondary" in new.dyad("promote").stdout
    until(lambda: (role(old), role(new)) == ("secondary", "primary"), 2, "roles", describe=pair.describe)
    pair.settle()
    refused(old, "/v1/apply", {"cluster_toml": text(pair.lab, 7)}, "dyad apply")
    new.apply(text(pair.lab, 7))
    until(lambda: [weight(n) for n in pair.nodes] == [7, 7], 2, "in force on both", describe=pair.describe)
    assert old.read("cluster.toml") == text(pair.lab, 7)
    assert pair.active is active and not probe.errors(before)
    refused(new, "/v1/promote", {}, "the primary already")

    for node in pair.nodes:
        node.kill()
        node.wait_gone()
    for node in pair.nodes:
        node.start(within=None)
    for node in pair.nodes:
        until(node.answers, 15, "answers", describe=node.log_text)
    pair.settle()
    assert (role(old), role(new)) == ("secondary", "primary")
    old.dyad("promote")
    until(lambda: (role(old), role(new)) == ("primary", "secondary"), 2, "and back", describe=pair.describe)
    assert version(old)[0] == 3


def test_an_old_primary_that_returns_overwrites_nothing(pair):
    old, new = pair.primary, pair.secondary
    new.kill()
    new.wait_gone()
    old.apply(text(pair.lab, 66))          # the secondary never had it
    old.write("cluster.toml", "# an edit that was never applied\n")
    old.kill()
    old.wait_gone()
    new.start()
    until(lambda: new.state == "active", 15, "serves", describe=pair.describe)
    new.dyad("promote")
    new.apply(text(pair.lab, 5))
    assert version(new) == (2, 3)
    old.start()
    pair.settle()
    assert version(old) == version(new) == (2, 3)
    assert [weight(n) for n in pair.nodes] == [5, 5] and role(old) == "secondary"
    assert old.read("cluster.toml") == text(pair.lab, 5)
    assert old.read("cluster.toml.edited") == "# an edit that was never applied\n"
    assert any("this node is the secondary now" in t for t in audit(old)), audit(old)
    assert any((g["term"], g["generation"]) == (1, 2) for g in old.call("GET", "/v1/history")["generations"])
    refused(old, "/v1/apply", {"cluster_toml": text(pair.lab, 9)}, "this node is the secondary")


def test_a_primary_that_cannot_be_told_needs_force(pair):
    old, new = pair.primary, pair.secondary
    new.host.run(["nft", "-f", "-"], input="table inet cut { chain in { type filter hook input priority 0; tcp dport 7778 drop; "
                                           "tcp sport 7778 drop; }; }\n")
    until(lambda: not new.status()["config"]["replication"]["connected"], 10, "cut", describe=pair.describe)
    refused(new, "/v1/promote", {}, "dyad promote --force")
    assert role(new) == "secondary"
    new.dyad("promote", "--force")
    until(lambda: old.status()["peer"]["term"] == 2, 3, "heartbeats tell", describe=pair.describe)
    refused(old, "/v1/apply", {"cluster_toml": text(pair.lab, 9)}, "was promoted")
    new.host.run(["nft", "delete", "table", "inet", "cut"])
    until(lambda: role(old) == "secondary", 15, "it hears of it", describe=pair.describe)
    pair.settle()


def alone(node):
    said = node.answers()
    return said and said["peer"] is None and said["node"]["state"] == "active"


def parted(pair, stays, leaves, since, probe, arp):
    """Alone both, one with all and one with nothing."""
    for node in (stays, leaves):
        until(lambda: alone(node), 15, f"{node.name} alone", describe=pair.describe)
        assert not os.path.exists(os.path.join(node.config_dir, "cluster.key"))
    assert leaves.status()["services"] == [] and leaves.status()["addresses"] == []
    until(lambda: fetch(pair.lab.clients[0], WEB) == "rs1", 5, "served", describe=pair.describe)
    assert probe.served_after(since) <= GAP, probe.errors(since)
    assert not arp.conflicts(since), "two owners"
    assert arp.responders(since + GAP * 1_000_000)[WEB] <= {stays.host.mac}


@pytest.mark.parametrize("side", ["active", "passive"])
def test_unpair_from_either_side_leaves_one_node_serving(pair, side):
    active, passive = pair.active, pair.passive
    probe, arp = HttpProbe(pair.lab.clients[0], WEB), ArpProber(pair.lab.observers[0], [WEB])
    until(probe.answers, 3, "served")
    since = time.monotonic_ns()
    done = (active if side == "active" else passive).dyad("unpair")
    assert "goes on alone" in done.stdout, done.stdout
    parted(pair, active, passive, since, probe, arp)
    assert any("goes on alone" in t for t in audit(active)) and any("serves nothing" in t for t in audit(passive))
    assert passive.read("cluster.toml.before-unpairing") == text(pair.lab, 1)

    token = passive.dyad("pair-token").stdout.strip()    # links of node.toml are the same on both still
    again = active.host.run([build.dyad(), "--run-dir", active.run_dir, "pair", passive.host.address()], check=False,
                            input=token + "\n", timeout=60)
    assert again.returncode == 0, again.stdout + again.stderr + pair.describe()
    pair.settle()
    assert role(active) == "primary"


def test_unpair_from_a_dead_peer_needs_force(pair):
    survivor, dead = pair.passive, pair.active
    dead.kill()
    until(lambda: survivor.state == "active", 5, "took over", describe=pair.describe)
    dead.wait_gone()
    until(lambda: not survivor.status()["config"]["replication"]["connected"], 5, "lost", describe=pair.describe)
    refused(survivor, "/v1/unpair", {}, "dyad unpair --force")
    survivor.dyad("unpair", "--force")
    until(lambda: alone(survivor), 15, "alone", describe=pair.describe)
    until(lambda: fetch(pair.lab.clients[0], WEB) == "rs1", 5, "served", describe=pair.describe)
    survivor.apply(text(pair.lab, 9))
    refused(survivor, "/v1/unpair", {}, "no pair")


def test_a_node_that_cannot_leave_keeps_the_pair_whole(pair):
    """The one that would go on waits until the other is gone, and stays one of a pair when it is not."""
    active, passive = pair.active, pair.passive
    probe = HttpProbe(pair.lab.clients[0], WEB)
    until(probe.answers, 3, "served")
    since = time.monotonic_ns()
    os.mkdir(os.path.join(passive.config_dir, "cluster.toml.before-unpairing"))   # in the way of what it sets aside
    done = passive.dyad("unpair", check=False)
    assert done.returncode == 1 and "cannot be set aside" in done.stderr, done
    until(lambda: any("the peer is still there" in t for t in audit(active)), 8, "given up", describe=pair.describe)
    assert pair.settled() and pair.active is active and not probe.errors(since)
    os.rmdir(os.path.join(passive.config_dir, "cluster.toml.before-unpairing"))
    passive.dyad("unpair")
    for node in pair.nodes:
        until(lambda: alone(node), 15, f"{node.name} alone", describe=pair.describe)
