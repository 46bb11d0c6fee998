# SPDX-License-Identifier: Apache-2.0
"""What an attacker on the heartbeat network can do to UDP 6694: make counters count."""

import random
import socket
import struct
import time

from lab.wait import until

PORT = 6694
_ETH_IP = 0x0800
N = 100_000


def capture(hosts, seconds=0.6):
    """Heartbeats as they come in at these hosts: (payload, source address, destination address)."""
    return [packet for host in hosts for packet in incoming(host, seconds)]


def incoming(host, seconds):
    found = []
    with host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_IP)) as s:
        s.bind(("hb1", _ETH_IP))
        s.settimeout(0.2)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                frame = s.recv(65536)
            except TimeoutError:
                continue
            if frame[23] == 17 and struct.unpack("!H", frame[36:38])[0] == PORT:
                length = struct.unpack("!H", frame[38:40])[0]
                found.append((frame[42:34 + length], socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])))
    return found


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(payload, source, destination, mac, my_mac, port=PORT):
    """Ethernet, IPv4 and UDP around a payload; a UDP checksum of 0 means none."""
    udp = struct.pack("!HHHH", port, PORT, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source),
                       socket.inet_aton(destination))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return bytes.fromhex(mac.replace(":", "")) + bytes.fromhex(my_mac.replace(":", "")) + struct.pack("!H", _ETH_IP) + head + udp


def hostile(rng, old, fresh):
    """Endless payloads, each of one of five kinds; `old` were captured before both nodes restarted, `fresh` from this life."""
    while True:
        kind = rng.randrange(5)
        payload, source, destination = rng.choice(fresh)
        if kind == 0:
            payload = rng.randbytes(rng.randrange(0, 1400))
        elif kind == 1:
            payload = payload[:rng.randrange(len(payload))]
        elif kind == 2:
            at = rng.randrange(len(payload))
            payload = payload[:at] + bytes([payload[at] ^ (1 << rng.randrange(8))]) + payload[at + 1:]
        elif kind == 3:
            payload, source, destination = rng.choice(old + fresh)
        else:
            source, destination = destination, source  # to whom it came from
        yield payload, source, destination


def important(node):
    return [e for e in node.events() if e["kind"] in ("state", "peer", "conflict", "stall", "address")]


def test_a_hundred_thousand_bad_packets_change_nothing_but_counters(scene):
    pair = scene.pair
    hosts = [n.host for n in pair.nodes]
    old = capture(hosts)
    pair.secondary.terminate()
    pair.secondary.wait_gone()
    pair.secondary.start()
    pair.settle()
    fresh = capture(hosts)
    assert len(old) > 5 and len(fresh) > 5

    scene.watch()
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    before = [(n.status(), len(important(n))) for n in pair.nodes]
    ports = {n.host.ports["hb1"].address4: n.host.ports["hb1"] for n in pair.nodes}
    start = time.monotonic_ns()
    sent = flood(scene.observer, random.Random(seed), old, fresh, ports)
    until(lambda: all(rejected(n) > rejected_in(b) + sent // 4 for n, (b, _) in zip(pair.nodes, before)), 5,
          "most of it was rejected and counted", describe=pair.describe)
    scene.looks_well(start, pair.active, served_within=0)
    for node, (was, events) in zip(pair.nodes, before):
        now = node.status()
        for key in ("state", "epoch", "maintenance", "ready"):
            assert now["node"][key] == was["node"][key], key
        for key in ("name", "alive", "state", "maintenance", "term", "generation"):
            assert now["peer"][key] == was["peer"][key], key
        assert [p["pid"] for p in now["processes"]] == [p["pid"] for p in was["processes"]]
        assert len(important(node)) == events, important(node)[events:]


def rejected_in(status):
    return sum(link["rejected"] for link in status["links"])


def rejected(node):
    return rejected_in(node.status())


def flood(attacker, rng, old, fresh, ports):
    mine = attacker.ports["hb1"].mac
    with attacker.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
        s.bind(("hb1", 0))
        packets = hostile(rng, old, fresh)
        for n in range(N):
            payload, source, destination = next(packets)
            s.send(frame(payload, source, destination, ports[destination].mac, mine))
            if n % 100 == 99:
                time.sleep(0.002)  # the flood is to be heard, not to fill the sockets' queues
    return N
