# SPDX-License-Identifier: Apache-2.0
"""Every health check of tests/data/services.json as it is written, on a pair for each deployment: its servers fail it and come back
on both nodes, and neither an apply nor a failover changes what is known of a server."""

import concurrent.futures
import contextlib
import json
import re
import threading
import time

import pytest
from deployments import FACTS, be_servers, checked_port, join_networks, pages_of, text_of
from lab import Lab, Pair, conf
from lab.machine import Machine, certificate
from lab.wait import stays, until

# The data says how often layer 7 of Centricity is checked (6 s) and how many results count there: these stay. It says nothing of the
# other intervals, of time limits and of how a pair begins; conf/ has defaults for them that would only make this longer.
NOT_IN_THE_DATA = {'check_interval = "4s"': 'check_interval = "300ms"', 'check_timeout = "5s"': 'check_timeout = "1s"',
                   'initdead  = "5s"': 'initdead = "2s"'}
# Two results of 6 s each on the active node, and another two on the passive one, which is told to look at once; connects to a machine
# that is gone take 3 s more.
LONGEST = 45
# A wrong result would need `fall` or `rise` of them: two, and a third for what is late.
TWO_INTERVALS = 13

# How the server of a check is made ill first, and how when the pair is to fail over; nothing: it stays well.
WAYS = {"http": ("answer", "status"), "https": ("answer", "closed"), "connect": ("closed", "gone"), "ping": (None, "gone")}
REASONS = {"answer": r'^body (is not|does not contain) ".*" but (starts with )?"somethingWrong"$', "status": r"^status 500 ",
           "closed": r"^connection refused$", "gone": r"^no (connection|echo reply) within \d s$|^no route to host$|^host is unreachable$"}
WELL = {"http": r"^200 OK, body as expected$", "https": r"^200 OK, body as expected$", "connect": r"", "ping": r""}


class Watch:
    """What a node says of all servers, every 20 ms: the changes, with their times."""

    def __init__(self, node):
        self.node, self.seen, self.changes, self.looks = node, None, [], 0
        self._running = True
        self._thread = threading.Thread(target=self._run, name=f"watch of {node.name}", daemon=True)
        self._thread.start()
        node.host.lab.on_close(self.stop)

    def _run(self):
        while self._running:
            with contextlib.suppress(OSError):
                now = states(self.node)
                self.looks += 1
                if self.seen is not None:
                    self.changes += [(time.monotonic(), key, self.seen.get(key), now[key]) for key in now if now[key] != self.seen.get(key)]
                self.seen = now
            time.sleep(0.02)

    def stop(self):
        self._running = False
        self._thread.join(5)


def states(node):
    """(service, server) -> (health, what an operator wants of it)."""
    return {(service["name"], server["name"]): (server["health"], server["admin"])
            for service in node.status()["services"] for server in service["servers"]}


def health_events(node, since=0):
    return [e["text"] for e in node.events() if e["kind"] == "health" and e["id"] > since]


def last_event(node):
    return max(e["id"] for e in node.events())


class Site:
    """A pair with a file of conf/, and one machine that has the addresses of all its servers."""

    def __init__(self, deployment):
        self.name, self.facts = deployment, FACTS[deployment]
        self.checks = [(fact, server) for fact in self.facts for server in fact["servers"]]
        self.lab = Lab(heartbeat_links=1, real_servers=1, clients=0, observers=0)
        text = text_of(deployment)
        for written, quicker in NOT_IN_THE_DATA.items():
            text = text.replace(written, quicker)
        self.host = self.lab.real_servers[0]
        self.host.run(["sysctl", "-w", "net.ipv4.conf.all.promote_secondaries=1"])   # an address that goes takes no other with it
        be_servers(self.host, {server["address"] for _, server in self.checks})
        for node, number in zip(self.lab.nodes, (251, 252)):
            join_networks(node, text, number)
        self.machine = Machine(self.host, certificate(f"{self.lab.directory}/servers.pem", self.host.name))
        for fact, server in self.checks:
            if fact["check"]["type"] != "ping":
                self.machine.door(server["address"], checked_port(fact, server), pages_of(fact))
        self.pair = Pair(self.lab, text)
        for name in {fact["tls"]["certificate"] for fact in self.facts if fact["tls"]}:
            pem = open(certificate(f"{self.lab.directory}/{name}.pem", "balancer")).read()
            for node in self.pair.nodes:
                node.write(f"certificates/{name}.pem", pem, 0o600)

    def start(self):
        self.pair.start()
        self.all_are({})

    # ---- illness ----

    def addresses_of(self, types):
        return {server["address"] for fact, server in self.checks if fact["check"]["type"] in types}

    def sicken(self, round_number, addresses):
        """The servers at these addresses fail their checks from now on; (service, server) -> how, of those that do."""
        gone = {address for address in self.addresses_of([t for t, ways in WAYS.items() if ways[round_number] == "gone"])
                if address in addresses}
        self.host.ip_batch([f"addr del {address}/24 dev eth0" for address in sorted(gone)])
        ill = {}
        for fact, server in self.checks:
            if server["address"] not in addresses:
                continue
            way = "gone" if server["address"] in gone else WAYS[fact["check"]["type"]][round_number]
            if way:
                ill[fact["name"], server["name"]] = way
                self._make(way, server["address"], checked_port(fact, server))
        return ill

    def _make(self, way, address, port):
        if way == "answer":
            self.machine.doors[address, port].well = False
        elif way == "status":
            self.machine.doors[address, port].status = "500 Internal Server Error"
        elif way == "closed":
            self.machine.doors[address, port].close()

    def heal(self):
        missing = {server["address"] for _, server in self.checks} - self.host.addresses()
        be_servers(self.host, missing)
        for door in self.machine.doors.values():
            door.well, door.status = True, "200 OK"
            door.open()

    def all_are(self, ill, nodes=None):
        """Waits until these servers are down for a reason that fits and all others are up, on both nodes."""
        def wrong(node):
            try:
                said = {(s["name"], x["name"]): x for s in node.status()["services"] for x in s["servers"]}
            except OSError as error:
                return [repr(error)]
            return [(node.name, *key, said[key]["health"], said[key]["reason"], ill.get(key)) for fact, server in self.checks
                    for key in [(fact["name"], server["name"])]
                    if said[key]["health"] != ("down" if key in ill else "up")
                    or not re.search(REASONS[ill[key]] if key in ill else WELL[fact["check"]["type"]], said[key]["reason"])]
        for node in nodes or self.pair.nodes:
            until(lambda: not wrong(node), LONGEST, f"{self.name}: all is known", every=0.05, describe=lambda: json.dumps(wrong(node), indent=1))

    # ---- failover ----

    def some_are_down(self):
        """Every other machine, and all that answer pings, which the first round left well."""
        addresses = sorted({server["address"] for _, server in self.checks})
        self.ill = self.sicken(1, set(addresses[::2]) | self.addresses_of(["ping"]))
        up = [(fact["name"], server["name"]) for fact, server in self.checks if (fact["name"], server["name"]) not in self.ill]
        assert self.ill and up
        self.pair.active.dyad("drain", "/".join(up[0]))
        for node in self.pair.nodes:
            until(lambda: states(node)[up[0]][1] == "drain", 3, f"{up[0]} is drained on {node.name}", describe=node.describe)
        self.all_are(self.ill)
        self.known = states(self.pair.active)
        assert states(self.pair.passive) == self.known

    def nothing_changes(self, watches, events, during=TWO_INTERVALS):
        """Of all that the nodes say, for as long as a wrong turn would take."""
        stays(lambda: all(states(watch.node) == self.known for watch in watches), during, f"{self.name}: what is known", every=0.1,
              describe=lambda: json.dumps([watch.changes for watch in watches], indent=1))
        for watch in watches:
            watch.stop()
            assert watch.looks >= 20
            assert watch.changes == [], f"{self.name}, {watch.node.name}"
            assert health_events(watch.node, events[watch.node]) == [], f"{self.name}, {watch.node.name}"
        self.all_are(self.ill, [watch.node for watch in watches])

    def active_node_dies(self):
        old, new = self.pair.active, self.pair.passive
        events = {new: last_event(new)}
        watch = Watch(new)
        until(lambda: watch.looks, 5, "somebody looks")
        old.kill()
        until(lambda: new.state == "active", 5, "the other node is active", describe=new.describe)
        self.nothing_changes([watch], events)
        old.wait_gone()
        self.lost_node_returns(old, new)

    def lost_node_returns(self, old, new):
        """It finds out nothing but the truth, and each of it once; the node that serves does not waver."""
        events = {new: last_event(new)}
        serving = Watch(new)
        old.start()
        returned = Watch(old)
        self.pair.settle()
        until(lambda: states(old) == self.known, 5, f"{self.name}: {old.name} knows all again", describe=old.describe)
        self.nothing_changes([serving], events, during=2)
        returned.stop()
        assert states(old) == self.known
        lies = [change for change in returned.changes if change[3][0] not in ("unknown", self.known[change[1]][0])]
        assert lies == [], self.name
        assert len(health_events(old)) <= len(self.known), (self.name, health_events(old))

    def addresses_are_handed_over(self):
        old, new = self.pair.active, self.pair.passive
        events = {node: last_event(node) for node in (old, new)}
        watches = [Watch(old), Watch(new)]
        until(lambda: all(watch.looks for watch in watches), 5, "somebody looks")
        old.dyad("handover")
        until(lambda: new.state == "active", 5, "the other node is active", describe=new.describe)
        self.pair.settle()
        self.nothing_changes(watches, events)


    def other_things_are_configured(self):
        """All services change, but not their checks: whoever began those anew would know nothing at first."""
        events = {node: last_event(node) for node in self.pair.nodes}
        watches = [Watch(node) for node in self.pair.nodes]
        until(lambda: all(watch.looks for watch in watches), 5, "somebody looks")
        text = self.pair.primary.read("cluster.toml")
        self.pair.primary.apply(text.replace("weight = 100\n", "weight = 90\n"))
        self.pair.settle()
        weights = {x["weight"] for node in self.pair.nodes for s in node.status()["services"] for x in s["servers"]}
        assert weights <= {90, 65535}, weights
        self.nothing_changes(watches, events, during=2)


def everywhere(sites, step):
    """The same on all sites at the same time, for what takes its time is waiting."""
    with concurrent.futures.ThreadPoolExecutor(len(sites)) as pool:
        for done in [pool.submit(step, site) for site in sites]:
            done.result()


@pytest.fixture(scope="module")
def sites():
    with contextlib.ExitStack() as stack:
        made = []
        for deployment in FACTS:
            made.append(Site(deployment))
            stack.callback(made[-1].lab.close)
        everywhere(made, Site.start)
        yield made


def test_checks_are_as_often_as_the_data_says(sites):
    for site in sites:
        wanted = {fact["check"].get("interval_ms") for fact in site.facts} - {None}
        assert wanted <= {6000} and ('check_interval = "6s"' in site.pair.primary.read("cluster.toml")) == (wanted == {6000})


def test_every_server_goes_down_and_comes_back_on_both_nodes(sites):
    def ill_and_well(site):
        ill = site.sicken(0, {server["address"] for _, server in site.checks})
        assert {key for key in states(site.pair.primary) if key not in ill} == \
            {(fact["name"], server["name"]) for fact, server in site.checks if fact["check"]["type"] == "ping"}
        site.all_are(ill)
        site.heal()
        site.all_are({})
    everywhere(sites, ill_and_well)


def test_neither_an_apply_nor_a_failover_changes_what_is_known_of_a_server(sites):
    everywhere(sites, Site.some_are_down)
    everywhere(sites, Site.other_things_are_configured)
    everywhere(sites, Site.active_node_dies)
    everywhere(sites, Site.addresses_are_handed_over)
    everywhere(sites, Site.heal)
    everywhere(sites, lambda site: site.all_are({}))
