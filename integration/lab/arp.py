# SPDX-License-Identifier: Apache-2.0
"""Who answers for an address, asked again and again; and what a host's neighbour table says."""

import collections
import select
import socket
import struct
import threading
import time

_ETH_ARP, _ETH_IPV6 = 0x0806, 0x86DD
_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, _PACKET_MR_PROMISC = 263, 1, 1


def _mac_text(raw):
    return ":".join(f"{b:02x}" for b in raw)


class ArpProber:
    """IPv4. Asks for each address every `period` seconds and keeps who answered which question.

    The question's number is in its sender hardware address, to which the answer goes: so two answers to one question are
    two owners, and a late answer isn't mistaken for one to the next question. The port hears everything for that.
    """

    ethertype = _ETH_ARP

    def __init__(self, host, addresses, period=0.015, port="eth0"):
        self.questions = []  # (time_ns, address, number)
        self.answers = collections.defaultdict(list)  # number -> [(time_ns, mac)]
        self._mine = bytes.fromhex(host.ports[port].mac.replace(":", ""))
        self._port = host.ports[port]
        self._addresses = list(addresses)
        self._period = period
        self._socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(self.ethertype))
        self._socket.bind((port, self.ethertype))
        with host.inside():
            index = socket.if_nametoindex(port)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, struct.pack("iHH8s", index, _PACKET_MR_PROMISC, 0, b""))
        self._running = True
        self._thread = threading.Thread(target=self._run, name="arp prober", daemon=True)
        self._thread.start()
        host.lab.on_close(self.stop)

    def stop(self):
        self._running = False
        self._thread.join(5)
        self._socket.close()

    def _run(self):
        due = time.monotonic()
        while self._running:
            if time.monotonic() >= due:
                for address in self._addresses:
                    self._ask(address)
                due = max(due + self._period, time.monotonic())
            if select.select([self._socket], [], [], max(0.0, due - time.monotonic()))[0]:
                heard = self._hear(self._socket.recv(256))
                if heard:
                    number, mac = heard
                    self.answers[number].append((time.monotonic_ns(), _mac_text(mac)))

    def _ask(self, address):
        number = len(self.questions)
        sender = b"\x02\xad" + number.to_bytes(4, "big")
        self.questions.append((time.monotonic_ns(), address, number))
        try:
            self._socket.send(self._question(sender, address))
        except OSError:
            pass  # the port is down for a moment

    def _question(self, sender, address):
        return (b"\xff" * 6 + self._mine + struct.pack("!HHHBBH", _ETH_ARP, 1, 0x0800, 6, 4, 1) + sender +
                socket.inet_aton(self._port.address4) + bytes(6) + socket.inet_aton(address))

    def _hear(self, frame):
        """(number of the question, MAC that answers), or None."""
        if len(frame) >= 42 and frame[20:22] == b"\x00\x02" and frame[32:34] == b"\x02\xad":
            return int.from_bytes(frame[34:38], "big"), frame[22:28]
        return None

    def responders(self, since, to=None):
        """address -> set of MAC addresses that answered questions asked in that time."""
        found = {address: set() for address in self._addresses}
        for asked, address, number in list(self.questions):
            if asked >= since and (to is None or asked < to):
                found[address].update(mac for _, mac in self.answers.get(number, ()))
        return found

    def conflicts(self, since, to=None):
        """Questions of that time that more than one station answered: (ms after `since`, address, MACs)."""
        found = []
        for asked, address, number in list(self.questions):
            if asked >= since and (to is None or asked < to):
                macs = sorted({mac for _, mac in self.answers.get(number, ())})
                if len(macs) > 1:
                    found.append(((asked - since) / 1e6, address, macs))
        return found

    def unanswered(self, since, to=None):
        """Share of the questions of that time that nobody answered, 0 to 1. The last 100 ms don't count: answers may be
        under way."""
        last = time.monotonic_ns() - 100_000_000 if to is None else to
        asked = [n for t, _, n in list(self.questions) if since <= t < last]
        return sum(1 for n in asked if n not in self.answers) / len(asked) if asked else 0.0


class NdpProber(ArpProber):
    """The same for IPv6: neighbour solicitations, whose option says the address that the advertisement goes to."""

    ethertype = _ETH_IPV6
    _solicitation, _advertisement = 135, 136

    def _question(self, sender, address):
        target = socket.inet_pton(socket.AF_INET6, address)
        source = socket.inet_pton(socket.AF_INET6, self._port.address6)
        group = bytes.fromhex("ff0200000000000000000001ff") + target[13:]
        body = bytes(4) + target + b"\x01\x01" + sender
        pseudo = source + group + struct.pack("!IxxxB", 4 + len(body), socket.IPPROTO_ICMPV6)
        head = struct.pack("!BB", self._solicitation, 0)
        message = head + struct.pack("!H", _checksum(pseudo + head + b"\0\0" + body)) + body
        ip = struct.pack("!IHBB", 6 << 28, len(message), socket.IPPROTO_ICMPV6, 255) + source + group
        return b"\x33\x33" + group[12:] + self._mine + struct.pack("!H", _ETH_IPV6) + ip + message

    def _hear(self, frame):
        if len(frame) >= 86 and frame[0:2] == b"\x02\xad" and frame[20] == socket.IPPROTO_ICMPV6 and frame[54] == self._advertisement:
            return int.from_bytes(frame[2:6], "big"), frame[80:86]
        return None


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


_RTM_GETNEIGH, _NLM_F_REQUEST, _NLM_F_DUMP, _NLMSG_DONE = 30, 1, 0x300, 3
_NDA_DST, _NDA_LLADDR = 1, 2


def neighbour(host, address):
    """The MAC address that a host's neighbour table has for an address, or None."""
    wanted = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    with host.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.bind((0, 0))
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        s.send(struct.pack("=IHHIIB11x", 28, _RTM_GETNEIGH, _NLM_F_REQUEST | _NLM_F_DUMP, 1, 0, family))
        while True:
            data = s.recv(65536)
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind == _NLMSG_DONE:
                    return None
                attributes = _attributes(data[28:length])
                if attributes.get(_NDA_DST) == wanted:
                    mac = attributes.get(_NDA_LLADDR)
                    return _mac_text(mac) if mac else None
                data = data[(length + 3) & ~3:]


def _attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found
