# SPDX-License-Identifier: Apache-2.0
"""The lab itself: the instruments see what is there, also what must not be; and nothing is left behind."""

import os
import socket
import subprocess
import sys
import time

import pytest
from lab import ArpProber, Lab, NdpProber, RealServer, TcpProbe, UdpProbe, neighbour
from lab.names import NETNS_DIR, pids_inside
from lab.probe import Responder, fetch
from lab.wait import until

ADDRESS = "10.77.0.100"


@pytest.fixture
def lab():
    with Lab(real_servers=2) as made:
        yield made


def put(host, address=ADDRESS):
    host.ip("addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))


def take(host, address=ADDRESS):
    host.ip("addr", "del", address, "dev", "eth0")


def test_is_up_in_two_seconds_and_leaves_nothing():
    start = time.monotonic()
    with Lab(heartbeat_links=3, real_servers=8, clients=4, observers=2) as lab:
        assert time.monotonic() - start < 2
        namespaces = [h.namespace for h in [lab.switch, *lab.hosts]]
        process = lab.clients[0].popen(["sh", "-c", "sleep 1000 & sleep 1000"])
        until(lambda: len(pids_inside(namespaces)) >= 2, 2, "processes in it")
    assert not [n for n in namespaces if os.path.exists(f"{NETNS_DIR}/{n}")]
    assert not os.path.exists(lab.directory) and not pids_inside(namespaces) and process.returncode is not None


def test_what_a_killed_run_left_is_swept():
    maker = subprocess.run([sys.executable, "-c", "import os, signal, sys; sys.path.insert(0, sys.argv[1]); from lab import Lab; "
                            "lab = Lab(); print(lab.prefix, flush=True); os.kill(os.getpid(), signal.SIGKILL)",
                            os.path.dirname(os.path.dirname(os.path.abspath(__file__)))], text=True, stdout=subprocess.PIPE)
    prefix = maker.stdout.strip()
    assert prefix and [n for n in os.listdir(NETNS_DIR) if n.startswith(prefix + "-")]
    with Lab(clients=0, observers=0):
        assert not [n for n in os.listdir(NETNS_DIR) if n.startswith(prefix + "-")]


def test_hosts_have_no_way_out(lab):
    routes = lab.nodes[0].ip("route", "show", "default") + lab.nodes[0].ip("-6", "route", "show", "default")
    assert routes == ""
    with lab.clients[0].socket(socket.AF_INET, socket.SOCK_STREAM) as s, pytest.raises(OSError):
        s.connect(("192.0.2.1", 80))


def test_servers_say_who_they_are(lab):
    first, second = [RealServer(h) for h in lab.real_servers]
    client = lab.clients[0]
    assert [fetch(client, first.address), fetch(client, second.address)] == ["rs1", "rs2"]
    assert fetch(client, first.address, path="/health") == "allServicesOperative"
    first.stop()
    with pytest.raises(OSError):
        fetch(client, first.address)
    first.start()
    assert fetch(client, first.address) == "rs1" and second.requests == 1


def test_the_probe_measures_a_gap(lab):
    node, client = lab.nodes[0], lab.clients[0]
    Responder(node, ADDRESS)
    udp, tcp = UdpProbe(client, ADDRESS), TcpProbe(client, ADDRESS)
    put(node)
    udp.wait_answered()
    time.sleep(0.3)
    event = time.monotonic_ns()
    node.ports["eth0"].drop(sends=False)
    time.sleep(0.2)
    assert udp.served_after(event) == float("inf"), "an interruption that lasts is none that ended"
    node.ports["eth0"].heal()
    until(lambda: udp.served_after(event) < float("inf"), 2, "answers again")
    time.sleep(0.2)
    udp.stop()
    tcp.stop()
    assert 180 < udp.longest_gap(event) < 400, udp.gaps(event)[:3]
    assert not tcp.failed() and tcp.slowest(event) > 900, "a lost SYN costs a second, and fails nothing"
    assert len(udp.gaps(0)) > 300


def test_the_probe_is_precise(lab):
    Responder(lab.nodes[0], ADDRESS)
    put(lab.nodes[0])
    seen = []
    for _ in range(60):  # a machine that is itself made to wait says nothing about the instrument: one quiet attempt decides
        probe = UdpProbe(lab.clients[0], ADDRESS)
        probe.wait_answered()
        time.sleep(0.1)
        probe.stop()
        seen.append(probe.late[0])
        if seen[-1] < 1.0:
            break
    assert seen[-1] < 1.0, f"99th percentiles of its lateness in ms: {seen}"


@pytest.mark.parametrize("sends, hears", [(True, False), (False, True), (True, True)])
def test_cuts_go_one_way_or_both(lab, sends, hears):
    node, other = lab.nodes
    ours, theirs = (h.socket(socket.AF_INET, socket.SOCK_DGRAM) for h in (node, other))
    with ours, theirs:
        for s, host in ((ours, node), (theirs, other)):
            s.bind((host.address("hb1"), 5000))
            s.settimeout(0.2)
        ours.sendto(b"arp", (other.address("hb1"), 5000))
        theirs.recv(10)
        node.ports["hb1"].drop(sends=sends, hears=hears)
        assert arrives(ours, theirs, other.address("hb1")) == (not sends)
        assert arrives(theirs, ours, node.address("hb1")) == (not hears)
        node.ports["hb1"].heal()
        assert arrives(ours, theirs, other.address("hb1")) and arrives(theirs, ours, node.address("hb1"))


def arrives(sender, receiver, address):
    sender.sendto(b"x", (address, 5000))
    try:
        return receiver.recv(10) == b"x"
    except TimeoutError:
        return False


def test_unplugged_has_no_carrier(lab):
    port = lab.nodes[0].ports["eth0"]
    for change, word in ((port.unplug, "NO-CARRIER"), (port.plug, "LOWER_UP")):
        change()
        until(lambda: word in lab.nodes[0].ip("link", "show", "dev", "eth0"), 2, word)


@pytest.mark.parametrize("prober_kind, address", [(ArpProber, ADDRESS), (NdpProber, "fd77::110")])
def test_prober_tells_one_owner_from_two(lab, prober_kind, address):
    first, second = lab.nodes
    prober = prober_kind(lab.observers[0], [address])
    put(first, address)
    start = time.monotonic_ns()
    until(lambda: prober.responders(start)[address] == {first.mac}, 2, "the owner answers")
    put(second, address)
    until(lambda: prober.conflicts(start), 2, "two owners are seen")
    assert prober.conflicts(start)[0][2] == sorted([first.mac, second.mac])
    take(first, address)
    alone = time.monotonic_ns()
    until(lambda: prober.responders(alone)[address] == {second.mac}, 2, "the other one answers alone")
    assert not prober.conflicts(alone)
    take(second, address)
    nobody = time.monotonic_ns()
    until(lambda: prober.unanswered(nobody) == 1.0, 2, "nobody answers")


def test_neighbour_table_is_read(lab):
    client, node = lab.clients[0], lab.nodes[0]
    assert neighbour(client, ADDRESS) is None
    put(node)
    with client.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", (ADDRESS, 9))
        until(lambda: neighbour(client, ADDRESS) == node.mac, 2, "the owner's MAC address is in the table")
