# SPDX-License-Identifier: Apache-2.0
"""The proxy process is replaced live, again and again under load: nobody is refused, reset or forgotten."""

import json
import os
import select
import shutil
import signal
import time

import pytest
from lab import HttpProbe, Lab, Node, build, conf
from lab.talk import Talk
from lab.wait import until
from steady_load import Download, Echo, KeptConnection, Origin, WebSocket, progress

HTTP, TCP, STICKY = "10.77.0.100", "10.77.0.101", "10.77.0.102"
ECHO = 104
TIMES = 20
LONG = 4.0          # seconds of a download, a transfer, a WebSocket
MOST_RETIREES = 5   # of the eight that there may be
GET = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"


class Site:
    """A node that runs from a copy of dyadd, so that another program can be put in its place."""

    def __init__(self, lab, finish_within="1h"):
        self.lab, self.client = lab, lab.clients[0]
        self.servers = [Origin(host, LONG, echo=(ECHO,)) for host in lab.real_servers]
        self.program = os.path.join(lab.directory, "dyadd")
        shutil.copy(build.dyadd(), self.program)
        self.node = node = Node(lab.nodes[0], "primary")
        plain = node.command
        node.command = lambda **how: [self.program, *plain(**how)[1:]]
        node.write("node.toml", conf.alone(node.host) + f'\n[proxy]\nfinish_within = "{finish_within}"\n')
        named = {server.name: server.address for server in self.servers}
        node.write("cluster.toml", conf.cluster(
            conf.service("http", HTTP, 80, named, mode="http", check=conf.health(), persistence='{ mode = "http_cookie" }'),
            conf.service("web", TCP, 80, named, check=conf.health()),
            conf.service("echo", TCP, ECHO, named, check=conf.health()),
            conf.service("sticky", STICKY, 80, named, mode="http", check=conf.health(),
                         persistence='{ mode = "source_ip", timeout = "1h" }')))
        node.start()
        for name in ("http", "web", "echo", "sticky"):
            self.all_up(name)

    def all_up(self, service):
        until(lambda: all(self.node.server(service, s.name)["health"] == "up" for s in self.servers), 10,
              f"the servers of {service} are up", describe=self.node.describe)

    @property
    def proxy(self):
        return self.node.pids()["proxy"]

    def retirees(self):
        return {p["pid"]: p for p in self.node.status()["retiring_proxies"]}

    def replace(self):
        """What the command says."""
        return json.loads(self.node.dyad("--json", "replace-proxy").stdout)

    def put_program(self, make):
        """Another file in the program's place, as a package manager puts it there."""
        fresh = self.program + ".new"
        make(fresh)
        os.chmod(fresh, 0o755)
        os.rename(fresh, self.program)

    def put_good_program(self):
        self.put_program(lambda path: shutil.copy(build.dyadd(), path))

    def alone(self):
        """Waits until no replaced process is left."""
        until(lambda: not self.retirees(), 15, "the replaced proxies have ended", describe=self.node.describe)

    def talk(self, address=HTTP, port=80):
        return Talk(self.client, address, port)

    def who(self, address=STICKY):
        with self.talk(address) as talk:
            return talk.send(GET).answer().body.decode()


def ended(talk):
    """Has the client's connection ended or been reset, or is it silent?"""
    return bool(select.select([talk.socket], [], [], 0)[0])


@pytest.fixture(scope="module")
def site():
    with Lab(heartbeat_links=0, nodes=1, real_servers=2, clients=1, observers=0) as lab:
        yield Site(lab)


def test_twenty_times_under_load_and_none_fails(site):
    site.alone()
    before, events = site.node.pids(), len(site.node.events())
    client = site.client
    kept = [KeptConnection(client, HTTP, count=6), KeptConnection(client, HTTP, count=2, rest=0.3)]
    long = [Download(client, HTTP, count=2), WebSocket(client, HTTP, count=2, seconds=LONG),
            Echo(client, TCP, ECHO, count=3, seconds=LONG)]
    fresh = [HttpProbe(client, address, period=0.01, timeout=8.0) for address in (HTTP, TCP)]
    said = []
    try:
        progress(kept + long, 20, "all clients are served")
        counted, most = 0, 0
        for _ in range(TIMES):
            said.append(site.replace())
            progress(kept + long[1:], 20, "clients are served by the next proxy, too")
            status = site.node.status()
            counts = sum(s["connections"] for s in status["services"])
            assert counts >= counted, "the counters went backwards"
            counted, most = counts, max(most, len(status["retiring_proxies"]))
            until(lambda: len(site.retirees()) <= MOST_RETIREES, 20, "some replaced proxies have ended", describe=site.node.describe)
        until(lambda: not {before["proxy"], *(s["was"] for s in said)} & set(site.retirees()), 20,
              "all replaced proxies end while clients go on", describe=site.node.describe)
    finally:
        for load in kept + long + fresh:
            load.stop()
    failures = [f for load in kept + long for f in load.failures] + [(of.address, *r) for of in fresh for r in of.errors()]
    assert not failures, f"{len(failures)} failed: {failures[:5]}"
    pids = [before["proxy"], *(s["pid"] for s in said)]
    assert [s["was"] for s in said] == pids[:-1] and len(set(pids)) == TIMES + 1, said
    assert most >= 2, "long connections spanned a replacement at most"
    assert all(load.done >= 4 for load in long), [load.done for load in long]
    assert kept[0].done >= 2 * TIMES, "kept connections hear with their next answer that they end"
    assert sum(load.requests for load in kept) > 1000 and all(len(of.results) > 200 for of in fresh)
    site.alone()
    after = site.node.pids()
    assert after["proxy"] == said[-1]["pid"] and all(after[n] == before[n] for n in ("guardian", "cluster", "checker"))
    audit = [e["text"] for e in site.node.events()[events:] if e["text"].startswith("proxy replaced: ")]
    assert len(audit) == TIMES, audit
    total = sum(len(of.answers()) for of in fresh) + sum(load.requests for load in kept)
    status = {s["name"]: s for s in site.node.status()["services"]}
    until(lambda: sum(s["connections"] for s in site.node.status()["services"]) >= total, 5, "every connection is counted",
          describe=lambda: f"{total} {status}")


def test_an_idle_connection_is_served_once_more_and_ends_in_order(site):
    site.alone()
    with site.talk() as talk:
        assert talk.send(GET).answer().status == 200
        was = site.proxy
        assert site.replace()["connections"] >= 1
        until(lambda: site.retirees()[was]["connections"] == 1, 5, "status shows the connection", describe=site.node.describe)
        assert f"replaced proxy {was} finishes 1 connection, since" in site.node.dyad("status").stdout
        assert not ended(talk)
        got = talk.send(GET).answer()
        assert got.status == 200 and got.values("connection") == ["close"]
        assert talk.socket.recv(1) == b""
    site.alone()


def test_pipelined_requests_are_all_answered(site):
    site.alone()
    with site.talk() as talk:
        assert talk.send(GET).answer().status == 200
        site.replace()
        talk.send(GET * 5)
        got = [talk.answer() for _ in range(5)]
        assert [a.status for a in got] == [200] * 5
        assert [a.values("connection") for a in got] == [[]] * 4 + [["close"]]
    site.alone()


def test_a_second_replacement_while_a_connection_lives_in_the_first(site):
    site.alone()
    talks, pids = [], []
    try:
        for _ in range(3):
            pids.append(site.proxy)
            talks.append(site.talk(TCP, ECHO))
            talks[-1].stream.until(b"\n")
            site.replace()
        assert set(site.retirees()) == set(pids)
        for talk in talks:
            assert talk.send(b"still here").stream.exactly(10) == b"still here"
        assert site.node.pids()["proxy"] not in pids
        os.kill(site.proxy, signal.SIGKILL)     # what serves dies: it is started again, and the others go on
        until(lambda: site.proxy not in (*pids, 0), 5, "another one serves", describe=site.node.describe)
        until(lambda: site.who(HTTP), 5, "clients are served", describe=site.node.describe)
        for talk in talks:
            assert talk.send(b"still here").stream.exactly(10) == b"still here"
    finally:
        for talk in talks:
            talk.socket.close()
    site.alone()


def test_a_halted_server_loses_its_connections_in_a_replaced_proxy(site):
    site.alone()
    with site.talk(TCP, ECHO) as talk:
        name = talk.stream.until(b"\n").decode().strip()
        site.replace()
        assert talk.send(b"ping").stream.exactly(4) == b"ping"
        site.node.servers("halt", service="echo", server=name)
        try:
            until(lambda: ended(talk), 3, "the connection is cut", describe=site.node.describe)
            with pytest.raises(ConnectionResetError):
                talk.socket.recv(1)
        finally:
            site.node.servers("online", service="echo", server=name)
            site.all_up("echo")
    site.alone()


def test_persistence_is_kept_and_what_a_replaced_proxy_learns_counts(site):
    site.alone()
    first = site.who()
    for _ in range(3):
        site.replace()
        assert {site.who() for _ in range(6)} == {first}
    for _ in range(4):
        site.node.dyad("persistence", "clear", "sticky")
        with site.talk(STICKY) as talk:
            assert site.replace()["connections"] == 1
            chosen = talk.send(GET).answer().body.decode()   # the replaced one finds a server, and remembers it
        until(lambda: chosen in site.node.dyad("persistence", "show", "sticky").stdout, 3, "the cluster process has heard of it",
              describe=site.node.describe)
        assert {site.who() for _ in range(6)} == {chosen}
        site.alone()


@pytest.mark.parametrize("how", ["dies", "missing", "garbage", "script"])
def test_a_program_that_does_not_start_changes_nothing(site, how):
    site.alone()
    was = site.proxy
    load = KeptConnection(site.client, HTTP, count=3)
    try:
        with site.talk(TCP, ECHO) as talk:
            talk.stream.until(b"\n")
            if how == "missing":
                os.unlink(site.program)
            else:
                site.put_program({"dies": lambda path: shutil.copy("/bin/false", path),
                                  "garbage": lambda path: open(path, "w").write("half of a program"),
                                  "script": lambda path: open(path, "w").write("#!/bin/sh\nexit 0\n")}[how])
            done = site.node.dyad("replace-proxy", check=False)
            assert done.returncode == 1
            why = {"dies": "ended with exit code 1 before it served", "missing": "No such file", "garbage": "Exec format error",
                   "script": "cannot execute"}[how]
            assert why in done.stderr and done.stderr.count("\n") == 1, done.stderr
            assert site.proxy == was and not site.retirees()
            progress([load], 5, "clients are served")
            assert talk.send(b"ping").stream.exactly(4) == b"ping"
        refusals = [e["text"] for e in site.node.events() if e["text"].startswith("proxy not replaced: ")]
        assert why in refusals[-1]
        site.put_good_program()
        assert site.replace()["was"] == was
    finally:
        load.stop()
    assert not load.failures, load.failures
    site.alone()


def test_what_does_not_end_in_time_is_cut():
    with Lab(heartbeat_links=0, nodes=1, real_servers=2, clients=1, observers=0) as lab:
        site = Site(lab, finish_within="1s")
        with site.talk(TCP, ECHO) as talk, site.talk() as idle:
            talk.stream.until(b"\n")
            idle.send(GET).answer()
            begin = time.monotonic()
            assert "; 2 connections finish in the old one, within 1s" in site.node.dyad("replace-proxy").stdout
            until(lambda: ended(talk) and ended(idle), 5, "the connections are cut", describe=site.node.describe)
            assert time.monotonic() - begin >= 0.9
        site.alone()
        with site.talk(TCP, ECHO) as talk:
            talk.stream.until(b"\n")
            site.replace()
            site.node.terminate()   # ends the replaced one as well
            assert site.node.wait_gone() == 0
