# SPDX-License-Identifier: Apache-2.0
"""Clients reach the real servers in each mode, and ipvsadm shows exactly what is configured."""

import contextlib
import socket
import subprocess
import threading

import texts
from topology import WITHIN, Answerer, Caller, listed, run, table, wait_for, who_of

NAMES = {"A": 0, "B": 1}


def servers(town, v6=False, **more):
    address = (lambda s: s.ports["eth0"].address6) if v6 else (lambda s: s.address())
    return {name: {"address": address(town.real_servers[i]), **more} for name, i in NAMES.items()}


def test_direct_routing(town, driver):
    vip = "10.77.0.100"
    town.direct(vip)
    town.answer([80])
    done = driver.apply(texts.service("web", vip, "80", servers(town)))
    assert ("web", f"service web {vip}:80/tcp wrr added") in done
    assert table(town.balancer) == [
        f"-A -t {vip}:80 -s wrr",
        f"-a -t {vip}:80 -r 10.77.0.41:80 -g -w 100",
        f"-a -t {vip}:80 -r 10.77.0.42:80 -g -w 100"]
    assert set(who_of(town.clients[0], vip, 80)) == {"rs1", "rs2"}


def test_direct_routing_ipv6(town, driver):
    vip = "fd77:0::100"
    town.direct(vip)
    town.answer([80])
    driver.apply(texts.service("web", vip, "80", servers(town, v6=True)))
    one, two = (server.ports["eth0"].address6.replace(":0::", "::") for server in town.real_servers)
    assert table(town.balancer) == [
        "-A -t [fd77::100]:80 -s wrr",
        f"-a -t [fd77::100]:80 -r [{one}]:80 -g -w 100",
        f"-a -t [fd77::100]:80 -r [{two}]:80 -g -w 100"]
    assert set(who_of(town.clients[0], vip, 80)) == {"rs1", "rs2"}


def test_masquerading_translates_ports_and_keeps_the_clients_address(town, driver):
    vip = "10.77.0.101"
    town.masqueraded(vip)
    town.answer([11104])
    driver.apply(texts.service("dicom", vip, "104", servers(town, port=11104), mode="nat", balance="rr"))
    assert table(town.balancer) == [
        f"-A -t {vip}:104 -s rr",
        f"-a -t {vip}:104 -r 10.77.0.41:11104 -m -w 100",
        f"-a -t {vip}:104 -r 10.77.0.42:11104 -m -w 100"]
    with Caller(town.clients[0], vip, 104) as first, Caller(town.clients[0], vip, 104) as second:
        assert {first.server, second.server} == {"rs1", "rs2"}
        assert first.seen_as == town.clients[0].address()


def test_both_protocols_are_one_service(town, driver):
    vip = "10.77.0.102"
    town.masqueraded(vip)
    town.answer([53], udp=[53])
    driver.apply(texts.service("dns", vip, "53", servers(town), mode="nat", protocol='"tcp_udp"'))
    assert table(town.balancer) == [
        "-A -f 219807744 -s wrr",
        "-a -f 219807744 -r 10.77.0.41:0 -m -w 100",
        "-a -f 219807744 -r 10.77.0.42:0 -m -w 100"]
    assert set(who_of(town.clients[0], vip, 53)) == {"rs1", "rs2"}
    asked = town.clients[0].socket(socket.AF_INET, socket.SOCK_DGRAM)
    with asked:
        asked.settimeout(WITHIN)
        asked.connect((vip, 53))
        asked.send(b"?")
        assert asked.recv(100).split()[1].decode() == town.clients[0].address()


def test_all_schedulers_that_the_kernel_has(town, driver):
    kernel_has = ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf"]
    configured = [texts.service(f"with_{name}", "10.77.0.103", str(1000 + i), servers(town), balance=name)
                  for i, name in enumerate(kernel_has)]
    driver.apply(*configured)
    shown = [line.split()[4] for line in table(town.balancer) if line.startswith("-A")]
    assert sorted(shown) == sorted(kernel_has)
    assert driver.apply(*configured) == []


def test_largest_weight_and_thresholds(town, driver):
    vip = "10.77.0.104"
    town.direct(vip)
    town.answer([80])
    driver.apply(texts.service("web", vip, "80", {
        "A": {"address": "10.77.0.41", "weight": 65535, "max_connections": 1},
        "B": {"address": "10.77.0.42", "weight": 1, "min_connections": 5, "max_connections": 50}}))
    shown = listed(town.balancer, "-Ln", "--thresholds").split("\n")
    limits = {line.split()[1]: line.split()[2:4] for line in shown if "->" in line and "10.77" in line}
    assert limits == {"10.77.0.41:80": ["1", "0"], "10.77.0.42:80": ["50", "5"]}
    assert f"-a -t {vip}:80 -r 10.77.0.41:80 -g -w 65535" in " ".join(table(town.balancer))
    with contextlib.ExitStack() as held:
        while held.enter_context(Caller(town.clients[0], vip, 80)).server != "rs1":
            pass
        # With one connection the first server is full, whatever its weight.
        wait_for(lambda: driver.status()["web"]["servers"]["A"][0] == 1, "the connection counts as active")
        assert set(who_of(town.clients[0], vip, 80)) == {"rs2"}


def test_connections_are_counted(town, driver):
    vip = "10.77.0.105"
    town.direct(vip)
    town.answer([80])
    text = texts.service("web", vip, "80", servers(town))
    driver.apply(text)
    who_of(town.clients[0], vip, 80, times=4)
    wait_for(lambda: driver.status()["web"]["connections"] == 4, "4 connections in status", lambda: str(driver.status()))
    assert sum(server[2] for server in driver.status()["web"]["servers"].values()) == 4
    # A change elsewhere leaves the counters alone.
    driver.apply(text, texts.service("other", vip, "81", servers(town)))
    assert driver.status()["web"]["connections"] == 4


def test_sctp(town, driver):
    vip = "10.77.0.106"
    subprocess.run(["modprobe", "sctp"], check=True)
    town.masqueraded(vip)
    servers_ = [SctpAnswerer(server, 3868) for server in town.real_servers]
    town.answerers += servers_
    driver.apply(texts.service("diameter", vip, "3868", servers(town), mode="nat", protocol='"sctp"', balance="rr"))
    assert table(town.balancer)[0] == f"-A --sctp-service {vip}:3868 -s rr"
    assert {sctp_greeting(town.clients[0], vip, 3868) for _ in range(2)} == {"rs1", "rs2"}


def test_datagrams_one_by_one(town, driver):
    vip = "10.77.0.107"
    town.direct(vip)
    town.answerers += [UdpAnswerer(server, vip, 53) for server in town.real_servers]
    text = texts.service("dns", vip, "53", servers(town), protocol='"udp"', balance="rr")
    driver.apply(text)
    assert len(answers_to_one_port(town.clients[0], vip, 53)) == 1
    changed = driver.apply(text.replace("[service.dns]\n", "[service.dns]\none_packet = true\n"))
    assert changed == [("dns", f"service dns {vip}:53/udp: flags 0 -> 4")]
    assert table(town.balancer)[0] == f"-A -u {vip}:53 -s rr -o"
    assert answers_to_one_port(town.clients[0], vip, 53) == {"rs1", "rs2"}


def test_flags_of_schedulers(town, driver):
    driver.apply(texts.service("a", "10.77.0.108", "80", servers(town), balance="sh", scheduler_flags='["port", "fallback"]'),
                 texts.service("b", "10.77.0.108", "81", servers(town), balance="mh", scheduler_flags='["fallback"]'))
    shown = [line for line in table(town.balancer) if line.startswith("-A")]
    assert shown == ["-A -t 10.77.0.108:80 -s sh -b sh-fallback,sh-port", "-A -t 10.77.0.108:81 -s mh -b mh-fallback"]


def test_rates(town, driver):
    vip = "10.77.0.109"
    town.direct(vip)
    town.answer([80])
    driver.apply(texts.service("web", vip, "80", servers(town)))
    who_of(town.clients[0], vip, 80, times=20)
    wait_for(lambda: driver.status()["web"]["per_second"] > 0, "connections per second", lambda: str(driver.status()))


def answers_to_one_port(client, vip, port, times=4):
    """Who answers datagrams of one source port."""
    with client.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(WITHIN)
        asked.bind((client.address(), 0))
        out = set()
        for _ in range(times):
            asked.sendto(b"?", (vip, port))
            out.add(asked.recv(100).split()[0].decode())
        return out


class UdpAnswerer(Answerer):
    """Answers datagrams to the service's own address."""

    def __init__(self, host, address, port):
        self.host = host
        self.sockets = [self._bound(socket.SOCK_DGRAM, f"::ffff:{address}", port)]
        threading.Thread(target=self._datagrams, args=(self.sockets[0],), daemon=True).start()


class SctpAnswerer(Answerer):
    """The same over SCTP, one association at a time."""

    def __init__(self, host, port):
        self.host = host
        self.sockets = [host.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)]
        self.sockets[0].bind((host.address(), port))
        self.sockets[0].listen(8)
        threading.Thread(target=self._accept, args=(self.sockets[0],), daemon=True).start()


def sctp_greeting(client, vip, port):
    with client.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP) as asked:
        asked.settimeout(WITHIN)
        asked.connect((vip, port))
        return asked.recv(100).split()[0].decode()
