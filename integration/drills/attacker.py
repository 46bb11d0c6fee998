# SPDX-License-Identifier: Apache-2.0
"""Somebody on the heartbeat network: in the middle of it, or beside the nodes with the address of one of them."""

import array
import contextlib
import fcntl
import os
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass

from lab import neighbour
from lab.wait import until
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw
from scapy.utils import checksum

PORT = 6694
HEADER, TAG = 32, 16        # bytes of a datagram before and behind its ciphertext
GOODBYE = 2                 # its type
_SIOCETHTOOL, _CHECKSUMS, _SEGMENTS = 0x8946, 0x17, 0x1F     # ETHTOOL_STXCSUM, ETHTOOL_STSO
_ALL = socket.htons(3)


def datagram(payload, sender, receiver, source=None):
    """A frame from one node's port to the other's; `source`: another IP address than the sender's."""
    return bytes(Ether(src=sender.mac, dst=receiver.mac) / IP(src=source or sender.address4, dst=receiver.address4) /
                 UDP(sport=PORT, dport=PORT) / Raw(payload))


@dataclass(frozen=True)
class Caught:
    """A frame on its way, as the one in the middle has it. Sender and receiver are the nodes' ports on one link."""
    sender: object
    receiver: object
    data: bytes

    @property
    def payload(self):
        """Of a heartbeat or goodbye; None for anything else."""
        d = self.data
        return d[42:34 + int.from_bytes(d[38:40], "big")] if d[12:14] == b"\x08\x00" and d[23] == 17 and \
            d[36:38] == PORT.to_bytes(2, "big") else None

    def with_payload(self, payload):
        return datagram(payload, self.sender, self.receiver)

    def with_payloads(self, payloads):
        """Quickly: heartbeats wait meanwhile. The checksum of UDP is left out, which IPv4 allows."""
        ip = IP(src=self.sender.address4, dst=self.receiver.address4)
        return [self.data[:14] + _with_length(bytes(ip), 28 + len(p)) + struct.pack("!HHHH", PORT, PORT, 8 + len(p), 0) + p for p in payloads]


def _with_length(head, length):
    """An IPv4 header for another total length."""
    head = head[:2] + length.to_bytes(2, "big") + head[4:8] + bytes([64, 17]) + bytes(2) + head[12:20]
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:]


def passes(caught):
    return [(0, caught.receiver, caught.data)]


class Middle:
    """In place of the switch between both nodes on all heartbeat links: nothing passes but what `rule` makes of it.

    `rule`: a Caught -> a list of (seconds to wait, receiving port, frame). `caught` has all that came, `sent` the bytes of
    heartbeats that came of each node.
    """

    def __init__(self, lab, rule=passes):
        self.lab, self.rule = lab, rule
        self.caught, self.sent = [], {node.name: 0 for node in lab.nodes}
        self._ports = [port for node in lab.nodes for port in node.ports.values() if port.name != "eth0"]
        self._waiting, self._running, self._failed = [], True, None

    def __enter__(self):
        self._sockets = {}
        self._woken, self._wake = os.pipe()
        for port in self._ports:
            _whole_packets(port)
        self.lab.switch.ip_batch([f"link set {port.switch_name} nomaster" for port in self._ports])
        for port in self._ports:
            one = self.lab.switch.socket(socket.AF_PACKET, socket.SOCK_RAW, _ALL)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            one.bind((port.switch_name, 3))
            self._sockets[port] = one
        self._thread = threading.Thread(target=self._run, name="middle", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._running = False
        os.write(self._wake, b"go")
        self._thread.join(5)
        self.lab.switch.ip_batch([f"link set {port.switch_name} master {port.network.bridge}" for port in self._ports])
        for one in self._sockets.values():
            one.close()
        os.close(self._woken)
        os.close(self._wake)
        if self._failed:
            raise self._failed

    def send(self, receiver, frame):
        with contextlib.suppress(OSError):      # a queue that is full is a loss
            self._sockets[receiver].send(frame)

    def let_go(self):
        """What waits goes out now, in the order in which it came."""
        os.write(self._wake, b"go")

    def heartbeats(self):
        return [caught for caught in list(self.caught) if caught.payload]

    def _run(self):
        try:
            self._relay()
        except Exception as problem:    # the test says so
            self._failed = problem

    def _relay(self):
        first, second = self.lab.nodes
        across = {port: (second if port.host is first else first).ports[port.name] for port in self._ports}
        came = {one: port for port, one in self._sockets.items()}
        number = 0
        while self._running:
            wait = min((due for due, *_ in self._waiting), default=time.monotonic() + 1) - time.monotonic()
            for one in select.select([*came, self._woken], [], [], max(0, min(wait, 1)))[0]:
                if one == self._woken:
                    os.read(one, 64)
                    self._waiting = [(0, *rest) for _, *rest in self._waiting]
                    continue
                data, where = one.recvfrom(65536)
                if where[2] == socket.PACKET_OUTGOING:
                    continue
                caught = Caught(came[one], across[came[one]], data)
                if caught.payload:
                    self.sent[came[one].host.name] += len(caught.payload)
                self.caught.append(caught)
                for seconds, *rest in self.rule(caught):
                    number += 1
                    if seconds > 0:
                        self._waiting.append((time.monotonic() + seconds, number, *rest))
                    else:
                        self.send(*rest)
            due = [w for w in self._waiting if w[0] <= time.monotonic()]
            self._waiting = [w for w in self._waiting if w not in due] if due else self._waiting
            for _, _, *rest in sorted(due, key=lambda w: w[:2]):
                self.send(*rest)


def _whole_packets(port):
    """Checksums are made by the node itself and packets are no longer than the network's: who passes them on does neither."""
    with port.host.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in (_SEGMENTS, _CHECKSUMS):
            value = array.array("B", struct.pack("II", command, 0))
            fcntl.ioctl(control, _SIOCETHTOOL, struct.pack("16sP", port.name.encode(), value.buffer_info()[0]))


class Impostor:
    """A machine beside the nodes that has the heartbeat address of `posed` on `link` and tells `victim` so, again and again, by ARP."""

    def __init__(self, host, posed, victim, link):
        self.address, self.host = posed.ports[link].address4, host
        self._link, self._victim = link, victim.ports[link]
        self._posed, self._running = posed.ports[link], True

    def _says(self, port):
        """That the address is at that port."""
        self._socket.send(bytes(Ether(src=self.host.ports[self._link].mac, dst=self._victim.mac) /
                                ARP(op="is-at", hwsrc=port.mac, psrc=self.address, hwdst=self._victim.mac, pdst=self._victim.address4)))

    def __enter__(self):
        self.host.ip("addr", "add", f"{self.address}/32", "dev", self._link)
        self._socket = self.host.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((self._link, 0))
        self._thread = threading.Thread(target=self._run, name="impostor", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._running = False
        self._thread.join(5)
        self.host.ip("addr", "del", f"{self.address}/32", "dev", self._link)
        until(self._put_right, 5, "the victim knows the right machine again", every=0.1)
        self._socket.close()

    def _put_right(self):
        self._says(self._posed)
        return neighbour(self._victim.host, self.address) == self._posed.mac

    def _run(self):
        while self._running:
            self._says(self.host.ports[self._link])
            time.sleep(0.05)

    def connect(self, port, timeout=2.0):
        made = self.host.socket()
        made.settimeout(timeout)
        made.bind((self.address, 0))
        try:
            made.connect((self._victim.address4, port))
        except OSError:
            made.close()
            raise
        return made
