# SPDX-License-Identifier: Apache-2.0
"""Other people's DICOM and HL7 programs through a pair whose active node is lost three times while they are at work.

Two modalities send 200 images (dcmtk's storescu and storescp) to the archive by direct routing and to radiology by NAT, an order system
sends 2,000 messages (MLLP of python3-hl7) to the archive; all of them again and elsewhere what was not confirmed, if a connection breaks.
"""

import asyncio
import collections
import pathlib
import re
import subprocess
import sys
import threading
import time

import pytest
from hl7.mllp import start_hl7_server
from lab import Lab, Pair, conf
from lab.server import background
from lab.wait import until
from test_pair import ARCHIVE, DICOM, WITHIN, HealthPage, tables
from topology import Answerer, run

IMAGES = range(100_000, 100_200)
MESSAGES = range(2_000)
LOSSES = ("first kill -9", "second kill -9", "handover")
OLD = 3.5          # seconds: the youngest age at which a connection outlives its node, and a little more
SLOW_IMAGES = "tbf rate 400kbit burst 16kb latency 300ms"   # of a modality: three images in two seconds
SLOW_MESSAGES = "netem delay 100ms"
SERVICES = {"dr": (ARCHIVE, 104), "nat": (DICOM, 4000), "hl7": (ARCHIVE, 2575)}
# What a node does not know of would go to the other servers: so an unknown connection is found out, and not in half of the cases.
DRAINED = {"EA_Dicom_Service": "EA1", "EA_HL7_Service": "EA1", "McK-Radiology_DICOM": "McK-Radiology_Srv1"}
SECOND_SERVER = '\n[service.McK-Radiology_DICOM.server.McK-Radiology_Srv2]\naddress = "10.10.0.201"\nweight = 100\n'
pytestmark = pytest.mark.xdist_group("archive")

UID_ROOT = "1.2.826.0.1.3680043.10.777"
PIXELS = 128 * 128 * 2   # bytes
IMAGE = f"""
(0008,0016) UI =SecondaryCaptureImageStorage
(0008,0018) UI [{UID_ROOT}.{IMAGES[0]}]
(0008,0060) CS [OT]
(0010,0010) PN [DYAD^TEST]
(0010,0020) LO [1]
(0020,000d) UI [{UID_ROOT}.1]
(0020,000e) UI [{UID_ROOT}.1.1]
(0028,0002) US 1
(0028,0004) CS [MONOCHROME2]
(0028,0010) US 128
(0028,0011) US 128
(0028,0100) US 16
(0028,0101) US 16
(0028,0102) US 15
(0028,0103) US 0
(7fe0,0010) OW =pixels
"""


def order(number):
    return f"MSH|^~\\&|RIS|HOSPITAL|EA|ARCHIVE|20260101120000||ORM^O01|{number}|P|2.3\rPID|1||1||DYAD^TEST\rOBR|1|{number}||CHEST"


def pixels(number):
    """An image's own, so that one that was stored in part, or mixed with another, is found out."""
    return b"%08d" % number * (PIXELS // 8)


def make_images(folder):
    folder.mkdir()
    (folder / "pixels").write_bytes(pixels(IMAGES[0]))
    (folder / "dump").write_text(IMAGE)
    subprocess.run(["dump2dcm", "-q", "+te", "dump", "first"], cwd=folder, check=True)
    first = (folder / "first").read_bytes()
    for number in IMAGES:
        changed = first.replace(f"{UID_ROOT}.{IMAGES[0]}".encode(), f"{UID_ROOT}.{number}".encode())
        (folder / f"{number}.dcm").write_bytes(changed.replace(pixels(IMAGES[0]), pixels(number)))
    return folder


class Store:
    """storescp on a real server. Every arrival is a file of its own, also when an image comes twice."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.folder = pathlib.Path(host.lab.directory) / host.name
        self.folder.mkdir()
        host.popen(["storescp", "-q", "--fork", "--disable-host-lookup", "--unique-filenames", "-od", self.folder, port])

    def listens(self):
        with self.host.socket() as one:
            return one.connect_ex((self.host.address(), self.port)) == 0

    def arrivals(self):
        """Numbers of the images, each as often as it was stored."""
        found = []
        for path in self.folder.iterdir():
            data = path.read_bytes()
            number = int(re.search(rb"777\.(\d{6})", data)[1])
            assert pixels(number) in data, f"{path} is not the whole of image {number}"
            found.append(number)
        return found


class Engine:
    """An HL7 server (MLLP of python3-hl7) that accepts every message which is whole."""

    def __init__(self, host):
        self.arrived = []   # control IDs
        listening = host.socket()
        listening.bind(("", SERVICES["hl7"][1]))
        listening.listen()
        listening.setblocking(False)
        server = background.call(start_hl7_server(self._converse, sock=listening))
        host.lab.on_close(lambda: background.loop.call_soon_threadsafe(server.close))

    def arrivals(self):
        return self.arrived

    async def _converse(self, reader, writer):
        try:
            while True:
                message = (await reader.readblock()).decode()
                number = int(message.split("|")[9])
                if message == order(number):
                    self.arrived.append(number)
                code = "AA" if message == order(number) else "AR"
                writer.writeblock(f"MSH|^~\\&|EA|ARCHIVE|RIS|HOSPITAL|20260101120000||ACK|{number}|P|2.3\rMSA|{code}|{number}\r".encode())
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


class Sender:
    """Runs a client's program with what has not been confirmed yet until nothing is left. One run is one connection."""

    def __init__(self, day, host, service, numbers):
        self.day, self.host, self.service = day, host, service
        self.address, self.port = SERVICES[service]
        self.waiting = collections.deque(numbers)
        self.confirmed = 0
        self.since = None     # when this connection's first one was confirmed
        self.unsure = set()   # under way when a connection broke: who knows whether they arrived
        self.breaks = []      # (the last loss before it, what was said)
        self.stopped = threading.Event()
        host.lab.on_close(self.stopped.set)
        threading.Thread(target=self._send, daemon=True).start()

    def is_old(self):
        since = self.since
        return since is not None and time.monotonic() - since > OLD

    def _send(self):
        while self.waiting and not self.stopped.wait(len(self.breaks) and 1):
            process = self.host.popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said = collections.deque(maxlen=5)
            for line in process.stdout:
                said.append(line)
                if self.confirms(line):
                    self.waiting.popleft()
                    self.confirmed += 1
                    self.since = self.since or time.monotonic()
            if process.wait() != 0 or self.waiting:
                self.since = None
                self.unsure.update(list(self.waiting)[:1])
                self.breaks.append((self.day.met[-1], f"exit code {process.returncode} at {self.confirmed} confirmed: {''.join(said)}"))

    def __repr__(self):
        return f"\n{self.host.name} by {self.service}: {self.confirmed} confirmed, {len(self.waiting)} waiting, breaks: {self.breaks}"


class Modality(Sender):
    def command(self):
        return ["storescu", "-v", self.address, self.port, *(self.day.folder / f"{number}.dcm" for number in self.waiting)]

    def confirms(self, line):
        return line.startswith("I: Received Store Response (Success)")


class OrderSystem(Sender):
    """mllp_send: the next message goes when the one before was answered."""

    def command(self):
        file = self.day.folder / f"orders-{self.waiting[0]}"
        file.write_text("".join(f"\v{order(number)}\x1c\r" for number in self.waiting), newline="")
        return [sys.executable, "-u", "-m", "hl7.client", "--file", file, "--port", self.port, self.address]

    def confirms(self, line):
        return line == f"MSA|AA|{self.waiting[0]}\n" if self.waiting else False


class Day:
    """The hospital at work from the first association to the last, with the losses between."""

    def __init__(self):
        self.lab = Lab(heartbeat_links=2, real_servers=4, clients=3, observers=0)
        self.receivers = {service: [] for service in SERVICES}
        self.senders = []
        self.met = ["no loss"]   # and those so far

    def begin(self):
        for number, node in enumerate(self.lab.nodes, 11):
            node.ip_batch([f"addr add {net}.{number}/24 dev eth0" for net in ("10.177.207", "192.168.85", "10.10.0")])
        for number, client in enumerate(self.lab.clients, 98):
            client.ip_batch([f"addr add {net}.{number}/24 dev eth0" for net in ("10.177.207", "192.168.85")])
        first, second, third, fourth = self.lab.real_servers
        self._archive(first, "EA1", "10.177.207.54")
        self._archive(second, "EA2", "10.177.207.30")
        self._radiology(third, "10.10.0.200")
        self._radiology(fourth, "10.10.0.201")
        heartbeats = conf.heartbeat(keepalive="250ms", warntime="1s", deadtime="2s", initdead="8s", address_lifetime="4s")
        services = [tables("centricity-sp1.toml", "check.ea_health", "service.EA_Dicom_Service", "service.EA_HL7_Service"),
                    tables("mckesson-nat.toml", 'floating_ip."10.10.0.1"', "service.McK-Radiology_DICOM"), SECOND_SERVER]
        self.pair = Pair(self.lab, conf.cluster(*services, heartbeats=heartbeats, check_interval="2s"))
        self.pair.start(WITHIN)
        stores = self.receivers["dr"] + self.receivers["nat"]
        until(lambda: all(store.listens() for store in stores), WITHIN, "every storescp listens", every=0.1)
        self.pair.up("EA_Dicom_Service", "EA_HL7_Service", "McK-Radiology_DICOM", within=WITHIN)

    def _archive(self, host, name, address):
        with host.inside():
            for key, value in (("arp_ignore", "1"), ("arp_announce", "2")):
                pathlib.Path(f"/proc/sys/net/ipv4/conf/all/{key}").write_text(value)
        host.ip_batch([f"addr add {address}/24 dev eth0", f"addr add {ARCHIVE}/32 dev lo"])
        HealthPage(host, name)
        self.receivers["dr"].append(Store(host, 104))
        self.receivers["hl7"].append(Engine(host))

    def _radiology(self, host, address):
        host.ip_batch([f"addr add {address}/24 dev eth0", "route add default via 10.10.0.1"])
        self.lab.on_close(Answerer(host, [5000]).stop)
        self.receivers["nat"].append(Store(host, 4000))

    def work(self):
        *modalities, orders = self.lab.clients
        self.folder = make_images(pathlib.Path(self.lab.directory) / "images")
        for host, numbers in zip(modalities, (IMAGES[:100], IMAGES[100:])):
            self._slow(host, SLOW_IMAGES)
            self.senders += [Modality(self, host, mode, numbers) for mode in ("dr", "nat")]
            self._wait(lambda: all(one.since for one in self.senders), "every association has sent an image")
        self._slow(orders, SLOW_MESSAGES)
        self.senders += [OrderSystem(self, orders, "hl7", numbers) for numbers in (MESSAGES[:1000], MESSAGES[1000:])]
        self._wait(lambda: all(one.since for one in self.senders), "every connection has been answered")
        for service, server in DRAINED.items():
            self.pair.active.servers("drain", service=service, server=server)
        for loss in LOSSES:
            if not any(one.breaks for one in self.senders):
                self._lose_the_active_node(loss)
        for host in self.lab.clients:
            run(host, ["tc", "qdisc", "del", "dev", "eth0", "root"])
        self._wait(lambda: not any(one.waiting for one in self.senders), "everything is confirmed")

    def _slow(self, host, how):
        """So that every connection lives through every loss."""
        run(host, ["tc", "qdisc", "add", "dev", "eth0", "root", *how.split()])

    def senders_of(self, service):
        return [one for one in self.senders if one.service == service]

    def _lose_the_active_node(self, loss):
        self.pair.settle(WITHIN)
        self._wait(lambda: all(one.is_old() for one in self.senders), f"every connection is old before the {loss}")
        assert all(len(one.waiting) > 10 for one in self.senders), f"the {loss} came too late: {self.senders}"
        lost, other = self.pair.active, self.pair.passive
        self.met.append(loss)
        if loss == "handover":
            lost.dyad("handover")
        else:
            lost.kill()
        self._wait(lambda: other.state == "active", f"the other is active after the {loss}")
        before = [one.confirmed for one in self.senders]
        self._wait(lambda: all(one.breaks or one.confirmed > number + 1 for one, number in zip(self.senders, before)),
                   f"every connection goes on after the {loss}")
        if loss != "handover":
            lost.wait_gone(30)
            lost.start(WITHIN)

    def _wait(self, condition, what):
        until(condition, WITHIN, what, every=0.05, describe=lambda: f"{self.senders}\n{self.pair.describe()}")


@pytest.fixture(scope="module")
def day():
    made = Day()
    try:
        made.begin()
        made.work()
        yield made
    finally:
        made.lab.close()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("service", SERVICES)
def test_no_connection_breaks(day, service, loss):
    assert loss in day.met, "not tried: connections had broken before"
    assert [what for one in day.senders_of(service) for when, what in one.breaks if when == loss] == []


@pytest.mark.parametrize("service, sent", [("dr", IMAGES), ("nat", IMAGES), ("hl7", MESSAGES)])
def test_everything_arrives_once(day, service, sent):
    """Twice only what was under way when a connection broke; and both real servers have their share."""
    arrivals = [receiver.arrivals() for receiver in day.receivers[service]]
    assert all(arrivals)
    times = collections.Counter(number for some in arrivals for number in some)
    lost = set(sent) - set(times)
    doubled = {number for number in times if times[number] > 1}
    unsure = set().union(*(one.unsure for one in day.senders_of(service)))
    assert (lost, doubled - unsure) == (set(), set())
