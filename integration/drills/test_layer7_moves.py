# SPDX-License-Identifier: Apache-2.0
"""Layer-7 connections in planned moves: they stay with the node that accepted them, for as long as `handover_grace`."""

import http.client
import pathlib
import socket
import threading
import time

import pytest
from lab.wait import until
from scene import DICOM, WEB, Scene

GRACE = 3       # seconds
RULES = ("dyad_taken", "dyad_given")


def with_grace(scene, seconds):
    text = scene.text.replace("[layer7]\n", f'[layer7]\nhandover_grace = "{seconds}s"\n')
    assert text != scene.text
    for node in scene.pair.nodes:
        node.write("cluster.toml", text)


def forwarding(scene):
    """As conf/sysctl.d has it: what a node does not take for its own it sends on."""
    for node in scene.pair.nodes:
        node.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])


@pytest.fixture
def moving():
    with Scene() as made:
        with_grace(made, GRACE)
        forwarding(made)
        yield made.start()


@pytest.fixture
def long_moving():
    """With a grace that no test outlives."""
    with Scene() as made:
        with_grace(made, 60)
        forwarding(made)
        yield made.start()


class Echo:
    """A connection that sends numbered lines without rest and wants each back, in order."""

    def __init__(self, client, period=0.01):
        self._socket = client.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(3)
        self._socket.connect((DICOM, 104))
        self._lines = self._socket.makefile("rb")
        self.server = self._lines.readline()
        self.answers = []
        self.failure = ""
        self._period = period
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="echo", daemon=True)
        self._thread.start()
        client.lab.on_close(self.stop)

    def _run(self):
        number = 0
        try:
            while not self._stopped.wait(self._period):
                line = b"%d\n" % number
                self._socket.sendall(line)
                assert self._lines.readline() == line
                number += 1
                self.answers.append(time.monotonic())
        except (OSError, AssertionError) as problem:
            self.failure = repr(problem)

    def answered_since(self, moment):
        return any(t > moment for t in self.answers)

    def stop(self):
        self._stopped.set()
        self._thread.join(5)
        self._socket.close()


def lives(echo, since):
    until(lambda: echo.failure or echo.answered_since(since), 4, "an answer on the connection")
    assert not echo.failure, echo.failure


def awake(node):
    """The tables of ours whose rules see packets."""
    listed = {name: node.host.run(["nft", "list", "table", "ip", name], check=False).stdout for name in RULES}
    return {name for name, text in listed.items() if text and "dormant" not in text}


def loaded(node):
    return {name for name in RULES if f"table ip {name}" in node.host.run(["nft", "list", "tables"]).stdout}


def hand_over(pair):
    """The addresses move; who had them, and who has them."""
    old, new = pair.active, pair.passive
    old.dyad("handover")
    until(lambda: new.state == "active", 3, "the move is made", describe=pair.describe)
    return old, new


def test_connections_stay_where_they_are(moving):
    """Three moves within the grace: a connection of each node's lives on, beside one that begins after each move."""
    client, pair = moving.client, moving.pair
    echoes = [Echo(client)]
    for _ in range(3):
        old, new = hand_over(pair)
        assert (awake(new), awake(old)) == ({"dyad_taken"}, {"dyad_given"})
        moment = time.monotonic()
        echoes.append(Echo(client))
        for echo in echoes:
            lives(echo, moment)


def test_a_slow_answer_comes_over_a_kept_connection(moving):
    """A request that is under way when the addresses move is answered, and so is the next one on its connection."""
    moving.servers[0].delay = moving.servers[1].delay = 1.0
    with moving.client.inside():
        connection = http.client.HTTPConnection(WEB, timeout=4)
        connection.connect()
    connection.request("GET", "/slow")
    old = moving.pair.active
    old.dyad("handover")
    until(lambda: moving.pair.active is not old, 3, "the move is made", describe=moving.pair.describe)
    first = connection.getresponse()
    assert (first.status, first.read()) in ((200, b"rs1"), (200, b"rs2"))
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    connection.close()


def links_carried(node):
    """Packets that came over the heartbeat links."""
    lines = pathlib.Path(f"/proc/{node.process.pid}/net/dev").read_text().splitlines()
    return sum(int(line.split()[2]) for line in lines if line.strip().startswith("hb"))


def established(node):
    return node.host.run(["ss", "-Htn", "state", "established", "( sport = :104 or dport = :104 )"]).stdout.splitlines()


def test_the_grace_ends(moving):
    """After it rules sleep on both nodes, and what is left of the connections is cut on all sides, not left to hang."""
    old, new = moving.pair.active, moving.pair.passive
    echo = Echo(moving.client)
    start = time.monotonic()
    old.dyad("handover")
    until(lambda: echo.failure, GRACE + 4, "the connection ends", describe=moving.pair.describe)
    assert "ConnectionReset" in echo.failure, echo.failure
    assert max(echo.answers) - start > GRACE - 1
    until(lambda: not awake(old) and not awake(new), 2, "the rules sleep", describe=moving.pair.describe)
    until(lambda: not established(old), 2, "the old node has no connection left, to clients or servers", describe=moving.pair.describe)
    lives(Echo(moving.client), time.monotonic())


def test_a_replaced_proxy_moves_and_ends_as_the_other_does(moving):
    """Its connections stay with their node within the grace, and are cut at its end."""
    old = moving.pair.active
    echo = Echo(moving.client)
    lives(echo, time.monotonic())
    old.dyad("replace-proxy")
    hand_over(moving.pair)
    lives(echo, time.monotonic())
    assert len(old.status()["retiring_proxies"]) == 1
    until(lambda: echo.failure, GRACE + 4, "the connection ends", describe=moving.pair.describe)
    assert "ConnectionReset" in echo.failure, echo.failure
    until(lambda: not old.status()["retiring_proxies"], 3, "the replaced proxy has ended", describe=moving.pair.describe)


def test_a_bulk_upload_crosses_whole(moving):
    """Megabytes in flight: segments that are merged on the way cross to the other node, too."""
    with moving.client.inside():
        stream = socket.create_connection((DICOM, 104), timeout=5)
    size, sent, got = 24 << 20, 0, bytearray()
    piece = bytes(range(256)) * 256
    lines = stream.makefile("rb")
    lines.readline()

    def read():
        while len(got) < size:
            data = lines.read1(1 << 16)
            if not data:
                return
            got.extend(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while sent < size:
        if sent == size // 2:
            moving.pair.active.dyad("handover")
        stream.sendall(piece)
        sent += len(piece)
    reader.join(15)
    stream.close()
    assert bytes(got) == piece * (size // len(piece))


def test_nothing_goes_in_circles(long_moving):
    """The new owner loses its service interface within the grace: the addresses go back, and no packet is sent to and fro."""
    pair = long_moving.pair
    old, new = hand_over(pair)
    echo = Echo(long_moving.client)
    before = links_carried(old) + links_carried(new)
    new.host.ports["eth0"].unplug()
    until(lambda: old.state == "active", 4, "the addresses are back", describe=pair.describe)
    assert (awake(new), awake(old)) == (set(), set())
    until(lambda: echo.failure, 6, "the connection of the node that is cut off ends")
    assert links_carried(old) + links_carried(new) - before < 5000
    lives(Echo(long_moving.client), time.monotonic())


def test_a_node_that_takes_nothing_sends_nothing_back(long_moving):
    """The previous owner lost its rules, and forwards: what comes to it ends there."""
    pair = long_moving.pair
    echo = Echo(long_moving.client)
    old, new = hand_over(pair)
    before = links_carried(old) + links_carried(new)
    old.host.run(["nft", "flush", "ruleset"])
    until(lambda: any("put back" in e["text"] and e["kind"] == "layer7" for e in old.events()), 4, "it is noticed and told")
    assert awake(old) == {"dyad_given"}
    lives(echo, time.monotonic())
    assert links_carried(old) + links_carried(new) - before < 5000


@pytest.mark.parametrize("how", ["cut", "stopped"])
def test_the_previous_owner_dies_within_the_grace(long_moving, how):
    """Its connections end at once: nobody waits for answers that cannot come."""
    pair = long_moving.pair
    echo = Echo(long_moving.client)
    old, new = hand_over(pair)
    lives(echo, time.monotonic())
    if how == "cut":
        for port in old.host.ports.values():
            port.unplug()
    else:
        old.terminate()
    until(lambda: echo.failure, 3, "the connection ends", describe=pair.describe)
    assert awake(new) == set()


def test_the_new_owner_dies_within_the_grace(long_moving):
    """The previous owner takes the addresses back, its connections go on, those of the dead node are reset at once."""
    pair = long_moving.pair
    stays = Echo(long_moving.client)
    old, new = hand_over(pair)
    goes = Echo(long_moving.client)
    for port in new.host.ports.values():
        port.unplug()
    until(lambda: old.state == "active", 3, "the addresses are back", describe=pair.describe)
    moment = time.monotonic()
    assert awake(old) == set()
    lives(stays, moment)
    until(lambda: goes.failure, 3, "the dead node's connection ends", describe=pair.describe)


def test_an_unplanned_take_over_passes_nothing_on(moving):
    old, new = moving.pair.active, moving.pair.passive
    old.kill()
    until(lambda: new.state == "active", 3, "taken over", describe=new.describe)
    assert awake(new) == set()


def test_no_grace_no_rules():
    with Scene() as scene:
        with_grace(scene, 0)
        scene.start()
        assert [loaded(node) for node in scene.pair.nodes] == [set(), set()]
        echo = Echo(scene.client)
        scene.pair.active.dyad("handover")
        until(lambda: echo.failure, 4, "the connection ends")
        assert "ConnectionReset" in echo.failure, echo.failure


def test_nothing_stays_behind(moving):
    assert loaded(moving.pair.primary) == set(RULES)
    for node in moving.pair.nodes:
        node.terminate()
    for node in moving.pair.nodes:
        assert node.wait_gone() == 0
        assert loaded(node) == set()
        assert "6694" not in node.host.run(["ip", "rule"]).stdout
        assert node.host.run(["ip", "route", "show", "table", "6694"], check=False).stdout == ""
