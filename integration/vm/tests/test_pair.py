# SPDX-License-Identifier: Apache-2.0
"""The shipped programs on real IPVS: a pair that serves the archive's services (direct routing) and a DICOM service (NAT).

The services are those of conf/, with their own addresses; only how often is checked and how fast is failed over is slower, for the
machine is emulated. What is judged is that clients are served, not when.
"""

import http.client
import http.server
import pathlib
import re
import signal
import threading
import time

import pytest
from lab import Lab, Pair, conf
from lab.wait import until
from topology import Answerer, listed, run

ROOT = pathlib.Path(__file__).resolve().parents[3]
WITHIN = 90  # seconds
ARCHIVE, DICOM = "10.177.207.230", "192.168.85.30"
ARCHIVE_PORTS = (80, 104, 443, 2575, 2576, 2762)
HEALTH_PAGE = "/ea/api/v1/system/health"
pytestmark = pytest.mark.xdist_group("pair")   # they share one


def tables(name, *wanted):
    """The tables of conf/NAME whose headers begin with one of `wanted`, as they stand there."""
    parts = re.split(r"(?m)^(?=\[)", (ROOT / "conf" / name).read_text())
    return "".join(p for p in parts if p.startswith(tuple(f"[{w}" for w in wanted)))


def cluster_text():
    heartbeats = conf.heartbeat(keepalive="250ms", warntime="1s", deadtime="2s", initdead="8s", address_lifetime="4s")
    return conf.cluster(tables("centricity-sp1.toml", "check.ea_health", "service.EA_"),
                        tables("mckesson-nat.toml", 'floating_ip."10.10.0.1"', "service.McK-Radiology_DICOM"),
                        heartbeats=heartbeats, check_interval="1s")


class HealthPage:
    """Port 80 of a real server of the archive: the health page, which a test can change, and its name on all others."""

    def __init__(self, host, name):
        page = self
        page.says = "allServicesOperative"

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = (page.says if self.path == HEALTH_PAGE else name).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        with host.inside():
            self._server = http.server.ThreadingHTTPServer(("", 80), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        host.lab.on_close(self._server.shutdown)


class Hospital:
    def __init__(self):
        self.lab = Lab(heartbeat_links=2, real_servers=3, clients=1, observers=0)
        self.client = self.lab.clients[0]
        first, second, store = self.lab.real_servers
        for number, node in enumerate(self.lab.nodes, 11):
            node.ip_batch([f"addr add {net}.{number}/24 dev eth0" for net in ("10.177.207", "192.168.85", "10.10.0")])
        self.client.ip_batch(["addr add 10.177.207.99/24 dev eth0", "addr add 192.168.85.99/24 dev eth0"])
        self.pages = {}
        for host, name, address in ((first, "EA1", "10.177.207.54"), (second, "EA2", "10.177.207.30")):
            with host.inside():
                for key, value in (("arp_ignore", "1"), ("arp_announce", "2")):
                    pathlib.Path(f"/proc/sys/net/ipv4/conf/all/{key}").write_text(value)
            host.ip_batch([f"addr add {address}/24 dev eth0", f"addr add {ARCHIVE}/32 dev lo"])
            self.pages[name] = HealthPage(host, name)
            self._answer(host, [p for p in ARCHIVE_PORTS if p != 80])
        store.ip_batch(["addr add 10.10.0.200/24 dev eth0", "route add default via 10.10.0.1"])
        self._answer(store, [4000, 5000])
        self.names = {first.name: "EA1", second.name: "EA2", store.name: "store"}
        self.pair = Pair(self.lab, cluster_text())
        self.pair.start(WITHIN)
        self.wait_up()

    def _answer(self, host, ports):
        answerer = Answerer(host, ports)
        self.lab.on_close(answerer.stop)

    def wait_up(self):
        self.pair.up("EA_XDS_Service", "EA_Dicom_Service", "McK-Radiology_DICOM", within=WITHIN)

    def ask(self, address, port, timeout=5):
        """Who answers a client there; None when nobody does."""
        try:
            if port == 80:
                with self.client.inside():
                    connection = http.client.HTTPConnection(address, 80, timeout=timeout)
                    connection.connect()
                connection.request("GET", "/", headers={"Connection": "close"})
                return connection.getresponse().read().decode()
            with self.client.socket() as one:
                one.settimeout(timeout)
                one.connect((address, port))
                return self.names[one.makefile().readline().split(" ")[0]]
        except (OSError, http.client.HTTPException, KeyError):
            return None

    def answering(self, port):
        """The archive's servers that answer on a port, asked some times."""
        return {self.ask(ARCHIVE, port) for _ in range(6)}

    def serves(self):
        """Does layer 4 work for the client, in both modes?"""
        return self.ask(ARCHIVE, 104) in ("EA1", "EA2") and self.ask(DICOM, 4000) == "store"

    def wait_served(self):
        until(self.serves, WITHIN, "the client is served by direct routing and by NAT", describe=self.pair.describe)


@pytest.fixture(scope="module")
def hospital():
    made = None
    try:
        made = Hospital()
        yield made
    finally:
        if made:
            made.lab.close()


def programmed(host):
    """What ipvsadm says: service -> (scheduler and options, {server: (method, weight)})."""
    services, current = {}, None
    for line in listed(host, "-Ln").splitlines()[3:]:
        words = line.split()
        if words[0] == "->":
            current[1][words[1]] = (words[2], int(words[3]))
        else:
            current = (" ".join(words[2:]), {})
            services[" ".join(words[:2])] = current
    return services


def expected():
    archive = {f"TCP {ARCHIVE}:{p}": ("wrr", {f"10.177.207.{n}:{p}": ("Route", 100) for n in (54, 30)}) for p in ARCHIVE_PORTS}
    return archive | {"FWM 219807744": ("wlc persistent 3600", {"10.10.0.200:0": ("Masq", 100)})}


def test_the_witness_sees_exactly_the_configured_services(hospital):
    assert 219807744 == 0x0d1a0000, "the first mark that is ours"
    for node in hospital.pair.nodes:
        until(lambda: programmed(node.host) == expected(), WITHIN, f"{node.name} is programmed as configured",
              describe=lambda: f"{programmed(node.host)}\n{node.describe()}")


@pytest.mark.parametrize("port", ARCHIVE_PORTS)
def test_requests_reach_both_real_servers(hospital, port):
    until(lambda: hospital.answering(port) == {"EA1", "EA2"}, WITHIN, "both answer", describe=hospital.pair.describe)


@pytest.mark.parametrize("port", [4000, 5000])
def test_dicom_through_nat(hospital, port):
    until(lambda: hospital.ask(DICOM, port) == "store", WITHIN, "the store answers", describe=hospital.pair.describe)


def test_a_server_whose_health_page_says_otherwise_leaves_and_comes_back(hospital):
    page = hospital.pages["EA1"]
    try:
        page.says = "databaseDown"
        until(lambda: hospital.answering(104) == {"EA2"}, WITHIN, "EA1 gets no more", describe=hospital.pair.describe)
        page.says = "allServicesOperative\r\n"  # white space at the end does not matter
        until(lambda: hospital.answering(104) == {"EA1", "EA2"}, WITHIN, "EA1 is back", describe=hospital.pair.describe)
    finally:
        page.says = "allServicesOperative"
        hospital.wait_up()


def unplug(node, *ports):
    for port in ports:
        node.host.ports[port].unplug()


def test_what_somebody_changes_is_put_right_and_told(hospital):
    active = hospital.pair.active
    run(active.host, ["ipvsadm", "-d", "-t", f"{ARCHIVE}:104", "-r", "10.177.207.54:104"])
    until(lambda: programmed(active.host) == expected(), WITHIN, "the server is back", describe=active.describe)
    text = "server EA1 10.177.207.54:104 dr weight 100 added"
    until(lambda: text in [event["text"] for event in active.events()], WITHIN, "an event tells of it",
          describe=lambda: "\n".join(event["text"] for event in active.events()[-20:]))


def test_both_are_told_of_changes_also_after_their_interface_was_removed(hospital):
    for node in hospital.pair.nodes:
        def told(node=node):
            return "dyad-watch" in run(node.host, ["ip", "link"]).stdout
        until(told, WITHIN, "changes are listened to", describe=node.describe)
        run(node.host, ["ip", "link", "del", "dyad-watch"])
        until(told, WITHIN, "changes are listened to again", describe=node.describe)


def freeze_for_ten_seconds(node):
    node.signal(signal.SIGSTOP)
    time.sleep(10)
    node.signal(signal.SIGCONT)


FAILURES = {
    "heartbeat and service links cut": lambda node: unplug(node, "eth0", "hb1", "hb2"),
    "service interface down, a heartbeat link lives": lambda node: unplug(node, "eth0"),
    "SIGTERM": lambda node: node.terminate(),
    "kill guardian": lambda node: node.kill("guardian"),
    "kill cluster": lambda node: node.kill("cluster"),
    "kill checker": lambda node: node.kill("checker"),
    "kill proxy": lambda node: node.kill("proxy"),
    "kill everything": lambda node: node.kill(),
    "everything stopped for 10 s": freeze_for_ten_seconds,
}


@pytest.mark.parametrize("failure", FAILURES)
def test_layer_4_goes_on_after(hospital, failure):
    victim = hospital.pair.active
    FAILURES[failure](victim)
    hospital.wait_served()
    for port in ("eth0", "hb1", "hb2"):
        victim.host.ports[port].plug()
    if failure == "SIGTERM" or victim.process.poll() is not None:   # it leaves when its kernel has told the peer all
        victim.wait_gone(30)
        victim.start(WITHIN)
    hospital.pair.settle(WITHIN)
    hospital.wait_up()
    hospital.wait_served()
    for node in hospital.pair.nodes:
        until(lambda: programmed(node.host) == expected(), WITHIN, f"{node.name} is programmed as before",
              describe=lambda: f"{programmed(node.host)}\n{node.describe()}")


class Association:
    """A client's connection that stays, through either service."""

    def __init__(self, hospital, address, port):
        self._socket = hospital.client.socket()
        hospital.lab.on_close(self._socket.close)
        self._socket.settimeout(WITHIN)
        self._socket.connect((address, port))
        self._lines = self._socket.makefile("rb")
        self.server = hospital.names[self._lines.readline().split()[0].decode()]

    def lives(self):
        """Does what was sent come back? Retransmissions bridge the time without an owner of the address."""
        try:
            self._socket.sendall(b"image\n")
            return self._lines.readline() == b"image\n"
        except OSError:
            return False

    def close(self):
        self._socket.close()


@pytest.fixture
def associations(hospital):
    """Two through direct routing, so that both servers have one, and one through NAT; each has sent a few packets."""
    hospital.pair.settle(WITHIN)
    hospital.wait_served()
    both = [node.status()["connection_sync"] for node in hospital.pair.nodes]
    assert all(one["running"] for one in both), both
    made = [Association(hospital, ARCHIVE, 104) for _ in range(2)] + [Association(hospital, DICOM, 4000)]
    assert {one.server for one in made} == {"EA1", "EA2", "store"}
    for _ in range(3):
        assert all(one.lives() for one in made)
    yield made
    for one in made:
        one.close()


def failed(hospital, associations):
    return [one.server for one in associations if not one.lives()]


def test_connections_older_than_three_seconds_survive_the_loss_of_the_active_node(hospital, associations):
    time.sleep(3.5)
    victim = hospital.pair.active
    victim.kill()
    assert failed(hospital, associations) == [], hospital.pair.describe()
    victim.wait_gone(30)
    victim.start(WITHIN)
    hospital.pair.settle(WITHIN)


@pytest.mark.parametrize("move", ["handover", "SIGTERM"])
def test_a_planned_move_breaks_no_connection_however_young(hospital, associations, move):
    leaves = hospital.pair.active
    if move == "handover":
        leaves.dyad("handover")
    else:
        leaves.terminate()
    assert failed(hospital, associations) == [], hospital.pair.describe()
    if leaves.process.poll() is not None or move == "SIGTERM":
        leaves.wait_gone(30)
        leaves.start(WITHIN)
    hospital.pair.settle(WITHIN)


def test_a_node_that_comes_late_is_told_of_old_connections(hospital, associations):
    """The peer was away while they began, comes back, and the node that knew them is lost."""
    active, passive = hospital.pair.active, hospital.pair.passive
    passive.kill()
    passive.wait_gone(30)
    late = Association(hospital, ARCHIVE, 2762)
    for _ in range(3):
        assert late.lives()
    time.sleep(3.5)
    passive.start(WITHIN)
    hospital.pair.settle(WITHIN)
    until(lambda: passive.status()["connection_sync"]["received"] > 0, WITHIN, "the backlog is played back")
    time.sleep(1)
    active.kill()
    assert failed(hospital, [late, *associations]) == [], hospital.pair.describe()
    late.close()
    active.wait_gone(30)
    active.start(WITHIN)
    hospital.pair.settle(WITHIN)
