# SPDX-License-Identifier: Apache-2.0
"""Transparent layer-7 services: servers see clients' own addresses, and their answers find the way back through the balancer.

Two topologies. Two-arm: clients and servers in networks of their own, with the balancer between. One-arm: balancer and servers in
one network, clients beyond a router. In both the servers' default gateway is the balancer's floating address.
"""

import concurrent.futures
import re
import socket

import pytest
from lab import Lab, Node, Pair, conf
from lab.recorder import Stream
from lab.talk import Talk
from lab.wait import until

GATEWAY = {4: "10.77.0.99", 6: "fd77::99"}
SERVICES = {4: "10.77.0.100", 6: "fd77::100"}          # TCP on 81, HTTP on 80
FAR = {4: "10.88.0", 6: "fd88:"}                       # clients' network beyond the router, or on the other arm
FAR_SERVICES = {4: "10.88.0.100", 6: "fd88::100"}
CLIENTS = 4                                            # addresses of the client


class Peers:
    """A server that answers with the address that it sees, one answer for each request on a connection."""

    def __init__(self, host, family, address, port):
        self.seen = []        # (connection, peer's address, peer's port)
        self.pool = concurrent.futures.ThreadPoolExecutor(256)
        listening = host.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(128)
        self.listening = listening
        self.pool.submit(self.accept)
        host.lab.on_close(self.close)

    def accept(self):
        number = 0
        while True:
            try:
                sock, peer = self.listening.accept()
            except OSError:
                return
            number += 1
            self.pool.submit(self.serve, sock, peer, number)

    def serve(self, sock, peer, number):
        with sock:
            sock.settimeout(20)
            data = b""
            try:
                while True:
                    while b"\r\n\r\n" not in data:
                        more = sock.recv(65536)
                        if not more:
                            return
                        data += more
                    data = data.split(b"\r\n\r\n", 1)[1]
                    self.seen.append((number, peer[0], peer[1]))
                    body = peer[0].encode()
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            except OSError:
                return

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.pool.shutdown(wait=False, cancel_futures=True)


class Site:
    def __init__(self, lab, topology):
        self.lab, self.topology = lab, topology
        self.host, self.client, self.server = lab.nodes[0], lab.clients[0], lab.real_servers[0]
        self.services = FAR_SERVICES if topology == "two-arm" else SERVICES
        self.wire()
        self.peers = {4: [Peers(self.server, socket.AF_INET, "10.77.0.41", p) for p in (80, 81)],
                      6: [Peers(self.server, socket.AF_INET6, "fd77::41", p) for p in (80, 81)]}
        self.start()
        until(self.serves, 10, "all services answer", every=0.1, describe=self.describe)

    def start(self):
        self.node = Node(self.host, "primary")
        self.node.write("node.toml", conf.alone(self.host) + ('\n[network.far]\ninterface = "far"\n' if self.topology == "two-arm" else ""))
        self.node.write("cluster.toml", self.text())
        self.node.start()

    def serves(self):
        """All services answer, and the server sees the client."""
        return all(self.asks(f, p) == self.own(f) for f in (4, 6) for p in (80, 81))

    def wire(self):
        """The client leaves the servers' network: its only way there leads over the node, or over a router."""
        lab = self.lab
        between = self.host if self.topology == "two-arm" else lab.observers[0]
        lab.switch.ip("link", "add", "br-far", "type", "bridge", "forward_delay", 0, "mcast_snooping", 0)
        lab.switch.ip("link", "set", "br-far", "up")
        for host, last, name in ((between, 1, "far"), (self.client, 21, "far")):
            lab.switch.ip("link", "add", f"far{last}", "type", "veth", "peer", "name", name, "netns", host.namespace)
            lab.switch.ip("link", "set", f"far{last}", "master", "br-far", "up")
            host.ip_batch([f"link set {name} up", f"addr add {FAR[4]}.{last}/24 dev {name}", f"addr add {FAR[6]}:{last}/64 dev {name} nodad"])
        self.client.ip("link", "set", "eth0", "down")
        self.client.ip_batch([f"addr add {FAR[4]}.{21 + i}/24 dev far" for i in range(1, CLIENTS)] +
                             [f"addr add {FAR[6]}:{21 + i}/64 dev far nodad" for i in range(1, CLIENTS)] +
                             [f"route add default via {FAR[4]}.1", f"route add default via {FAR[6]}:1"])
        self.server.ip_batch([f"route add default via {GATEWAY[4]}", f"route add default via {GATEWAY[6]}"])
        if self.topology == "one-arm":
            between.run(["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])
            router = lab.first_observer
            for node in lab.nodes:
                node.ip_batch([f"route add {FAR[4]}.0/24 via 10.77.0.{router}", f"route add {FAR[6]}:/64 via fd77::{router}"])

    def text(self, transparent=True):
        network = "far" if self.topology == "two-arm" else "clients"
        parts = [conf.floating(GATEWAY[f]) for f in (4, 6)]
        for family, server in ((4, "10.77.0.41"), (6, "fd77::41")):
            for port, mode in ((80, "http"), (81, "tcp")):
                parts.append(conf.service(f"{mode}{family}", self.services[family], port, {"rs1": server}, mode=mode, network=network,
                                          check='{ type = "on" }', fallback="disabled", transparent=transparent))
        return conf.cluster(*parts)

    def asks(self, family, port=80, number=0):
        """What address the server saw of the client's address of that number; None without an answer."""
        try:
            with self.talk(family, port, number) as talk:
                return self.says(talk)
        except OSError:
            return None

    @staticmethod
    def says(talk):
        got = talk.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").answer()
        return got and got.body.decode()

    def own(self, family, number=0):
        return f"{FAR[family]}{'.' if family == 4 else ':'}{21 + number}"

    def talk(self, family, port, number=0):
        talk = Talk.__new__(Talk)
        sock = self.client.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        sock.settimeout(3)
        try:
            sock.bind((self.own(family, number), 0))
            sock.connect((self.services[family], port))
        except BaseException:
            sock.close()
            raise
        talk.socket, talk.stream = sock, Stream(sock)
        return talk

    def rules(self):
        done = self.host.run(["nft", "-n", "list", "table", "inet", "dyad"], check=False)
        return done.stdout if done.returncode == 0 else ""

    def routes(self, family):
        return (self.host.ip(f"-{family}", "rule", check=False), self.host.ip(f"-{family}", "route", "show", "table", 6695, check=False))

    def describe(self):
        return "\n".join([self.node.describe(), self.rules(), *self.routes(4), *self.routes(6)])


@pytest.fixture(scope="module", params=["two-arm", "one-arm"])
def site(request):
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=1, observers=1) as lab:
        yield Site(lab, request.param)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("port", [80, 81], ids=["http", "tcp"])
def test_servers_see_the_clients_own_address(site, family, port):
    for number in range(CLIENTS):
        assert site.asks(family, port, number) == site.own(family, number), site.describe()


@pytest.mark.parametrize("family", [4, 6])
def test_a_kept_connection_is_of_one_address(site, family):
    """Connections that wait to be used again are used again, and by nobody else."""
    seen = site.peers[family][0].seen
    for talks in ([site.talk(family, 80, n) for n in range(CLIENTS)] for _ in range(3)):
        for number, talk in enumerate(talks):
            with talk:
                assert [site.says(talk), site.says(talk)] == [site.own(family, number)] * 2
    of = {}
    for connection, peer, _ in seen:
        of.setdefault(connection, set()).add(peer)
    assert all(len(peers) == 1 for peers in of.values()), of
    assert len(seen) > len(of), "none was used again"


@pytest.mark.parametrize("family", [4, 6])
def test_many_connections_of_one_client_do_not_collide(site, family):
    """The client's own ports may be taken; the kernel finds others."""
    talks = [site.talk(family, 81) for _ in range(100)]
    try:
        assert [site.says(talk) for talk in talks] == [site.own(family)] * 100
    finally:
        for talk in talks:
            talk.socket.close()
    ports = [port for _, _, port in site.peers[family][1].seen[-100:]]
    assert len(set(ports)) == 100


def test_more_clients_than_sockets_are_kept(site):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda i: site.asks(4, 81, i % CLIENTS), range(600))) == {site.own(4, n) for n in range(CLIENTS)}


def test_the_rules_are_one_table_and_go_with_the_last_service(site):
    assert site.rules().count("socket transparent 1 meta mark set 0x0d1afffe") == 4, site.rules()
    for family in (4, 6):
        rule, route = site.routes(family)
        assert re.search(r"fwmark 0xd1afffe lookup 6695", rule) and re.search(r"local (default|::/0) dev lo", route), (rule, route)
    try:
        site.node.apply(site.text(transparent=False))
        until(lambda: "socket" not in site.rules(), 5, "the rules are gone", describe=site.describe)
        for family in (4, 6):
            until(lambda: "6695" not in site.routes(family)[0] and not site.routes(family)[1].strip(), 5, "the routes are gone",
                  describe=site.describe)
        assert site.asks(4, 81) not in (None, site.own(4))
    finally:
        site.node.apply(site.text())
    until(site.serves, 5, "clients' addresses are seen again", describe=site.describe)


def test_what_somebody_removes_is_put_back(site):
    site.host.run(["nft", "delete", "table", "inet", "dyad"])
    site.host.ip("rule", "del", "priority", 6695)
    until(lambda: site.asks(4, 81) == site.own(4), 10, "clients' addresses are seen again", describe=site.describe)


def test_a_proxy_that_is_started_again_gets_sockets(site):
    site.node.kill("proxy")
    until(site.serves, 10, "all services answer", every=0.1, describe=site.describe)


class PairSite(Site):
    """The same with two nodes, one-arm."""

    def start(self):
        self.pair = Pair(self.lab, self.text())
        self.node = self.pair.primary
        self.pair.start()
        self.pair.make_active(self.pair.primary)


def test_the_way_back_moves_with_the_addresses():
    with Lab(heartbeat_links=1, nodes=2, real_servers=1, clients=1, observers=1) as lab:
        site = PairSite(lab, "one-arm")
        old = site.talk(4, 81)
        assert site.says(old) == site.own(4)
        site.pair.make_active(site.pair.secondary)
        until(site.serves, 10, "all services answer", every=0.05, describe=site.pair.describe)
        old.socket.settimeout(3)   # it has ended, and its client hears of it
        try:
            assert old.socket.recv(1) == b""
        except ConnectionError:
            pass
        site.pair.secondary.kill()
        until(site.serves, 10, "all services answer", every=0.05, describe=site.pair.describe)


@pytest.mark.parametrize("family", [4, 6])
def test_a_proxy_that_was_replaced_gets_sockets_too(site, family):
    """The next one gets more than it keeps; the replaced one answers on."""
    with site.talk(family, 80) as kept:
        assert site.says(kept) == site.own(family)
        site.node.dyad("replace-proxy")
        for _ in range(5):
            fresh = [site.talk(family, 81, n % CLIENTS) for n in range(100)]
            try:
                assert [site.says(talk) for talk in fresh] == [site.own(family, n % CLIENTS) for n in range(100)]
            finally:
                for talk in fresh:
                    talk.socket.close()
        assert site.says(kept) == site.own(family)
    until(lambda: not site.node.status()["retiring_proxies"], 10, "the replaced proxy has ended", describe=site.describe)
