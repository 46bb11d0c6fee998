# SPDX-License-Identifier: Apache-2.0
"""A start that cannot succeed ends at once, with one clear sentence that says what to do."""

import os
import re
import socket
import subprocess

import pytest
from lab import Lab, Pair, conf
from lab.wait import until


@pytest.fixture
def pair():
    with Lab(heartbeat_links=1, real_servers=0, clients=0, observers=0) as lab:
        yield Pair(lab, conf.cluster(conf.floating("10.77.0.110"), heartbeats=conf.heartbeat(initdead="1s")))


def refused(node, prefix=(), level="info"):
    """Starts dyadd, which must end by itself; returns what it said as lines."""
    done = node.host.run([*prefix, *node.command(level)], check=False, timeout=10)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    return [line for line in (done.stdout + done.stderr).splitlines() if line]


def one_sentence(lines, *parts):
    """One line says why, in an operator's words."""
    reasons = [line for line in lines if re.search(r"^dyadd: | (error|critical): ", line)]
    assert len(reasons) == 1, lines
    for part in parts:
        assert re.search(part, reasons[0]), lines
    assert not any("terminate called" in line or "what():" in line for line in lines), lines


def test_second_dyadd_on_the_same_directories(pair):
    node = pair.primary
    node.start()
    one_sentence(refused(node), r"already|another dyadd")
    assert node.status()["node"]["name"] == "lb1", "the first one is untouched"


def test_heartbeat_port_taken(pair):
    node = pair.primary
    with node.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((node.host.address("hb1"), 6694))
        one_sentence(refused(node), "6694", "in use", "ss -lunp|another dyadd")


def test_replication_port_taken(pair):
    node = pair.primary
    with node.host.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind((node.host.address("hb1"), 7778))
        taken.listen()
        one_sentence(refused(node), "7778", "in use", "ss -ltnp|another dyadd")


@pytest.mark.parametrize("capability", ["net_admin", "net_raw"])
def test_missing_capability(pair, capability):
    lines = refused(pair.primary, ["setpriv", "--bounding-set", f"-{capability}", "--inh-caps", f"-{capability}", "--"])
    one_sentence(lines, f"CAP_{capability.upper()}")


def test_missing_configuration(pair):
    os.remove(os.path.join(pair.primary.config_dir, "node.toml"))
    one_sentence(refused(pair.primary), "node.toml")


def test_faulty_configuration_is_not_started(pair):
    pair.primary.write("cluster.toml", "format = 1\n[service.x]\nmode = \"tcpp\"\n")
    one_sentence(refused(pair.primary), r"cluster\.toml:3:8: ", "tcpp")


def test_key_that_others_can_read(pair):
    os.chmod(os.path.join(pair.primary.config_dir, "cluster.key"), 0o644)
    one_sentence(refused(pair.primary), r"cluster\.key", "0600|chmod")


def test_absent_interface(pair):
    text = pair.primary.read("node.toml").replace('interface = "hb1"', 'interface = "hb9"')
    pair.primary.write("node.toml", text)
    one_sentence(refused(pair.primary), "hb9")


def test_wrong_usage(pair):
    done = pair.primary.host.run([pair.primary.command()[0], "--no-such-thing"], check=False)
    assert done.returncode == 2 and "no-such-thing" in done.stderr, done


def test_different_keys_never_meet(pair):
    pair.secondary.write("cluster.key", "ab" * 32 + "\n", 0o600)
    for node in pair.nodes:
        node.start()
    until(lambda: all(sum(link["rejected"] for link in n.status()["links"]) > 5 for n in pair.nodes), 5,
          "heartbeats are rejected and counted", describe=pair.describe)
    assert all(not (n.status()["peer"] or {}).get("alive") for n in pair.nodes)


def test_version(pair):
    for program in (pair.primary.command()[0], pair.primary.command()[0].replace("dyadd", "dyad")):
        said = subprocess.run([program, "--version"], text=True, capture_output=True)
        assert said.returncode == 0 and re.search(r"\d+\.\d+\.\d+", said.stdout), said
