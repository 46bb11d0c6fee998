# SPDX-License-Identifier: Apache-2.0
"""Connections of snat services when a pair changes roles.

Two clients use the same source port, so that the kernel must give one of them another: a node that does not know which would choose
anew, and the real server, which sees a stranger, would end the connection.
"""

import socket
import time

import pytest
from lab import Lab, Pair, conf
from lab.wait import until
from topology import Answerer, run

WITHIN = 90           # seconds
OLD = 3.5             # seconds: the youngest age at which a connection outlives its node, and a little more
VIP, VIP6, OTHER = "10.77.0.110", "fd77::110", "10.77.0.120"
SOURCE_PORT = 20_000  # of the first service's clients; below those that the kernel gives
LASTING = 2.5         # seconds after which the kernel takes the next datagrams of a flow for a sign that it lasts, and a little more
# Service -> where clients connect and as whom the real server sees them: by address, by Dyad's own mark and by the operator's.
SERVICES = {"address": (VIP, 80, VIP), "ports": (VIP, 81, OTHER), "mark": (VIP, 83, OTHER), "v6": (VIP6, 80, VIP6)}
UDP = (VIP, 53, OTHER)
MORE_THAN_A_WINDOW = 16   # words of 32 KiB
pytestmark = pytest.mark.xdist_group("snat_pair")   # they share one


def cluster_text(server, server6):
    heartbeats = conf.heartbeat(keepalive="250ms", warntime="1s", deadtime="2s", initdead="8s", address_lifetime="4s")
    on = '{ type = "on" }'
    return conf.cluster(
        conf.floating(OTHER),
        conf.service("address", VIP, "80", {"A": server}, mode="snat", check=on),
        conf.service("ports", VIP, "81, 82", {"A": server}, mode="snat", check=on, snat_source=OTHER),
        conf.service("mark", VIP, "83", {"A": server}, mode="snat", check=on, snat_source=OTHER, firewall_mark=999999),
        conf.service("v6", VIP6, "80", {"A": server6}, mode="snat", check=on),
        conf.service("udp", VIP, "53", {"A": server}, mode="snat", check=on, snat_source=OTHER, protocol="udp"),
        heartbeats=heartbeats, check_interval="1s")


class Server(Answerer):
    """Says its host's name, the client's address and its port."""

    def _greeting(self, peer):
        return f"{self.host.name} {peer[0].removeprefix('::ffff:')} {peer[1]}\n".encode()


class Connection:
    """A client's connection from a port of its choice; `seen_as` is what the server calls it."""

    def __init__(self, host, service, source_port):
        address, port, _ = SERVICES[service]
        self.name = f"{host.name} to {service}"
        self._socket = host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        host.lab.on_close(self._socket.close)
        self._socket.settimeout(WITHIN)
        self._socket.bind(("", source_port))
        self._socket.connect((address, port))
        self._lines = self._socket.makefile("rb")
        _, address, port = self._lines.readline().decode().split()
        self.seen_as = (address, int(port))

    def lives(self, words=1):
        """Does what was sent come back? Retransmissions bridge the time without an owner of the address."""
        word = b"w" * (32767 if words > 1 else 4) + b"\n"
        try:
            for _ in range(words):
                self._socket.sendall(word)
                if self._lines.readline() != word:
                    return False
            return True
        except OSError:
            return False

    def close(self):
        self._lines.close()
        self._socket.close()


class Flow:
    """A client's datagrams from a port of its choice, which the server is to see coming from the same place all the time."""

    def __init__(self, host, source_port):
        self.name = f"{host.name} by UDP"
        self._socket = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        host.lab.on_close(self._socket.close)
        self._socket.settimeout(0.5)
        self._socket.bind(("", source_port))
        self._socket.connect(UDP[:2])
        self.seen_as = self._ask()

    def lives(self, words=1):
        return all(self._ask() == self.seen_as for _ in range(words))

    def _ask(self):
        def answer():
            try:
                self._socket.send(b"?")
                _, address, port = self._socket.recv(100).decode().split()
                return address, int(port)
            except OSError:   # lost, or nobody has the address
                return None
        return until(answer, WITHIN, f"{self.name} is answered", every=0.1)

    def close(self):
        self._socket.close()


class Office:
    def __init__(self):
        self.lab = Lab(heartbeat_links=2, real_servers=1, clients=2, observers=0)
        server = self.lab.real_servers[0]
        answerer = Server(server, [80, 81, 82, 83], [UDP[1]])
        self.lab.on_close(answerer.stop)
        self.pair = Pair(self.lab, cluster_text(server.address(), server.ports["eth0"].address6))
        self.pair.start(WITHIN)
        self.pair.up(*SERVICES, "udp", within=WITHIN)
        self.next_port = SOURCE_PORT

    def ready(self):
        """Both nodes are there, also after a test that failed."""
        for node in self.pair.nodes:
            if node.process.poll() is not None:
                node.wait_gone(30)
                node.start(WITHIN)
        self.pair.settle(WITHIN)

    def connect(self):
        """Two clients' connections to each service, of one source port, that have sent a few packets."""
        made = []
        for service in SERVICES:
            made += self._same_port(lambda host, port: Connection(host, service, port), SERVICES[service][2])
        for _ in range(3):
            assert broken(made) == []
        return made

    def connect_by_udp(self):
        """Two clients' flows, which the kernel takes for lasting ones: of those that are over at once nobody else is told."""
        made = self._same_port(Flow, UDP[2])
        time.sleep(LASTING)
        assert broken(made) == []
        until(lambda: len([line for line in tracked(self.pair.active) if "udp" in line and "[ASSURED]" in line]) >= len(made),
              1, "the kernel is sure of the flows", describe=lambda: describe(self))
        return made

    def _same_port(self, make, source):
        both = [make(client, self.next_port) for client in self.lab.clients]
        self.next_port += 1
        assert {one.seen_as[0] for one in both} == {source}
        assert both[0].seen_as[1] != both[1].seen_as[1], "the kernel had to choose another port for one"
        return both

    def lose(self, loss):
        """The active node is lost, or leaves, and the other serves: what the lost one's kernel answered before does not count."""
        leaves, other = self.pair.active, self.pair.passive
        if loss == "handover":
            leaves.dyad("handover")
        elif loss == "SIGTERM":
            leaves.terminate()
        else:
            leaves.kill()
        until(lambda: other.state == "active", WITHIN, f"the other is active after {loss}", describe=self.pair.describe)
        return leaves

    def restore(self, gone, loss):
        if loss != "handover":
            gone.wait_gone(30)
            gone.start(WITHIN)
        self.pair.settle(WITHIN)


def broken(connections, words=1):
    return [one.name for one in connections if not one.lives(words)]


def tracked(node, first_port=SOURCE_PORT):
    """The clients' connections from that port on that a node's kernel tracks, in its own words."""
    lines = run(node.host, ["cat", "/proc/net/nf_conntrack"]).stdout.splitlines()
    ports = [int(line.split("sport=")[1].split()[0]) if "sport=" in line else 0 for line in lines]
    return [line for line, port in zip(lines, ports) if first_port <= port < SOURCE_PORT + 1000]


@pytest.fixture(scope="module")
def office():
    made = None
    try:
        made = Office()
        yield made
    finally:
        if made:
            made.lab.close()


def describe(office):
    return "\n".join([office.pair.describe(), *(f"==== {n.name}\n" + "\n".join(tracked(n)) for n in office.pair.nodes)])


def test_connections_of_the_same_source_port_survive(office):
    """Also the return to a node that knew them before: its windows are long out of date."""
    office.ready()
    connections = office.connect() + office.connect_by_udp()
    time.sleep(OLD)
    survived = []
    for loss in ("kill -9", "handover", "handover", "kill -9", "SIGTERM"):
        assert broken(connections, MORE_THAN_A_WINDOW) == [], f"after {survived}"
        gone = office.lose(loss)
        assert broken(connections) == [], f"after {survived}, by {loss}\n{describe(office)}"
        survived.append(loss)
        office.restore(gone, loss)
        assert broken(connections) == [], f"after {survived}, when the other node was back\n{describe(office)}"
        time.sleep(OLD)
    for one in connections:
        one.close()


@pytest.mark.parametrize("loss", ["handover", "SIGTERM"])
def test_a_planned_move_breaks_none_however_young(office, loss):
    office.ready()
    time.sleep(OLD)   # the active node no longer holds
    connections = office.connect()
    gone = office.lose(loss)
    assert broken(connections) == [], describe(office)
    office.restore(gone, loss)
    for one in connections:
        one.close()


def test_a_node_that_comes_late_is_told_of_old_connections(office):
    office.ready()
    active, passive = office.pair.active, office.pair.passive
    passive.kill()
    passive.wait_gone(30)
    connections = office.connect() + office.connect_by_udp()
    time.sleep(OLD)
    assert broken(connections) == []   # by now the datagrams are a stream
    passive.start(WITHIN)
    office.pair.settle(WITHIN)
    until(lambda: passive.status()["connection_sync"]["received"] > 0, WITHIN, "the backlog is played back")
    time.sleep(1)
    office.lose("kill -9")
    assert broken(connections) == [], describe(office)
    office.restore(active, "kill -9")
    for one in connections:
        one.close()


@pytest.mark.parametrize("away", [False, True], ids=["told as they end", "away as they end"])
def test_the_other_node_forgets_connections_that_ended(office, away):
    office.ready()
    passive, first_port = office.pair.passive, office.next_port
    connections = office.connect()

    def known():
        return tracked(passive, first_port)
    until(lambda: len(known()) == len(connections), WITHIN, "the passive node knows them", every=0.2, describe=lambda: describe(office))
    if away:
        passive.kill()
        passive.wait_gone(30)
    for one in connections:
        one.close()
    if away:
        assert len(known()) == len(connections), "its kernel goes on knowing them"
        passive.start(WITHIN)
        office.pair.settle(WITHIN)
    until(lambda: not known(), WITHIN, "it knows them no more", every=0.2, describe=lambda: describe(office))
