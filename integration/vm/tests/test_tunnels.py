# SPDX-License-Identifier: Apache-2.0
"""Mode tun: servers that unwrap what the kernel wraps, and answer the client themselves."""

import subprocess

import pytest

import texts
from topology import table, who_of

VIP = "10.77.0.111"
SERVERS = {"A": "10.77.0.41", "B": "10.77.0.42"}


@pytest.fixture(scope="module", autouse=True)
def modules():
    subprocess.run(["modprobe", "-a", "ipip", "ip_gre", "fou", "ip6_tunnel"], check=True)


@pytest.mark.parametrize("tunnel, unwraps, shown", [
    (None, "", "-i -w 100"),
    ('{ type = "gre" }', "", "-i -w 100 --tun-type gre"),
    ('{ type = "gre", checksum = "full" }', "ip link add gre1 type gre local {address} icsum", "-i -w 100 --tun-type gre --tun-csum"),
    ('{ type = "gue", port = 6080 }', "ip fou add port 6080 gue", "-i -w 100 --tun-type gue --tun-port 6080"),
    ('{ type = "gue", port = 6080, checksum = "remote" }', "ip fou add port 6080 gue",
     "-i -w 100 --tun-type gue --tun-port 6080 --tun-remcsum")])
def test_servers_get_the_clients_packets(town, driver, tunnel, unwraps, shown):
    town.tunnelled(VIP, unwraps)
    town.answer([80])
    more = {"tunnel": tunnel} if tunnel else {}
    text = texts.service("far", VIP, "80", SERVERS, mode="tun", balance="rr", **more)
    driver.apply(text)
    lines = table(town.balancer)
    assert lines[0] == f"-A -t {VIP}:80 -s rr"
    for line, server in zip(lines[1:], SERVERS.values()):
        assert line.startswith(f"-a -t {VIP}:80 -r {server}:80 {shown.split(' --')[0]}")
        assert all(word in line for word in shown.split()), line
    assert set(who_of(town.clients[0], VIP, 80)) == {"rs1", "rs2"}
    assert driver.apply(text) == []


def test_servers_of_the_other_family(town, driver):
    town.tunnelled(VIP, "ip link add four_in_six type ip6tnl mode ipip6 local {address6}")
    town.answer([80])
    servers = {name: server.ports["eth0"].address6 for name, server in zip(SERVERS, town.real_servers)}
    driver.apply(texts.service("far", VIP, "80", servers, mode="tun", balance="rr"))
    assert set(who_of(town.clients[0], VIP, 80)) == {"rs1", "rs2"}


def test_another_tunnel_is_one_change(town, driver):
    town.tunnelled(VIP)
    town.answer([80])
    driver.apply(texts.service("far", VIP, "80", {"A": "10.77.0.41"}, mode="tun"))
    changed = texts.service("far", VIP, "80", {"A": "10.77.0.41"}, mode="tun", tunnel='{ type = "gre" }')
    assert driver.apply(changed) == [("far", "server A 10.77.0.41:80: tunnel ipip -> gre")]
    assert set(who_of(town.clients[0], VIP, 80, times=2)) == {"rs1"}
