# SPDX-License-Identifier: Apache-2.0
"""The proxy process dies again and again under load: what it had under way is lost, and nobody is refused."""

import os
import select
import signal
import time

import pytest
from lab import HttpProbe, Lab, Node, RealServer, conf
from lab.wait import until

HTTP, TCP = "10.77.0.100", "10.77.0.101"
EVERY, LONG = 2.0, 60.0   # seconds
SLOW = 0.3                # seconds that a slow request takes: one is always under way
LATE = 30_000_000         # ns until a client has noticed that its connection is gone
GONE = 2.0                # seconds within which the kernel ends a process that was killed
PATIENCE = 12             # seconds: longer than the guardian waits before it starts one that keeps dying


class Load:
    """A request every 20 ms and a slow one every 100 ms, each on a connection of its own, through both modes."""

    def __init__(self, client):
        self.probes = {(mode, path): HttpProbe(client, address, path=path, period=period, timeout=PATIENCE)
                       for mode, address in (("http", HTTP), ("tcp", TCP)) for path, period in (("/", 0.02), ("/slow", 0.1))}

    def stop(self):
        for probe in self.probes.values():
            probe.stop()

    def results(self):
        """(mode and path, start, end, who, error) of all."""
        return [(of, *result) for of, probe in self.probes.items() for result in probe.results]


def kill(pid):
    """Ends the process; (when it was told to end, when it was gone), in ns. Until then its connections stand."""
    process = os.pidfd_open(pid)
    try:
        told = time.monotonic_ns()
        signal.pidfd_send_signal(process, signal.SIGKILL)
        ended = select.select([process], [], [], GONE)[0]
        gone = time.monotonic_ns()
    finally:
        os.close(process)
    assert ended, f"process {pid} is still there {GONE:g} s after it was killed"
    return told, gone


class Night:
    """What the clients saw, and when the proxy was killed."""

    def __init__(self, lab):
        servers = [RealServer(host) for host in lab.real_servers]
        for server in servers:
            server.delay = SLOW
        self.node = node = Node(lab.nodes[0], "primary")
        node.write("node.toml", conf.alone(node.host))
        named = {server.name: server.address for server in servers}
        node.write("cluster.toml", conf.cluster(conf.service("http", HTTP, 80, named, mode="http", check=conf.health()),
                                                conf.service("tcp", TCP, 80, named, check=conf.health())))
        node.start()
        for name in ("http", "tcp"):
            until(lambda: all(node.server(name, server)["health"] == "up" for server in named), 10, f"the servers of {name} are up",
                  describe=node.describe)
        self.before = node.pids()
        self.load = Load(lab.clients[0])
        try:
            until(lambda: all(probe.answers() for probe in self.load.probes.values()), 5, "all are served", describe=node.describe)
            self.kills = self._kill_for(LONG)
            self.ended = time.monotonic_ns()
            until(lambda: all(probe.answers(self.ended) for probe in self.load.probes.values()), PATIENCE, "all are served at last",
                  describe=node.describe)
        finally:
            self.load.stop()
        self.after = node.pids()
        self.results = self.load.results()

    def _kill_for(self, seconds):
        """What `kill` said of each proxy. At a tick at which none runs there is nothing to kill."""
        kills, last = [], None
        begin = time.monotonic()
        for tick in range(int(seconds / EVERY)):
            until(lambda: time.monotonic() >= begin + tick * EVERY, EVERY * 2, "the next tick")
            pid = self.node.pids()["proxy"]
            try:
                if pid != last:
                    kills.append(kill(pid))
            except ProcessLookupError:
                pass
            last = pid
        return kills

    def was_under_way(self, start, end):
        return any(start <= gone and told <= end + LATE and end <= gone + LATE for told, gone in self.kills)


@pytest.fixture(scope="module")
def night():
    with Lab(heartbeat_links=0, nodes=1, real_servers=2, clients=1, observers=0) as lab:
        yield Night(lab)


def test_it_was_killed_and_came_back(night):
    assert len(night.kills) >= 5 and night.after["proxy"] != night.before["proxy"], (night.kills, night.before, night.after)
    for name in ("guardian", "cluster", "checker"):
        assert night.after[name] == night.before[name], f"{name} is another one"
    failed = [start for _, start, end, _, error in night.results if error]
    assert len(failed) >= len(night.kills), "every death cost somebody a slow request"


def test_nobody_is_refused(night):
    refused = [result for result in night.results if result[4] and "refused" in result[4].lower()]
    assert not refused, refused[:5]


def test_only_what_was_under_way_fails(night):
    begin = night.kills[0][0]
    wrong = [(of, (start - begin) / 1e6, (end - begin) / 1e6, error)
             for of, start, end, _, error in night.results if error and not night.was_under_way(start, end)]
    kills = [((told - begin) / 1e6, (gone - begin) / 1e6) for told, gone in night.kills]
    assert not wrong, f"{len(wrong)} failed (ms from the first kill): {wrong[:8]}\nkills {kills}"


def test_who_comes_while_it_is_away_is_served(night):
    """Clients wait in the listen queue, and none is forgotten there."""
    for _, gone in night.kills:
        came = [result for result in night.results if gone + 1_000_000 <= result[1] <= gone + 60_000_000]
        assert came and not [result for result in came if result[4]], came
