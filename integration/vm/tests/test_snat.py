# SPDX-License-Identifier: Apache-2.0
"""Mode snat and auto-NAT: whose address a server, and the world, sees."""

import contextlib
import socket
import threading

import pytest

import texts
from topology import WITHIN, Caller, run, table

SERVERS = {"A": "10.77.0.41", "B": "10.77.0.42"}
OTHER = "10.77.0.199"    # a second address of the balancer
FLOATING = f'[floating_ip."{OTHER}"]\n\n'


def seen(town, vip, port):
    """Who answers, and as whom it sees the client. The servers have no way back but to whom they see."""
    with Caller(town.clients[0], vip, port) as caller:
        assert caller.lives()
        return caller.server, caller.seen_as


@pytest.fixture
def vip(town):
    address = "10.77.0.110"
    town.only_balancer(address, OTHER)
    town.answer([80, 81])
    return address


def test_by_address(town, driver, vip):
    text = texts.service("db", vip, "80", SERVERS, mode="snat", balance="rr")
    assert ("", "sysctl net.ipv4.vs.conntrack 0 -> 1") in driver.apply(text)
    assert table(town.balancer) == [f"-A -t {vip}:80 -s rr", f"-a -t {vip}:80 -r 10.77.0.41:80 -m -w 100",
                                    f"-a -t {vip}:80 -r 10.77.0.42:80 -m -w 100"]
    assert {seen(town, vip, 80) for _ in range(4)} == {("rs1", vip), ("rs2", vip)}
    assert driver.apply(text) == []


def test_by_ports_through_a_mark_with_a_source_of_its_own(town, driver, vip):
    text = texts.service("db", vip, '80, 81', SERVERS, mode="snat", balance="rr", snat_source=f'"{OTHER}"')
    driver.apply(FLOATING, text)
    assert {seen(town, vip, port) for port in (80, 81, 80, 81, 80)} == {("rs1", OTHER), ("rs2", OTHER)}


def test_by_the_operators_mark_and_all_ports_but_one(town, driver, vip):
    servers = {name: {"address": address, "weight": weight} for (name, address), weight in zip(SERVERS.items(), (65535, 1))}
    rest = f'[service.rest]\nmode = "snat"\nfirewall_mark = 999999\naddress = "{vip}"\nexcept_ports = [81]\n' \
           f'snat_source = "{OTHER}"\nbalance = "wrr"\npersistence = {texts.source_ip("60000s", 0)}\n' \
           'check = { type = "on" }\n' + "".join(texts.server("rest", name, of) for name, of in servers.items())
    one = texts.service("one", vip, "81", {"B": "10.77.0.42"}, mode="snat", firewall_mark=20000, snat_source=f'"{OTHER}"')
    driver.apply(FLOATING, rest, one)
    assert table(town.balancer) == [
        "-A -f 20000 -s wrr", "-A -f 999999 -s wrr -p 60000 -M 0.0.0.0", "-a -f 20000 -r 10.77.0.42:0 -m -w 100",
        "-a -f 999999 -r 10.77.0.41:0 -m -w 65535", "-a -f 999999 -r 10.77.0.42:0 -m -w 1"]
    assert seen(town, vip, 81) == ("rs2", OTHER)
    assert {seen(town, vip, 80) for _ in range(4)} == {("rs1", OTHER)}   # granularity 0: all clients with the first


def test_by_a_mark_of_the_operators_own_rules(town, driver, vip):
    run(town.balancer, ["nft", "-f", "-"], input="table ip operator {\n chain marks {\n"
        f"  type filter hook prerouting priority mangle; ip daddr {vip} tcp dport 80 meta mark set 7\n }}\n}}\n")
    text = texts.service("db", "", "", SERVERS, mode="snat", balance="rr", firewall_mark=7, snat_source=f'"{OTHER}"')
    driver.apply(FLOATING, text)
    assert {seen(town, vip, 80) for _ in range(4)} == {("rs1", OTHER), ("rs2", OTHER)}
    assert "table ip operator" in run(town.balancer, ["nft", "list", "tables"]).stdout


def test_udp(town, driver, vip):
    town.answer([], udp=[53])
    driver.apply(texts.service("dns", vip, "53", SERVERS, mode="snat", protocol='"udp"'))
    with town.clients[0].socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.settimeout(WITHIN)
        asked.connect((vip, 53))
        asked.send(b"?")
        assert asked.recv(100).split()[1].decode() == vip


def test_ipv6(town, driver, vip):
    vip6 = "fd77:0::110"
    town.only_balancer(vip6)
    servers = {"A": town.real_servers[0].ports["eth0"].address6}
    driver.apply(texts.service("db", vip6, "80", servers, mode="snat"))
    assert seen(town, vip6, 80) == ("rs1", vip6.replace(":0::", "::"))


def test_what_is_balanced_without_translation_keeps_the_clients_address(town, driver, vip):
    town.masqueraded()
    snat = texts.service("db", vip, "80", SERVERS, mode="snat")
    driver.apply(snat, texts.service("plain", vip, "81", SERVERS, mode="nat"))
    assert seen(town, vip, 80)[1] == vip
    assert seen(town, vip, 81)[1] == town.clients[0].address()


def test_auto_nat(town, driver, vip):
    """A server's own connection to the world has the balancer's address, if the interface is named."""
    town.masqueraded()
    text = texts.service("web", vip, "80", SERVERS, mode="nat")
    driver.apply(text)
    assert connection_seen_by(town.clients[0], town.real_servers[0]) == "10.77.0.41"
    driver.auto_nat("eth0")
    assert driver.apply(text) == [("", "packet rules written: 1 rule")]
    assert connection_seen_by(town.clients[0], town.real_servers[0]) == town.balancer.address()
    driver.auto_nat()
    assert driver.apply(text) == [("", "packet rules removed")]


def connection_seen_by(listener, caller):
    with listener.socket(socket.AF_INET, socket.SOCK_STREAM) as listening, \
            caller.socket(socket.AF_INET, socket.SOCK_STREAM) as calling:
        listening.bind((listener.address(), 0))
        listening.listen()
        listening.settimeout(WITHIN)
        calling.settimeout(WITHIN)
        knock = threading.Thread(target=lambda: knock_at(calling, listening.getsockname()))
        knock.start()
        connection, peer = listening.accept()
        connection.close()
        knock.join()
        return peer[0]


def knock_at(calling, where):
    with contextlib.suppress(OSError):
        calling.connect(where)
