# SPDX-License-Identifier: Apache-2.0
"""Every layer-4 service of conf/, with its own addresses, ports and settings: its clients are served as it is configured."""

import collections
import contextlib
import copy
import itertools
import json
import pathlib
import tomllib

import pytest

import texts
from topology import Answerer, Caller, Driver, Town, listed, run, table, who, who_of

ROOT = pathlib.Path(__file__).resolve().parents[3]
FACTS = json.loads((ROOT / "tests" / "data" / "services.json").read_text())
DEPLOYMENTS = ("centricity-sp1", "mckesson-dr", "mckesson-nat")
METHODS = {"dr": "-g", "nat": "-m", "snat": "-m"}
FIRST_MARK = 0x0d1a0000
CLIENTS = "10.99"    # the clients' network, a /16 behind the lab's first client
GATEWAY = "10.10.0.1"    # of the real servers in conf/mckesson-nat.toml
SHARES = 6    # connections held at once: the weights below divide them without rest


def services_of(deployment):
    return [fact for fact in FACTS[deployment] if fact["mode"] in METHODS]


CASES = [pytest.param(d, fact["name"], id=f"{d}/{fact['name']}") for d in DEPLOYMENTS for fact in services_of(d)]
LIMITED = [pytest.param(d, fact["name"], id=f"{d}/{fact['name']}") for d in DEPLOYMENTS for fact in services_of(d)
           if any(server["max_connections"] for server in fact["servers"])]


class Source:
    """One of the many clients; only the source address tells them apart."""

    def __init__(self, host, number):
        self.host = host
        self.address = f"{CLIENTS}.{number >> 8}.{number & 255}"

    def socket(self, *kind):
        one = self.host.socket(*kind)
        one.bind((self.address, 0))
        return one


class Site(Town):
    """The machines with the addresses of one of conf/'s files, which layer 4 on the balancer serves."""

    def __init__(self, deployment):
        super().__init__()
        self.text = (ROOT / "conf" / f"{deployment}.toml").read_text().replace("format = 1\n", "")
        self.facts = {fact["name"]: fact for fact in copy.deepcopy(services_of(deployment))}
        for fact in self.facts.values():
            if len(fact["servers"]) == 1:
                self._add_second(fact)
        self._numbers = itertools.count(1)
        self._wire()
        self.driver = Driver(self.balancer)
        self.apply()

    def _add_second(self, fact):
        """Of half the weight, or one client in two would prove nothing; a server of the largest weight gets a mere stand-in."""
        first = fact["servers"][0]
        net, last = first["address"].rsplit(".", 1)
        second = {"address": f"{net}.{int(last) + 1}", "weight": {65535: 1}.get(first["weight"], first["weight"] // 2)}
        second |= {"port": first["port"]} if first["port"] else {}
        self.text += "\n" + texts.server(fact["name"], "second", second)
        fact["servers"].append({"name": "second", "port": None, "min_connections": 0, "max_connections": 0} | second)

    def _wire(self):
        floating = {*tomllib.loads(self.text).get("floating_ip", {})} | {f["address"] for f in self.facts.values()}
        nets = {a.rsplit(".", 1)[0] for a in floating}
        client = self.clients[0].address()
        self.clients[0].ip_batch([f"route add local {CLIENTS}.0.0/16 dev lo", "route add default dev eth0"])
        self.balancer.ip_batch([f"addr add {net}.11/24 dev eth0" for net in nets] + [f"addr add {a}/32 dev eth0" for a in floating]
                               + [f"route add {CLIENTS}.0.0/16 via {client}"])
        ports = sorted({port for f in self.facts.values() for port in ports_of(f)})
        for i, host in enumerate(self.real_servers):
            addresses = {f["servers"][i]["address"] for f in self.facts.values()}
            direct = {f["address"] for f in self.facts.values() if f["mode"] == "dr"}
            way_back = GATEWAY if GATEWAY in floating else client
            host.ip_batch([f"addr add {a}/24 dev eth0" for a in addresses] + [f"addr add {a}/32 dev lo" for a in direct]
                          + ["route add default dev eth0", f"route add {CLIENTS}.0.0/16 via {way_back} dev eth0 onlink"])
            self.answerers.append(Answerer(host, ports))
        self.answerers.append(Answerer(self.balancer, [9081]))   # in the page's place: dyadd has that, libbalance has not

    def apply(self, fact=None, down=(), old="", new=""):
        """The file as it is, but for one edit of its text; of one service some servers (by place) are down."""
        assert old in self.text
        self.as_configured = not (down or old)
        states = {f"{fact['name']}__{fact['servers'][i]['name']}": "down" for i in down}
        return self.driver.apply(self.text.replace(old, new) if old else self.text, **states)

    def client(self):
        """One that nobody has seen before."""
        return Source(self.clients[0], next(self._numbers))

    @contextlib.contextmanager
    def held(self, fact, count=SHARES):
        """Connections of as many clients, all open."""
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(Caller(self.client(), fact["address"], ports_of(fact)[0])) for _ in range(count)]

    def takers(self, fact):
        """The servers that new clients get."""
        with self.held(fact) as callers:
            return {caller.server for caller in callers}


def ports_of(fact):
    """All that are named; of the ranges between exceptions the first and the last."""
    if fact["ports"]:
        return fact["ports"]
    edges = [edge for port in sorted(fact["except_ports"]) for edge in (port - 1, port + 1)]
    return [1, *edges, 65535]


def all_share_one(fact):
    return fact["persistence"]["granularity"] == 0


def expected(facts):
    """What ipvsadm must say: {service: lines}. Marks are given in the file's order."""
    marks = itertools.count(FIRST_MARK)
    out = {}
    for fact in facts:
        several = len(fact["ports"]) > 1
        mark = fact["firewall_mark"] or (next(marks) if several else 0)
        where = f"-f {mark}" if mark else f"-t {fact['address']}:{fact['ports'][0]}"
        kept = fact["persistence"]
        line = f"-A {where} -s {fact['balance']}"
        line += f" -p {kept['timeout_seconds']}" if kept["mode"] == "source_ip" else ""
        line += " -M 0.0.0.0" if all_share_one(fact) else ""
        out[fact["name"]] = [line]
        for server in fact["servers"]:
            port = server["port"] or (0 if mark else fact["ports"][0])
            out[fact["name"]].append(f"-a {where} -r {server['address']}:{port} {METHODS[fact['mode']]} -w {server['weight']}")
    return out


@pytest.fixture(scope="module")
def site(request):
    with Site(request.param) as made, made.driver:
        yield made


@pytest.fixture
def fact(site, service):
    """What is known of the service. The next test finds all servers up."""
    yield site.facts[service]
    if not site.as_configured:
        site.apply()


each_service = pytest.mark.parametrize("site, service", CASES, indirect=["site"], scope="module")
each_limited = pytest.mark.parametrize("site, service", LIMITED, indirect=["site"], scope="module")


@each_service
def test_the_witness_sees_it(site, fact):
    wanted = expected(site.facts.values())
    shown = table(site.balancer)
    assert sorted(wanted[fact["name"]]) == [line for line in shown if line in wanted[fact["name"]]], shown
    assert len(shown) == sum(map(len, wanted.values())), shown
    limits = listed(site.balancer, "-Ln", "--thresholds")
    rows = {tuple(line.split()[1:4]) for line in limits.splitlines() if "->" in line}
    for line, server in zip(wanted[fact["name"]][1:], fact["servers"]):
        assert (line.split()[4], str(server["max_connections"]), str(server["min_connections"])) in rows, limits


@each_limited
def test_a_full_server_gets_no_more(site, fact):
    limit = fact["servers"][0]["max_connections"]
    site.apply(old=f"max_connections = {limit}", new="max_connections = 2")
    with site.held(fact) as callers:
        assert [caller.server for caller in callers].count("rs1") == 2
        site.apply()
        assert "rs1" in site.takers(fact)


@each_service
def test_clients_are_spread_and_seen_as_configured(site, fact):
    first, second = (server["weight"] for server in fact["servers"])
    share = SHARES if all_share_one(fact) else SHARES * first // (first + second)
    with site.held(fact) as callers:
        assert collections.Counter(caller.server for caller in callers) == +collections.Counter(rs1=share, rs2=SHARES - share)
        for caller in callers:
            assert caller.seen_as == (fact["snat_source"] or caller.socket.getsockname()[0])
            assert caller.lives()


@each_service
def test_a_client_keeps_its_server_if_configured(site, fact):
    def servers_of(client):
        return {server for port in ports_of(fact) * 2 for server in who_of(client, fact["address"], port, times=2)}

    clients = [site.client() for _ in range(4)]
    if fact["persistence"]["mode"] == "none":
        assert {tuple(sorted(set(who_of(clients[0], fact["address"], port)))) for port in ports_of(fact)} == {("rs1", "rs2")}
    elif all_share_one(fact):
        # With equal weights only what the kernel remembers of the group keeps them together.
        site.apply(old=f"weight = {fact['servers'][0]['weight']}", new=f"weight = {fact['servers'][1]['weight']}")
        assert set().union(*map(servers_of, clients)) == {"rs1"}
    else:
        assert site.takers(fact) == {"rs1", "rs2"}
        assert [len(servers_of(client)) for client in clients] == [1] * len(clients)


@each_service
def test_a_server_fails_and_comes_back(site, fact):
    client, port = site.client(), ports_of(fact)[0]
    while who(client, fact["address"], port) != "rs1":
        client = site.client()
    site.apply(fact, down=[0])
    assert who(client, fact["address"], port) == "rs2"
    assert site.takers(fact) == {"rs2"}
    site.apply()
    if all_share_one(fact):   # what took over keeps them; that the first is back shows when it is needed
        assert site.takers(fact) == {"rs2"}
        site.apply(fact, down=[1])
        assert site.takers(fact) == {"rs1"}
    else:
        assert site.takers(fact) == {"rs1", "rs2"}


@each_service
def test_when_no_server_is_left(site, fact):
    site.apply(fact, down=[0, 1])
    for port in ports_of(fact):
        if fact["mode"] == "dr":
            with pytest.raises(ConnectionRefusedError):
                who(site.client(), fact["address"], port)
        else:
            assert who(site.client(), fact["address"], port) == site.balancer.name
    site.apply()
    assert site.takers(fact) <= {"rs1", "rs2"}
