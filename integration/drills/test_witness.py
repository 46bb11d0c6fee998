# SPDX-License-Identifier: Apache-2.0
"""A witness, or a fence, is asked before a silent peer is replaced."""

import os
import signal
import time

import pytest
from lab.wait import until
from scene import Scene

# What a power switch does, as far as the network can tell.
FENCES = """#!/bin/sh
echo "$DYAD_NODE|$DYAD_PEER|$DYAD_PEER_ADDRESSES|$DYAD_EPOCH|$1" >> {base}/asked
ip -n {peer_namespace} link set eth0 down || exit 1
kill -9 $(cat {base}/victims)
"""
REFUSES = '#!/bin/sh\necho asked >> {base}/asked\nexit 1\n'
HANGS = '#!/bin/sh\necho asked >> {base}/asked\nsleep 1000 &\nwait\n'


def asked(node):
    path = os.path.join(node.base, "asked")
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [line.rstrip("\n").split("|") for line in file]


def said(node, kind="witness"):
    return [e["text"] for e in node.events() if e["kind"] == kind]


@pytest.fixture
def scene(request):
    with Scene() as made:
        nodes = made.pair.nodes
        for node, peer in zip(nodes, reversed(nodes)):
            node.write("fence.sh", request.param.format(base=node.base, peer_namespace=peer.host.namespace), 0o755)
            node.write("node.toml", node.read("node.toml") +
                       f'[witness]\nprogram = "{node.config_dir}/fence.sh"\ntimeout = "500ms"\npause = "300ms"\n')
        yield made.start().watch()


def cut_heartbeats(scene):
    at = time.monotonic_ns()
    for name in ("hb1", "hb2"):
        scene.lab.nodes[0].ports[name].unplug()
    return at


def heal(scene):
    for name in ("hb1", "hb2"):
        scene.lab.nodes[0].ports[name].plug()


@pytest.mark.parametrize("scene", [FENCES], indirect=True, ids=["fences"])
def test_nobody_owns_an_address_beside_a_peer_that_was_fenced(scene):
    pair = scene.pair
    old, new = pair.active, pair.passive
    with open(os.path.join(new.base, "victims"), "w") as file:
        file.write(" ".join(map(str, old.tree())))
    epoch = new.status()["node"]["epoch"].split("/")[0]
    cut = cut_heartbeats(scene)
    scene.looks_well(cut, new, served_within=1000, one_owner_from=0)
    links = " ".join(old.host.address(p) for p in ("hb1", "hb2"))
    assert asked(new) == [[new.name, old.name, links, epoch, old.name]], asked(new)
    assert any("the witness is asked" in text for text in said(new)), said(new)


@pytest.mark.parametrize("scene", [REFUSES], indirect=True, ids=["refuses"])
def test_nobody_takes_what_the_witness_refuses_but_an_operator(scene):
    pair = scene.pair
    old, new = pair.active, pair.passive
    cut = cut_heartbeats(scene)
    until(lambda: len(asked(new)) >= 3, 5, "it is asked again and again")
    assert new.state == "passive" and old.state == "active"
    scene.looks_well(cut, old, served_within=0, one_owner_from=0)
    assert not asked(old)
    assert any("ended with status 1" in text for text in said(new)) and any("does not let this node" in text for text in said(new)), said(new)
    new.call("POST", "/v1/takeover")
    until(lambda: new.state == "active", 3, "the operator's word counts")
    heal(scene)
    pair.settle()


@pytest.mark.parametrize("scene", [HANGS], indirect=True, ids=["hangs"])
def test_silence_of_the_witness_is_a_no_and_ends_in_time(scene):
    pair = scene.pair
    old, new = pair.active, pair.passive
    cut_heartbeats(scene)
    until(lambda: len(asked(new)) >= 2, 5, "it is asked again")
    assert any("was killed after 500 ms" in text for text in said(new)), said(new)
    assert new.state == "passive"
    heal(scene)
    pair.settle()
    assert old.state == "active"
    count = len(asked(new))
    time.sleep(1)
    assert len(asked(new)) == count, "nobody is asked about a peer that is heard"


@pytest.mark.parametrize("scene", [REFUSES], indirect=True, ids=["refuses"])
def test_who_leaves_in_order_is_replaced_without_asking(scene):
    pair = scene.pair
    old, new = pair.active, pair.passive
    old.process.send_signal(signal.SIGTERM)
    until(lambda: new.state == "active", 3, "the other one serves")
    assert not asked(new)
