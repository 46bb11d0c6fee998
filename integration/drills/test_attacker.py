# SPDX-License-Identifier: Apache-2.0
"""An attacker on the heartbeat network, in the middle of it or beside the nodes, achieves nothing but loss.

He sees, drops, delays, changes, repeats and forges what the nodes say to each other, and connects to the port of replication. After each
attack the pair is audited. test_packets.py floods a pair with a hundred thousand bad datagrams.
"""

import contextlib
import os
import random
import ssl
import struct
import time

import pytest
from attacker import GOODBYE, HEADER, TAG, Impostor, Middle, datagram, passes
from audited_stage import Stage
from disturbances import Disturber
from lab.wait import stays, until
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

REPLICATION = 7778
STRANGERS = 8           # connections that have not greeted
GREETING = 3            # seconds that they have
LINKS = ("hb1", "hb2")
FOR_EVER = 3600


@pytest.fixture(scope="module")
def made():
    one = Stage()
    yield one
    one.close()


@pytest.fixture
def stage(made):
    """A pair that is well, and is so again after the test: with the owner, epoch and processes that it says it has."""
    disturber = Disturber(made.pair, made.text)
    made.audits.begin()
    yield made
    faults = made.audits.faults(disturber)
    assert not faults, "\n".join(faults)


@pytest.fixture
def scene(stage):
    """For the report of a failure."""
    return stage.scene


class Calm:
    """What must not change while an attack lasts, and how much was refused."""

    def __init__(self, pair):
        self._pair = pair
        self._before, self._told = self._said(), {n.name: len(self._events(n)) for n in pair.nodes}
        self._refused = {n.name: refused(n) for n in pair.nodes}

    def _said(self):
        said = {node.name: node.status() for node in self._pair.nodes}
        return {name: ([s["node"][key] for key in ("state", "epoch", "maintenance", "ready")], s["peer"]["state"],
                       [p["pid"] for p in s["processes"]], s["config"]["hash"]) for name, s in said.items()}

    @staticmethod
    def _events(node):
        """That a heartbeat is late is what delays are."""
        return [e for e in node.events() if e["kind"] in ("state", "peer", "conflict", "stall", "address") and "is late" not in e["text"]]

    def refused(self, node):
        return refused(node) - self._refused[node.name]

    def lasts(self):
        assert self._said() == self._before
        for node in self._pair.nodes:
            assert len(self._events(node)) == self._told[node.name], self._events(node)[self._told[node.name]:]


def refused(node):
    return sum(link["rejected"] for link in node.status()["links"])


def links_live(pair):
    return all(link["alive"] and link["peer_hears"] for node in pair.nodes for link in node.status()["links"])


def wait_live(pair):
    until(lambda: links_live(pair), 3, "all links live", describe=pair.describe)


def epoch(pair):
    return max(int(node.status()["node"]["epoch"].split("/")[0]) for node in pair.nodes)


def broken_forms(payload):
    """The datagram with each byte changed in turn, cut off at each length, and longer."""
    for at in range(len(payload)):
        yield payload[:at] + bytes([payload[at] ^ random.randrange(1, 256)]) + payload[at + 1:]
        yield payload[:at]
    for more in (1, TAG, 200, 513 - len(payload), 1400 - len(payload)):
        yield payload + os.urandom(more)


def test_no_byte_of_a_heartbeat_can_be_changed(stage):
    """Of a datagram that is genuine and was never heard, which is then heard."""
    pair, broken = stage.pair, {}
    calm = Calm(pair)

    def rule(caught):
        node = caught.receiver.host.name
        if not caught.payload or caught.receiver.name != "hb1" or node in broken:
            return passes(caught)
        forms = caught.with_payloads(broken_forms(caught.payload))
        broken[node] = len(forms)
        return [*((n * 0.0002, caught.receiver, form) for n, form in enumerate(forms)), (len(forms) * 0.0002, caught.receiver, caught.data)]

    def lost():
        return [link["lost"] for node in pair.nodes for link in node.status()["links"]]

    with Middle(stage.scene.lab) as middle:
        until(lambda: len(middle.heartbeats()) > 8, 3, "each hears of what it cost to come between them")
        before = lost()
        middle.rule = rule
        until(lambda: len(broken) == 2 and all(calm.refused(node) >= broken[node.name] for node in pair.nodes), 5,
              "each form was refused", describe=lambda: f"{broken}\n{pair.describe()}")
        heard = len(middle.heartbeats())
        until(lambda: len(middle.heartbeats()) > heard + 8, 3, "they go on")
        assert lost() == before, "the genuine one was not heard"
        wait_live(pair)
    calm.lasts()
    assert {node.name: calm.refused(node) for node in pair.nodes} == broken, "the genuine one was refused, too"


def test_disorder_repetition_and_delays_below_deadtime_change_nothing(stage):
    calm, dice = Calm(stage.pair), random.Random(7)

    def rule(caught):
        return [(dice.uniform(0, 0.3), caught.receiver, caught.data) for _ in range(dice.randint(1, 3))]

    with Middle(stage.scene.lab, rule) as middle:
        until(lambda: len(middle.heartbeats()) > 80, 10, "some went through")
        until(lambda: all(calm.refused(node) > 20 for node in stage.pair.nodes), 3, "what was repeated was refused")
    wait_live(stage.pair)
    calm.lasts()


def forged(payload, kind=1, version=1, ahead=1, session=None):
    """From scratch: what can be seen of headers, in front of anything."""
    counter = payload[6] if kind == GOODBYE else struct.unpack_from("!Q", payload, 24)[0] + ahead
    head = bytes([version]) + payload[1:4] + bytes([kind]) + payload[5:8] + (session or payload[8:24]) + struct.pack("!Q", counter)
    return head + os.urandom(TAG if kind == GOODBYE else len(payload) - HEADER)


def to_the_receiver(caught, stranger):
    """One datagram as it never was sent, and some that never were."""
    elsewhere = [port.host.ports["hb2" if port.name == "hb1" else "hb1"] for port in (caught.sender, caught.receiver)]
    yield caught.receiver, caught.data                                      # once more
    yield elsewhere[1], datagram(caught.payload, *elsewhere)                # on another link
    yield caught.receiver, datagram(caught.payload, caught.sender, caught.receiver, source=stranger)
    for one in ({}, {"ahead": 10**6}, {"ahead": 2**62}, {"kind": GOODBYE}, {"version": 2}, {"kind": 3}, {"session": os.urandom(16)}):
        yield caught.receiver, caught.with_payload(forged(caught.payload, **one))


def test_what_is_repeated_elsewhere_reflected_or_forged_is_refused(stage):
    calm, stranger = Calm(stage.pair), stage.scene.observer.address("hb1")
    due = dict.fromkeys((node.name for node in stage.pair.nodes), 0)

    def rule(caught):
        if not caught.payload or len(middle.heartbeats()) > 60:
            return passes(caught)
        bad = list(to_the_receiver(caught, stranger))
        due[caught.receiver.host.name] += len(bad)
        due[caught.sender.host.name] += 1
        return [*passes(caught), *((0, *one) for one in bad), (0, caught.sender, datagram(caught.payload, caught.receiver, caught.sender))]

    middle = Middle(stage.scene.lab, rule)
    with middle:
        until(lambda: len(middle.heartbeats()) > 62 and all(calm.refused(node) >= due[node.name] for node in stage.pair.nodes), 10,
              "all of it was refused", describe=lambda: f"{due}\n{stage.pair.describe()}")
        wait_live(stage.pair)
    calm.lasts()
    assert {node.name: calm.refused(node) for node in stage.pair.nodes} == due


def test_a_link_on_which_all_is_dropped_is_down_and_nothing_else(stage):
    calm = Calm(stage.pair)
    with Middle(stage.scene.lab, lambda caught: [] if caught.receiver.name == "hb1" else passes(caught)):
        until(lambda: all([link["alive"] for link in node.status()["links"]] == [False, True] for node in stage.pair.nodes), 3,
              "one link is down", describe=stage.pair.describe)
        stays(stage.pair.settled, 1, "nothing else is", every=0.05, describe=stage.pair.describe)
    wait_live(stage.pair)
    calm.lasts()


def test_what_was_held_back_for_seconds_and_comes_at_once_moves_nothing_back(stage):
    """All held back is a cut: the passive node takes the addresses, once. Then come words of an owner that was one."""
    owner, taker = stage.pair.active, stage.pair.passive
    before = epoch(stage.pair)
    with Middle(stage.scene.lab, lambda caught: [(FOR_EVER, caught.receiver, caught.data)]) as middle:
        until(lambda: taker.state == "active", 2, "it takes over", describe=stage.pair.describe)
        until(lambda: len(middle.heartbeats()) > 120, 10, "seconds of heartbeats wait")
        middle.rule = passes
        middle.let_go()
        until(lambda: stage.pair.settled() and taker.state == "active", 5, "the greater epoch stays", describe=stage.pair.describe)
        for caught in [*middle.heartbeats(), *reversed(middle.heartbeats())]:
            middle.send(caught.receiver, caught.data)
        stays(lambda: (owner.state, taker.state, epoch(stage.pair)) == ("passive", "active", before + 1), 1, "one move", every=0.05,
              describe=stage.pair.describe)
        wait_live(stage.pair)
    stage.pair.make_active(owner)


def restart(stage, node):
    node.terminate()
    node.wait_gone()
    node.start(within=None)
    until(node.answers, 5, f"{node.name} answers", describe=node.log_text)
    stage.pair.settle()
    wait_live(stage.pair)


@pytest.fixture(scope="module")
def recordings(made):
    """All heartbeats of a hand-over each way, and of each node's leaving and coming back. Goodbyes and offers are among them."""
    pair, owner = made.pair, made.pair.active
    wait_live(pair)
    with Middle(made.scene.lab) as middle:
        pair.make_active(pair.other(owner))
        pair.make_active(owner)
        restart(made, pair.other(owner))
        restart(made, owner)
        pair.make_active(owner)
    recorded = middle.heartbeats()
    for node in pair.nodes:
        assert any(c.payload[4] == GOODBYE for c in recorded if c.sender.host is node.host), f"no goodbye of {node.name}"
    return recorded


def test_recorded_goodbyes_and_offers_move_nothing(stage, recordings):
    """Not while both know which sessions are over, nor once one has forgotten because it was started anew, nor while it starts."""
    owner, other = stage.pair.active, stage.pair.passive
    with Middle(stage.scene.lab) as middle:
        calm = Calm(stage.pair)
        replay(middle, recordings)
        until(lambda: all(calm.refused(node) > len(recordings) // 4 for node in stage.pair.nodes), 3, "they were refused")
        calm.lasts()
        before = epoch(stage.pair)
        for starts in (other, owner):
            stage.pair.make_active(stage.pair.other(starts))
            before = epoch(stage.pair)
            starts.terminate()
            starts.wait_gone()
            starts.start(within=None)
            for _ in range(5):
                replay(middle, recordings)
            until(starts.answers, 5, f"{starts.name} answers", describe=starts.log_text)
            stage.pair.settle()
            replay(middle, recordings)
            stays(lambda: (starts.state, stage.pair.other(starts).state, epoch(stage.pair)) == ("passive", "active", before), 0.8,
                  "it came back as passive node", every=0.05, describe=stage.pair.describe)
        wait_live(stage.pair)
    stage.pair.make_active(owner)


def replay(middle, recordings):
    for caught in recordings:
        middle.send(caught.receiver, caught.data)
        time.sleep(0.0005)      # to be heard, not to fill the sockets' queues


def cpu(pid):
    """Seconds of processor time that a process has had."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_flood_of_new_sessions_is_not_answered_and_costs_little(stage, recordings):
    """Sessions that nobody has are not answered at all; of old ones, each datagram by one at most."""
    pair = stage.pair
    count = 20_000
    models = {caught.receiver: caught for caught in recordings if caught.payload[4] != GOODBYE}
    openers = [(port, frame) for port, caught in models.items() for frame in
               caught.with_payloads(forged(caught.payload, session=os.urandom(16)) for _ in range(count // len(models)))]
    random.shuffle(openers)
    calm = Calm(pair)
    with Middle(stage.scene.lab) as middle:
        until(lambda: len(middle.heartbeats()) > 8, 3, "heartbeats pass")
        pids = {node.name: node.pids()["cluster"] for node in pair.nodes}
        sent, used, start = dict(middle.sent), {name: cpu(pid) for name, pid in pids.items()}, time.monotonic()
        for n, (port, frame) in enumerate(openers):
            middle.send(port, frame)
            if n % 50 == 49:
                time.sleep(0.002)
        until(lambda: all(calm.refused(node) > count // 4 for node in pair.nodes), 5, "they were refused")
        took = time.monotonic() - start
        for node in pair.nodes:
            usual = (took / 0.1 + 2) * len(LINKS) * max(len(c.payload) for c in models.values())
            assert middle.sent[node.name] - sent[node.name] <= usual, "the flood was answered"
            assert cpu(pids[node.name]) - used[node.name] < 0.25 * took + 0.05, f"{node.name} was kept busy for {took} s"

        sent, start = dict(middle.sent), time.monotonic()
        given = sum(len(caught.payload) for caught in recordings)
        replay(middle, recordings)
        until(lambda: all(calm.refused(node) > count // 4 + len(recordings) // 4 for node in pair.nodes), 5, "they were refused, too")
        usual = ((time.monotonic() - start) / 0.1 + 2) * len(LINKS) * len(pair.nodes) * 200
        assert sum(middle.sent.values()) - sum(sent.values()) <= given + usual
        wait_live(pair)
    calm.lasts()


def streams(caught):
    """What was sent to the port of replication on each connection whose beginning is among these frames: client's port -> bytes."""
    found, heard = {}, {}
    for packet in (Ether(c.data) for c in caught if not c.payload):
        if TCP in packet and packet[TCP].dport == REPLICATION:
            tcp = packet[TCP]
            length = packet[IP].len - 4 * packet[IP].ihl - 4 * tcp.dataofs
            if "S" in tcp.flags:
                found[tcp.sport], heard[tcp.sport] = b"", tcp.seq + 1
            elif length and heard.get(tcp.sport) == tcp.seq:
                found[tcp.sport] += bytes(tcp.payload)[:length]
                heard[tcp.sport] += length
    return found


def reset_of(caught):
    """A reset that the sender of this segment takes for its peer's: with the number that it waits for. None without a segment."""
    packet = Ether(caught.data)
    if TCP not in packet or "A" not in packet[TCP].flags or REPLICATION not in (packet[TCP].sport, packet[TCP].dport):
        return None
    ip, tcp = packet[IP], packet[TCP]
    return bytes(Ether(src=packet.dst, dst=packet.src) / IP(src=ip.dst, dst=ip.src) /
                 TCP(sport=tcp.dport, dport=tcp.sport, flags="R", seq=tcp.ack))


def replicates(pair):
    return all(node.status()["config"]["in_sync"] and node.status()["config"]["replication"]["connected"] for node in pair.nodes)


@pytest.fixture(scope="module")
def opening(made):
    """What the secondary said on a connection to the primary, recorded while he who reset the one before looked on."""
    calm = Calm(made.pair)

    def reset_until_recorded():
        said = streams(middle.caught)
        for caught in middle.caught[-20:]:
            frame = reset_of(caught)
            if frame and not said.keys() & {Ether(frame)[TCP].sport, Ether(frame)[TCP].dport}:
                middle.send(caught.sender, frame)
        return next((words for words in said.values() if len(words) > 500), None)

    with Middle(made.scene.lab) as middle:
        said = until(reset_until_recorded, 10, "they connect again", every=0.05, describe=made.pair.describe)
        until(lambda: replicates(made.pair), 5, "they replicate again", every=0.05, describe=made.pair.describe)
    calm.lasts()
    return said


def ended(connections):
    """How many of them the other side has closed."""
    closed = 0
    for one in connections:
        try:
            one.setblocking(False)
            closed += one.recv(4096) == b""
        except BlockingIOError:
            pass
        except OSError:
            closed += 1
    return closed


def gets_nothing_from(connection):
    """Whatever is answered, the connection ends."""
    connection.settimeout(1)
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass


def connects(impostor):
    try:
        impostor.connect(REPLICATION, timeout=0.3).close()
        return True
    except OSError:
        return False


def reset_all(stage):
    """The nodes' own connection ends, on whatever link it is; they have to find each other anew."""
    for node in stage.pair.nodes:
        node.host.run(["nft", "-f", "-"], input=f"table inet apart {{\nchain out {{\ntype filter hook output priority 0\n"
                                                f"tcp dport {REPLICATION} reject with tcp reset\ntcp sport {REPLICATION} reject with tcp reset\n}}\n}}\n")
    until(lambda: not any(n.status()["config"]["replication"]["connected"] for n in stage.pair.nodes), 5, "apart", describe=stage.pair.describe)
    for node in stage.pair.nodes:
        node.host.run(["nft", "delete", "table", "inet", "apart"])


def test_strangers_at_the_port_of_replication(stage, opening):
    """With the secondary's address on one link they take all places that there are; the nodes connect again beside them."""
    pair = stage.pair
    before = [(n.state, n.pids(), epoch(pair)) for n in pair.nodes]
    without_the_secret = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    without_the_secret.check_hostname, without_the_secret.verify_mode = False, ssl.CERT_NONE
    with Impostor(stage.scene.observer, pair.secondary.host, pair.primary.host, "hb1") as impostor:
        until(lambda: connects(impostor), 5, "the primary believes him")
        silent, start = [impostor.connect(REPLICATION) for _ in range(5 * STRANGERS)], time.monotonic()
        until(lambda: ended(silent) >= len(silent) - STRANGERS, 2, "some are closed at once", describe=lambda: ended(silent))
        assert time.monotonic() - start < GREETING - 1
        reset_all(stage)
        pair.primary.apply(stage.text(True, 50))
        until(lambda: replicates(pair), 10, "replicated beside them", every=0.05, describe=pair.describe)
        until(lambda: ended(silent) == len(silent), GREETING + 2, "the rest is closed when its time is over", every=0.05)
        for words in (os.urandom(3000), b"GET / HTTP/1.1\r\nHost: dyad\r\n\r\n", b"\x16\x03\x01\xff\xff" + os.urandom(64), opening, opening * 2):
            with contextlib.closing(impostor.connect(REPLICATION)) as one:
                one.sendall(words)
                gets_nothing_from(one)
        with pytest.raises(OSError), contextlib.closing(impostor.connect(REPLICATION)) as one:
            without_the_secret.wrap_socket(one)
    pair.primary.apply(stage.text(False, 100))
    until(lambda: replicates(pair), 10, "replicated afterwards", every=0.05, describe=pair.describe)
    wait_live(pair)
    assert [(n.state, n.pids(), epoch(pair)) for n in pair.nodes] == before
