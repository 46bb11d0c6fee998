# SPDX-License-Identifier: Apache-2.0
"""Clients of all kinds at once, servers that come and go, an operator who changes this and that: nobody is told wrong things,
no process ends, and nothing grows.

For some seconds as a drill. DYAD_SOAK_SECONDS makes it as long as one likes; with programs of a sanitizer's build (DYAD_BUILD)
its reports fail the test. From LONG seconds on, memory and descriptors at the end are held against those at the beginning.
"""

import collections
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import pytest
from lab import Lab, Node, build, conf
from lab.machine import certificate
from lab.wait import until

WEB, SAFE, RELAY, EXTRA = "10.77.0.100", "10.77.0.101", "10.77.0.102", "10.77.0.103"
HERE = pathlib.Path(__file__).resolve().parent
SECONDS = float(os.environ.get("DYAD_SOAK_SECONDS", "12"))
PAUSE = float(os.environ.get("DYAD_SOAK_PAUSE", "0.05"))   # seconds between two things that a client does
FLAP = 9.0          # seconds from one time that a server is away to the next
TURN = 1.0          # seconds between two things that an operator does
LONG = 900.0        # seconds
WARM = 0.2          # part of a long run that does not count: pools, caches and tables fill, some minutes long
SAMPLES = 300
GROWTH = 0.02       # of memory, and
NOISE = 512         # kB: what an allocator keeps for one more burst. 40 minutes see some 400,000 connections and requests
                    # between the middle of the first third and that of the last, so two bytes lost for each are seen
FEW = 12            # descriptors: how many connections there are at a time depends on chance
ENDED = 20.0        # seconds within which all that clients and servers had is given back
DRAINED = ("rs2", "web")


def is_sanitized():
    """"address" or "thread", or nothing: what dyadd was built with."""
    cache = build.directory() / "CMakeCache.txt"
    text = cache.read_text() if cache.exists() else ""
    return next((line.split("=")[1] for line in text.splitlines() if line.startswith("DYAD_SANITIZE:")), "")


class SanitizedNode(Node):
    """g++ 12's ThreadSanitizer finds no room for its shadow where the kernel randomises 32 bits of an address."""

    def command(self, level="info"):
        return ["setarch", "-R", *super().command(level)] if is_sanitized() == "thread" else super().command(level)


def rss(pid):
    """kB"""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Soak:
    def __init__(self, lab):
        self.lab = lab
        self.reports = pathlib.Path(tempfile.mkdtemp(prefix="dyad-soak-"))   # the lab's own directory is closed to the proxy, which
        self.reports.chmod(0o777)                                           # is nobody special
        lab.on_close(lambda: shutil.rmtree(self.reports, ignore_errors=True))
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
            os.environ[name] = f"log_path={self.reports}/report:halt_on_error=1:abort_on_error=0:exitcode=99"
        self.node = node = SanitizedNode(lab.nodes[0], "primary")
        node.write("node.toml", conf.alone(node.host))
        node.write("certificates/web.pem", "", 0o600)
        self.pem = certificate(f"{node.config_dir}/certificates/web.pem", "web.example", WEB, SAFE, RELAY)
        self.servers = [self._server(host, flap) for host, flap in zip(lab.real_servers, ((), (), (str(FLAP),)))]
        node.write("cluster.toml", self.text(0))
        node.start(within=30)
        for service in ("web", "safe", "relay"):
            until(lambda: all(node.server(service, host.name)["health"] == "up" for host in lab.real_servers), 30,
                  f"the servers of {service} are up", every=0.05, describe=node.describe)
        self.pids = node.pids()
        self.quiet = {name: descriptors(pid) for name, pid in self.pids.items()}
        self.samples = []   # ({name: kB}, {name: descriptors})
        self.turns = 0
        self.load = self._load()

    def _server(self, host, flap):
        process = host.popen([sys.executable, "-B", HERE / "mixed_server.py", host.name, host.address(), self.pem, *flap],
                             stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "up\n"
        return process

    def text(self, number):
        """The configuration after so many changes; a service more or less, other weights, other header rules."""
        servers = {host.name: {"address": host.address(), "weight": 1 + (number + i) % 3} for i, host in enumerate(self.lab.real_servers)}
        tls = '{ ports = [%d], certificate = "web" }'
        health = conf.health(equals="well")
        log = 'access_log = { to = "%s", rate = 50 }\n' % os.path.join(self.node.base, "access.log") if number % 2 else ""
        return conf.cluster(
            conf.service("web", WEB, 80, servers, mode="http", check=health, persistence='{ mode = "http_cookie" }', tls=tls % 443,
                         http=f'{{ response_headers = ["set X-Turn: {number}"], forwarded = "append" }}'),
            conf.service("safe", SAFE, 8443, servers, mode="http", check='{ type = "connect" }', re_encrypt=True, tls=tls % 443),
            conf.service("relay", RELAY, 7, servers, check='{ type = "connect" }', tls=tls % 992,
                         persistence='{ mode = "source_ip", timeout = "5s" }'),
            *([conf.service("extra", EXTRA, 80, servers, mode="http", check=health)] if number % 2 else [])).replace("[layer7]\n", "[layer7]\n" + log)

    def _load(self):
        return self.lab.clients[0].popen([sys.executable, "-B", HERE / "mixed_load.py", str(SECONDS), str(PAUSE), WEB, SAFE, RELAY],
                                         stdout=subprocess.PIPE, text=True)

    def run(self):
        begin = sampled = time.monotonic()
        while self.load.poll() is None:
            until(lambda: self.load.poll() is not None or time.monotonic() > begin + (self.turns + 1) * TURN, TURN * 60, "the next turn",
                  every=0.02)
            if time.monotonic() - sampled > SECONDS / SAMPLES and time.monotonic() < begin + SECONDS:
                sampled = time.monotonic()
                self._sample()
            if not self.all_live():
                self.load.kill()
                self.load.wait()
            if self.load.poll() is None:
                self._operate()
            assert time.monotonic() < begin + SECONDS + 120, "the clients do not end"
        self.results = json.loads(self.load.stdout.read() or "{}")

    def all_live(self):
        return all(os.path.exists(f"/proc/{pid}") for pid in self.pids.values())

    def _sample(self):
        try:
            self.samples.append(({n: rss(p) for n, p in self.pids.items()}, {n: descriptors(p) for n, p in self.pids.items()}))
        except OSError:
            pass   # one has ended; the tests tell of it

    def _operate(self):
        """A turn: a server is drained, halted, taken back, or the configuration changes."""
        server, service = DRAINED
        what = ("drain", "online", "halt", "online", "apply")[self.turns % 5]
        self.turns += 1
        if what == "apply":
            self.node.apply(self.text(self.turns // 5))
        else:
            self.node.servers(what, service=service, server=server)

    def end(self):
        """The clients have left; the servers leave, too."""
        for server in self.servers:
            server.kill()
            server.wait()
        if self.turns // 5 % 2:
            self.node.apply(self.text(0))

    def given_back(self):
        return self.all_live() and all(descriptors(pid) <= self.quiet[name] for name, pid in self.pids.items())

    def opened(self):
        """What each process has open, counted by kind."""
        def kind(path):
            try:
                return os.readlink(path).split(":")[0]
            except OSError:
                return "gone"
        return {name: collections.Counter(kind(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
                for name, pid in self.pids.items() if os.path.exists(f"/proc/{pid}")}

    def told(self):
        return {path.name: path.read_text(errors="replace")[:6000] for path in self.reports.iterdir()}


@pytest.fixture(scope="module")
def soak():
    before = dict(os.environ)
    with Lab(heartbeat_links=0, nodes=1, real_servers=3, clients=1, observers=0) as lab:
        made = Soak(lab)
        try:
            made.run()
            yield made
        finally:
            os.environ.clear()
            os.environ.update(before)


def test_clients_are_told_nothing_wrong(soak):
    assert soak.results, (soak.told(), soak.node.describe())
    wrong = {name: r["wrong"] for name, r in soak.results.items() if r["wrong"]}
    assert not wrong, (wrong, soak.told(), soak.node.describe())


def test_clients_of_all_kinds_are_served(soak):
    idle = {name: r for name, r in soak.results.items() if r["good"] < max(1, r["cut"])}
    print(json.dumps(soak.results))
    assert soak.results and not idle, (idle, soak.results)


def test_no_process_has_ended_and_none_has_complained(soak):
    assert not soak.told(), soak.told()
    assert soak.node.pids() == soak.pids, soak.node.describe()
    with open(soak.node.log, errors="replace") as log:
        assert "Sanitizer" not in log.read()


def medians(samples):
    """Process -> the median."""
    return {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}


def test_nothing_grows(soak):
    if SECONDS < LONG or is_sanitized():   # freed memory stays with a sanitizer for a while
        return
    warm = soak.samples[int(len(soak.samples) * WARM):]
    third = len(warm) // 3
    for what, room in ((0, lambda value: value * GROWTH + NOISE), (1, lambda value: FEW)):
        first, last = (medians([sample[what] for sample in part]) for part in (warm[:third], warm[-third:]))
        print(("kB in memory", "descriptors")[what], "first", first, "last", last)
        assert all(last[name] <= first[name] + room(first[name]) for name in first), (first, last)


def test_all_descriptors_are_given_back(soak):
    """Last: it ends the servers."""
    soak.end()
    until(soak.given_back, ENDED, "as many descriptors as before", every=0.1,
          describe=lambda: f"{soak.quiet} before, now {soak.opened()}")
