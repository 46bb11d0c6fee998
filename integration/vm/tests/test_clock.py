# SPDX-License-Identifier: Apache-2.0
"""Somebody sets the machine's clock while a pair serves: nothing but the times that are shown knows of it.

The clock belongs to the whole machine, so both nodes see the same step at the same time, and no other test runs beside these.
"""

import contextlib
import datetime
import re
import time

import pytest
from lab import HttpProbe, Lab, Pair, RealServer, conf
from lab.wait import stays, until
from topology import run

WITHIN = 90             # seconds; the machine is emulated
WEB, BRIEF = "10.77.0.100", "10.77.0.101"
KEPT, BRIEFLY = 600, 8  # seconds that a client stays with its server
HOUR, YEAR = 3600, 365 * 86400
FIRST_HOURS = datetime.datetime(1970, 1, 1, 6, tzinfo=datetime.timezone.utc).timestamp()    # the kernel takes none before its own start
NEXT_CENTURY = datetime.datetime(2100, 3, 1, tzinfo=datetime.timezone.utc).timestamp()
SHOWN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
pytestmark = pytest.mark.alone


def set_clock(seconds):
    time.clock_settime(time.CLOCK_REALTIME, seconds)


def step(by):
    set_clock(time.time() + by)


@pytest.fixture(autouse=True)
def right_again():
    """The clock is as it would have been."""
    difference = time.time() - time.monotonic()
    yield
    set_clock(time.monotonic() + difference)


class Site:
    def __init__(self, lab):
        self.lab, self.client = lab, lab.clients[0]
        self.servers = [RealServer(host) for host in lab.real_servers]
        self.pair = Pair(lab, self.text(100))
        self.pair.start(WITHIN)
        self.pair.up(within=WITHIN)
        self.probe = HttpProbe(self.client, WEB, period=0.5)
        until(self.probe.answers, WITHIN, "the client is served", describe=self.pair.describe)

    def text(self, weight):
        servers = {s.name: {"address": s.address, "weight": weight} for s in self.servers}
        return conf.cluster(
            *(conf.service(name, address, 80, servers, check=conf.health(), persistence=f'{{ mode = "source_ip", timeout = "{seconds}s" }}')
              for name, address, seconds in (("web", WEB, KEPT), ("brief", BRIEF, BRIEFLY))),
            heartbeats=conf.heartbeat(keepalive="250ms", warntime="1s", deadtime="2s", initdead="8s", address_lifetime="4s"), check_interval="1s")

    def entries(self, node, service):
        return {e["client"]: e for e in node.call("GET", f"/v1/persistence?service={service}")["entries"]}

    def ask(self, address):
        run(self.client, ["curl", "-sS", "--max-time", "10", f"http://{address}/"])

    def applied(self, weight):
        self.pair.primary.apply(self.text(weight))
        until(lambda: all(n.server("web", "rs1")["weight"] == weight for n in self.pair.nodes) and self.replicates(), WITHIN,
              "in force on both", describe=self.pair.describe)

    def replicates(self):
        return all(n.status()["config"]["in_sync"] for n in self.pair.nodes)


@pytest.fixture(scope="module")
def site():
    with Lab(heartbeat_links=2, real_servers=2, clients=1, observers=0) as lab:
        yield Site(lab)


class Unmoved:
    """What a set clock must not change."""

    def __init__(self, pair):
        self._pair = pair
        self._before, self._told = self._said(), {n.name: len(self._events(n)) for n in pair.nodes}

    def _said(self):
        said = [node.status() for node in self._pair.nodes]
        return [([s["node"][key] for key in ("state", "epoch", "ready")], [p["pid"] for p in s["processes"]],
                 [(link["alive"], link["lost"], link["rejected"]) for link in s["links"]],
                 [x["health"] for service in s["services"] for x in service["servers"]]) for s in said]

    @staticmethod
    def _events(node):
        return [e for e in node.events() if e["kind"] in ("state", "peer", "link", "conflict", "stall", "address", "health", "process")]

    def holds(self):
        assert self._said() == self._before
        for node in self._pair.nodes:
            assert len(self._events(node)) == self._told[node.name], self._events(node)[self._told[node.name]:]


def received(pair):
    return [link["received"] for node in pair.nodes for link in node.status()["links"]]


STEPS = {"an hour ahead": lambda: step(HOUR), "three hours back": lambda: step(-3 * HOUR), "four years ahead": lambda: step(4 * YEAR),
         "to 1970": lambda: set_clock(FIRST_HOURS), "to the next century": lambda: set_clock(NEXT_CENTURY),
         "ahead and back again and again": lambda: [step(by) for _ in range(20) for by in (HOUR, -HOUR, YEAR, -YEAR)]}


@pytest.mark.parametrize("name", STEPS)
def test_a_set_clock_moves_and_expires_nothing(site, name):
    pair, client = site.pair, site.client.address()
    unmoved = Unmoved(pair)
    remained = {n.name: (site.entries(n, "web")[client], time.monotonic()) for n in pair.nodes}
    checks, heard, asked = [dict(s.checks_by) for s in site.servers], received(pair), time.monotonic_ns()
    STEPS[name]()
    until(lambda: all(now > then + 12 for now, then in zip(received(pair), heard)), WITHIN, "heartbeats go on", describe=pair.describe)
    until(lambda: all(s.checks_by[address] > was[address] + 2 for s, was in zip(site.servers, checks) for address in was), WITHIN,
          "health checks go on", describe=pair.describe)
    until(lambda: len(site.probe.answers(asked)) > 5, WITHIN, "clients are served", describe=pair.describe)
    assert not site.probe.errors(asked), site.probe.errors(asked)
    for node in pair.nodes:     # an answer may begin the entry's time anew
        entry, (then, since) = site.entries(node, "web")[client], remained[node.name]
        assert entry["server"] == then["server"]
        assert then["remaining_ms"] / 1000 - (time.monotonic() - since) - 2 < entry["remaining_ms"] / 1000 <= KEPT, (then, entry)
    unmoved.holds()

    weight = 50 + list(STEPS).index(name)
    site.applied(weight)
    year = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-")
    for node in pair.nodes:
        event = node.events()[-1]
        assert SHOWN.fullmatch(event["time"]) and event["time"].startswith(year), event
        assert year in node.dyad("history").stdout.splitlines()[1], node.dyad("history").stdout
    for words in (["status"], ["status", "web/rs1"], ["events"], ["history"]) if name.startswith("to ") else ():
        said = pair.primary.dyad(*words, timeout=60).stdout
        assert not re.search(r"(?<![\w.-])-\d", said), said     # nothing lasts less than no time
    unmoved.holds()


def test_who_stays_briefly_leaves_in_time(site):
    for by in (-YEAR, YEAR):
        site.ask(BRIEF)
        client, since = site.client.address(), time.monotonic()
        until(lambda: all(client in site.entries(n, "brief") for n in site.pair.nodes), BRIEFLY - 2, "both know it", every=0.1)
        step(by)
        for node in site.pair.nodes:
            entry = site.entries(node, "brief")[client]
            assert 0 < entry["remaining_ms"] <= BRIEFLY * 1000, entry
        until(lambda: not any(site.entries(n, "brief") for n in site.pair.nodes), WITHIN, "it is over", every=0.1)
        assert BRIEFLY - 0.5 < time.monotonic() - since < BRIEFLY + 6


def test_what_nobody_confirms_goes_back_after_its_time(site):
    pair = site.pair
    site.applied(77)
    for by in (YEAR, -YEAR):
        pair.primary.write("cluster.toml", site.text(88))
        pair.primary.dyad("apply", pair.primary.config_dir, "--confirm", "12s", timeout=60)
        since = time.monotonic()
        step(by)
        said = pair.primary.status()["config"]["confirmation"]
        assert said and 0 < said["left_ms"] <= 12_000, said
        until(lambda: pair.primary.server("web", "rs1")["weight"] == 77, WITHIN, "back", every=0.1, describe=pair.describe)
        assert 11 < time.monotonic() - since < 30
        until(site.replicates, WITHIN, "on both", describe=pair.describe)
    site.applied(77)


@contextlib.contextmanager
def no_replication(pair):
    """Connections between the nodes are reset, and no new ones come about."""
    for node in pair.nodes:
        node.host.run(["nft", "-f", "-"], input="table inet cut {\nchain out {\ntype filter hook output priority 0\n"
                                                "tcp dport 7778 reject with tcp reset\ntcp sport 7778 reject with tcp reset\n}\n}\n")
    try:
        yield
    finally:
        for node in pair.nodes:
            node.host.run(["nft", "delete", "table", "inet", "cut"])


@pytest.mark.parametrize("seconds", [FIRST_HOURS, NEXT_CENTURY])
def test_nodes_find_each_other_again_at_any_time(site, seconds):
    """Replication, a node that is started anew, and a move both ways."""
    pair, unmoved = site.pair, Unmoved(site.pair)
    with no_replication(pair):
        until(lambda: not any(n.status()["config"]["replication"]["connected"] for n in pair.nodes), WITHIN, "apart", describe=pair.describe)
        set_clock(seconds)
    until(lambda: all(n.status()["config"]["replication"]["connected"] for n in pair.nodes), WITHIN, "connected again", describe=pair.describe)
    unmoved.holds()
    passive, client = pair.passive, site.client.address()
    server = site.entries(pair.active, "web")[client]["server"]
    passive.terminate()
    passive.wait_gone(30)
    passive.start(WITHIN)
    pair.settle(WITHIN)
    step(-HOUR)
    until(lambda: site.entries(passive, "web").get(client, {}).get("server") == server, WITHIN, "it knows the client", describe=pair.describe)
    owner = pair.active
    pair.make_active(passive)
    stays(lambda: passive.state == "active", 1, "it keeps the addresses", every=0.1, describe=pair.describe)
    pair.make_active(owner)
