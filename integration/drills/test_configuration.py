# SPDX-License-Identifier: Apache-2.0
"""Applying a configuration: on both nodes, or on none; and what a crash in the middle leaves."""

import random
import socket
import threading
import time

import pytest
from lab import RealServer, conf
from lab.node import Refused
from lab.probe import fetch
from lab.wait import until
from scene import DICOM, WEB

NEW = "10.77.0.120"


def with_another_service(scene):
    return scene.cluster_text(conf.service("another", NEW, 8080, {"rs1": {"address": scene.servers[0].address, "port": 80}}))


def names(node):
    return {s["name"] for s in node.status()["services"]}


def test_apply_is_in_force_on_the_secondary_within_200_ms(scene):
    took = []
    for n in range(5):
        text = scene.cluster_text() if n % 2 else with_another_service(scene)
        wanted = names(scene.pair.primary) ^ {"another"}
        scene.pair.primary.apply(text)
        start = time.monotonic()
        until(lambda: names(scene.pair.secondary) == wanted, 2, "in force on the secondary", every=0.002,
              describe=scene.pair.describe)
        took.append(time.monotonic() - start)
    assert max(took) <= 0.2, took
    assert scene.pair.secondary.read("cluster.toml") == scene.pair.primary.read("cluster.toml"), "byte for byte"


def test_a_new_service_is_served(scene):
    scene.pair.primary.apply(with_another_service(scene))
    until(lambda: scene.pair.active.server("another", "rs1")["health"] == "up", 3, "checked", describe=scene.pair.describe)
    assert fetch(scene.client, NEW, 8080) == "rs1"


def test_apply_touches_nothing_else(scene):
    """An open connection of an unchanged service goes on, and its server's state and counters stay."""
    scene.watch()
    with scene.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect((DICOM, 104))
        assert s.recv(64) == b"rs1\n"
        until(lambda: scene.pair.active.server("dicom", "rs1")["connections"] == 1, 3, "the connection is counted")
        was = scene.pair.active.server("dicom", "rs1")
        before = time.monotonic_ns()
        scene.pair.primary.apply(with_another_service(scene))
        scene.pair.primary.apply(scene.cluster_text())
        scene.looks_well(before, scene.pair.active, served_within=0)
        s.sendall(b"still here")
        assert s.recv(64) == b"still here"
        now = scene.pair.active.server("dicom", "rs1")
    assert not scene.web.errors()
    assert now["connections"] == was["connections"] == 1
    assert now["since_change_ms"] >= was["since_change_ms"], "its health was not found out anew"


@pytest.mark.parametrize("fault, part", [
    ('[service.x]\nwieght = 3\n', "wieght"),
    ('[service.x]\nmode = "tcp"\naddress = "10.77.0.300"\nports = [80]\n', "10.77.0.300"),
    ("[service\n", "cluster.toml:"),
    ("\x00\x01\x02", "cluster.toml:"),
])
def test_a_faulty_configuration_changes_nothing(scene, fault, part):
    before = [n.status()["config"] for n in scene.pair.nodes]
    with pytest.raises(Refused) as refused:
        scene.pair.primary.call("POST", "/v1/apply", {"cluster_toml": scene.text + fault})
    assert any(part in f for f in refused.value.body["faults"]), refused.value.body
    for node, config in zip(scene.pair.nodes, before):
        after = node.status()["config"]
        assert [after[k] for k in ("term", "generation", "hash")] == [config[k] for k in ("term", "generation", "hash")]
        assert names(node) == {"web", "dicom", "images"}


def test_apply_through_the_command_line_names_every_fault(scene):
    scene.pair.primary.write("cluster.toml", scene.text.replace("wrr", "wrrr"))
    done = scene.pair.primary.dyad("apply", scene.pair.primary.config_dir, check=False)
    assert done.returncode == 1 and "cluster.toml:" in done.stderr and "wrrr" in done.stderr, done
    assert scene.pair.primary.status()["config"]["edited"], "status says that the file is not what runs"


def test_apply_on_the_secondary_is_refused(scene):
    with pytest.raises(Refused) as refused:
        scene.pair.secondary.call("POST", "/v1/apply", {"cluster_toml": with_another_service(scene)})
    assert "primary" in str(refused.value)


def test_plan_shows_and_changes_nothing(scene):
    planned = scene.pair.primary.call("POST", "/v1/plan", {"cluster_toml": with_another_service(scene)})
    assert any("another" in c["object"] + c["text"] for c in planned["changes"]), planned
    assert names(scene.pair.primary) == {"web", "dicom", "images"}


def test_an_absent_secondary_gets_it_when_it_comes(scene):
    scene.pair.secondary.kill()
    scene.pair.secondary.wait_gone()
    answer = scene.pair.primary.apply(with_another_service(scene))
    assert answer["peer"].startswith("absent"), answer
    scene.pair.secondary.start()
    scene.pair.settle()
    assert "another" in names(scene.pair.secondary)


def test_the_secondary_killed_while_applying_comes_back_whole(scene):
    """Killed at a random instant in the midst of 200 applies: it has a complete old or new generation each time."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    texts = [scene.cluster_text(), with_another_service(scene)]
    applied = 0
    while applied < 200:
        fatal = rng.randrange(10)
        for n in range(10):
            if n == fatal:
                _kill_during_apply(scene, texts[applied % 2], rng)
            else:
                scene.pair.primary.apply(texts[applied % 2])
            applied += 1
        scene.pair.secondary.wait_gone()
        scene.pair.secondary.start()
        said = scene.pair.secondary.status()["config"]
        assert said["generation"] <= scene.pair.primary.status()["config"]["generation"]
        assert scene.pair.secondary.read("cluster.toml") in texts, "a torn file"
        scene.pair.settle()
        until(lambda: scene.pair.secondary.read("cluster.toml") == scene.pair.primary.read("cluster.toml"), 2,
              "the secondary's file is what runs", describe=scene.pair.describe)


def _kill_during_apply(scene, text, rng):
    applying = threading.Thread(target=scene.pair.primary.apply, args=(text,))
    applying.start()
    time.sleep(rng.random() * 0.03)
    scene.pair.secondary.kill()
    applying.join(15)
    assert not applying.is_alive(), "apply answers although the peer died"


def test_drained_state_outlives_an_apply(scene):
    scene.pair.primary.dyad("drain", "web/rs1")
    scene.pair.primary.apply(with_another_service(scene))
    for node in scene.pair.nodes:
        until(lambda: node.server("web", "rs1")["admin"] == "drain", 2, f"still drained on {node.name}", describe=node.describe)


def test_a_removed_server_gets_no_more(scene):
    scene.pair.primary.apply(scene.cluster_text(web_servers={"rs2": scene.servers[1].address}))
    assert {fetch(scene.client, WEB) for _ in range(6)} == {"rs2"}


def test_a_server_on_another_port(scene):
    extra = RealServer(scene.lab.real_servers[0], name="rs1-8000", ports=(8000,))
    scene.pair.primary.apply(scene.cluster_text(web_servers={"other": {"address": extra.address, "port": 8000}}))
    until(lambda: scene.pair.active.server("web", "other")["health"] == "up", 3, "up", describe=scene.pair.describe)
    assert fetch(scene.client, WEB) == "rs1-8000"
