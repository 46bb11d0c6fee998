# SPDX-License-Identifier: Apache-2.0
"""Balancing, health, drain and halt, as both nodes know them."""

import collections
import json
import socket

import pytest
from lab.probe import fetch
from lab.wait import until
from scene import DICOM, IMAGES, WEB


def answers(scene, n=20, address=WEB):
    return collections.Counter(fetch(scene.client, address) for _ in range(n))


def test_requests_reach_both_servers(scene):
    seen = answers(scene, 20)
    assert seen == {"rs1": 10, "rs2": 10}, "equal weights take turns"


def test_first_prefers_the_first(scene):
    names = set()
    for _ in range(5):
        with scene.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(3)
            s.connect((DICOM, 104))
            names.add(s.recv(64).decode().strip())
            s.sendall(b"C-ECHO")
            assert s.recv(64) == b"C-ECHO"
    assert names == {"rs1"}


def test_without_ipvs_layer4_is_shown_with_its_remedy(scene):
    for node in scene.pair.nodes:
        by_name = {s["name"]: s for s in node.status()["services"]}
        assert by_name["web"]["not_served"] == "" and by_name["dicom"]["not_served"] == ""
        said = by_name["images"]["not_served"]
        assert "IPVS" in said or "ip_vs" in said, said
        table = node.dyad("status").stdout
        assert "not served" in table and "images" in table, table
    assert answers(scene, 4), "layer 7 runs all the same"
    assert IMAGES in scene.pair.active.host.addresses(), "its address is there for the day the kernel can"


def test_a_failing_health_page_takes_a_server_out_and_back(scene):
    scene.servers[0].health = "somethingWrong"
    for node in scene.pair.nodes:
        until(lambda: node.server("web", "rs1")["health"] == "down", 3, f"down on {node.name}", describe=node.describe)
    assert answers(scene, 6) == {"rs2": 6}
    assert scene.pair.active.server("web", "rs1")["reason"]
    scene.servers[0].health = "allServicesOperative"
    for node in scene.pair.nodes:
        until(lambda: node.server("web", "rs1")["health"] == "up", 3, f"up on {node.name}", describe=node.describe)
    assert answers(scene, 20)["rs1"] > 0


def test_a_dead_server_is_left_out(scene):
    scene.servers[1].stop()
    until(lambda: scene.pair.active.server("web", "rs2")["health"] == "down", 3, "down", describe=scene.pair.describe)
    assert answers(scene, 6) == {"rs1": 6}


@pytest.mark.parametrize("action", ["drain", "halt"])
def test_drain_and_halt_are_known_to_both_and_survive(scene, action):
    scene.pair.active.dyad(action, "web/rs1")
    for node in scene.pair.nodes:
        until(lambda: node.server("web", "rs1")["admin"] == action, 2, f"{action} on {node.name}", describe=node.describe)
    assert answers(scene, 6) == {"rs2": 6}

    old, new = scene.pair.active, scene.pair.passive
    old.kill()
    until(lambda: new.state == "active", 3, "failed over", describe=new.describe)
    assert new.server("web", "rs1")["admin"] == action
    assert answers(scene, 6) == {"rs2": 6}

    old.wait_gone()
    old.start()
    scene.pair.settle()
    assert old.server("web", "rs1")["admin"] == action, "kept over a restart"
    new.dyad("online", "web/rs1")
    for node in scene.pair.nodes:
        until(lambda: node.server("web", "rs1")["admin"] == "online", 2, f"online on {node.name}", describe=node.describe)
    until(lambda: answers(scene, 10).get("rs1"), 12, "rs1 is used again", describe=scene.pair.describe)


def test_drain_lets_an_open_connection_finish(scene):
    with scene.client.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect((DICOM, 104))
        assert s.recv(64) == b"rs1\n"
        scene.pair.active.dyad("drain", "dicom/rs1")
        until(lambda: scene.pair.active.server("dicom", "rs1")["admin"] == "drain", 2, "drained")
        s.sendall(b"still here")
        assert s.recv(64) == b"still here"


def test_halt_by_address_halts_wherever_it_serves(scene):
    node = scene.pair.active
    node.dyad("halt", "--server", scene.servers[1].address)
    for service in ("web", "dicom", "images"):
        assert node.server(service, "rs2")["admin"] == "halt", service
        assert node.server(service, "rs1")["admin"] == "online", service


def test_what_does_not_exist_is_refused(scene):
    refused = scene.pair.active.dyad("drain", "web/nobody", check=False)
    assert refused.returncode == 1 and "nobody" in refused.stderr, refused


def test_status_as_json_is_the_api_s(scene):
    node = scene.pair.primary
    said = json.loads(node.dyad("--json", "status").stdout)
    assert said["node"]["name"] == "lb1" and {s["name"] for s in said["services"]} == {"web", "dicom", "images"}
    assert [p["name"] for p in said["processes"]] == ["guardian", "cluster", "checker", "proxy"]


def test_client_without_a_daemon():
    """Exit code 3 and a sentence when there is nobody to ask."""
    from lab import Lab, Node
    with Lab(nodes=1, clients=0, observers=0) as lab:
        done = Node(lab.nodes[0], "primary").dyad("status", check=False)
        assert done.returncode == 3 and done.stderr.count("\n") == 1, done
