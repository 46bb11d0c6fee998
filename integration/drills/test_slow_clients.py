# SPDX-License-Identifier: Apache-2.0
"""Thousands of clients that are as slow as they can be (slowhttptest): the others are served, and memory has its bounds."""

import os
import pathlib
import re
import resource
import subprocess
import sys

import pytest
from lab import HttpProbe, Lab, Node, conf
from lab.machine import certificate
from lab.wait import until

WEB = "10.77.0.100"
HERE = pathlib.Path(__file__).resolve().parent
COLOUR = re.compile(r"\x1b\[[\d;]*m")
LASTS = 9         # seconds
HEAD = "8s"       # for a head: all slow ones are there at once before the first is sent away
GAP = 1000        # ms in which nobody else is answered, on a machine that slowhttptest keeps busy
TOGETHER = 3      # slowhttptests that share the work: one alone needs too long for so many
SLOW = {          # how many, what they do, what they ask for; MB that the proxy may grow by
    "heads": (9000, ("-H", "-i", 1, "-x", 24), "/who", 120),
    "bodies": (600, ("-B", "-i", 1, "-s", 8192, "-x", 10, "-t", "POST"), "/who", 60),
    "reads": (600, ("-X", "-w", 10, "-y", 20, "-n", 1, "-z", 5, "-k", 3), "/400000", 80)}


class Site:
    def __init__(self, lab):
        self.slow, self.quick = lab.clients
        host = lab.real_servers[0]
        pem = certificate(f"{lab.directory}/web.pem", "web.example", WEB)
        server = host.popen([sys.executable, "-B", HERE / "mixed_server.py", "rs1", host.address(), pem], stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "up\n"
        self.node = Node(lab.nodes[0], "primary")
        self.node.write("node.toml", conf.alone(self.node.host))
        self.node.write("cluster.toml", conf.cluster(conf.service("web", WEB, 80, {"rs1": host.address()}, mode="http", timeouts=f'{{ head = "{HEAD}" }}',
                                                                  check=conf.health(equals="well"))))
        self.node.start()
        until(lambda: self.node.server("web", "rs1")["health"] == "up", 10, "the server is up", describe=self.node.describe)
        self.proxy = self.node.pids()["proxy"]

    def memory(self):
        """MB of the proxy."""
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.proxy}/status").read_text())[1]) / 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.proxy}/fd"))


@pytest.fixture(scope="module")
def site():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 20_000), max(before[1], 20_000)))   # for slowhttptest
    try:
        with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=2, observers=0) as lab:
            yield Site(lab)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_keep_nobody_out(site, kind):
    count, how, path, room = SLOW[kind]
    before, quiet = site.memory(), site.descriptors()
    grown, there = [], []
    probe = HttpProbe(site.quick, WEB, path="/who", timeout=5)
    command = ["slowhttptest", "-c", count // TOGETHER, "-r", 3000, "-l", LASTS, "-p", 3, "-u", f"http://{WEB}{path}", *how]
    slow = [site.slow.popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(TOGETHER)]

    def is_over():
        grown.append(site.memory() - before)
        there.append(site.descriptors() - quiet)
        return all(one.poll() is not None for one in slow)
    try:
        until(is_over, LASTS * 3, "slowhttptest ends", every=0.1, describe=site.node.describe)
    finally:
        for one in slow:
            one.kill()
        probe.stop()
    for one in slow:
        said = COLOUR.sub("", one.stdout.read())
        assert set(re.findall(r"service available: +(\w+)", said)) == {"YES"}, said[-1500:]
    assert max(there) >= count, f"{max(there)} of {count} at once"
    assert max(grown) < room
    assert probe.errors() == [] and probe.longest_gap() < GAP
    assert site.node.pids()["proxy"] == site.proxy
    until(lambda: site.descriptors() - quiet < 20, 20, "their connections are given back", describe=lambda: str(site.descriptors() - quiet))
