# SPDX-License-Identifier: Apache-2.0
"""Several ports of a service are one: one IPVS service by mark, one persistence, our nftables table and nothing else's."""

import texts
from topology import Caller, Driver, run, table, who, who_of

FIRST_MARK = 0x0d1a0000
SERVERS = {"A": "10.77.0.41", "B": "10.77.0.42"}


def our_table(host):
    return run(host, ["nft", "-n", "list", "table", "inet", "dyad"], check=False).stdout


def test_ports_share_persistence(town, driver):
    vip = "10.77.0.110"
    town.direct(vip)
    town.answer([80, 443, 4105, 9999])
    driver.apply(texts.service("pacs", vip, '80, 443, "4100-4110"', SERVERS, persistence=texts.source_ip()))
    assert table(town.balancer) == [
        f"-A -f {FIRST_MARK} -s wrr -p 300",
        f"-a -f {FIRST_MARK} -r 10.77.0.41:0 -g -w 100",
        f"-a -f {FIRST_MARK} -r 10.77.0.42:0 -g -w 100"]
    served = [who(town.clients[0], vip, port) for port in (80, 443, 4105, 80, 443, 4105)]
    assert len(set(served)) == 1
    # Another client has a template of its own, so in wrr it gets the other server.
    assert who(town.clients[1], vip, 443) != served[0]


def test_without_persistence_ports_share_the_rotation(town, driver):
    vip = "fd77:0::110"
    town.direct(vip)
    town.answer([80, 443])
    addresses = {name: server.ports["eth0"].address6 for name, server in zip("AB", town.real_servers)}
    driver.apply(texts.service("pacs", vip, "80, 443", addresses))
    assert table(town.balancer)[0] == f"-A -f {FIRST_MARK} -6 -s wrr"
    assert set(who_of(town.clients[0], vip, 80)) == {"rs1", "rs2"}
    assert set(who_of(town.clients[0], vip, 443)) == {"rs1", "rs2"}


def test_an_operators_mark_with_an_address_takes_all_ports_but_the_excepted(town, driver):
    vip = "10.77.0.111"
    town.masqueraded(vip)
    town.answer([8000, 20000])
    driver.apply(texts.service("all", vip, "", SERVERS, mode="nat", firewall_mark=999999, except_ports="[20000]").replace(
        "ports = []\n", "", 1))
    assert table(town.balancer)[0] == "-A -f 999999 -s wrr"
    assert set(who_of(town.clients[0], vip, 8000)) == {"rs1", "rs2"}
    with town.clients[0].socket() as excepted:
        excepted.settimeout(5)
        assert excepted.connect_ex((vip, 20000)) != 0   # the balancer's own port: nobody listens


def test_an_operators_own_rules_select_a_service(town, driver):
    vip = "10.77.0.112"
    town.masqueraded(vip)
    town.answer([8000])
    run(town.balancer, ["nft", "add table ip operator; add chain ip operator pre { type filter hook prerouting priority -150; }; "
                       f"add rule ip operator pre ip daddr {vip} tcp dport 8000 meta mark set 7"])
    driver.apply(texts.service("bare", None, "", SERVERS, mode="nat", firewall_mark=7))
    assert table(town.balancer)[0] == "-A -f 7 -s wrr"
    assert our_table(town.balancer) == ""
    assert set(who_of(town.clients[0], vip, 8000)) == {"rs1", "rs2"}
    driver.apply()
    assert "meta mark set" in run(town.balancer, ["nft", "list", "table", "ip", "operator"]).stdout


def test_the_balancer_itself_is_a_client_too(town, driver):
    vip = "10.77.0.113"
    town.masqueraded(vip)
    town.answer([80])
    driver.apply(texts.service("pacs", vip, "80, 443", SERVERS, mode="nat"))
    with Caller(town.balancer, vip, 80) as caller:
        assert caller.server in ("rs1", "rs2")


def test_the_table_is_written_once_and_put_back(town, driver):
    vip = "10.77.0.114"
    town.direct(vip)
    text = texts.service("pacs", vip, "80, 443", SERVERS)
    assert ("", "packet rules written: 1 rule") in driver.apply(text)
    written = our_table(town.balancer)
    assert driver.apply(text) == []
    run(town.balancer, ["nft", "flush", "ruleset"])
    assert driver.apply(text) == [("", "packet rules written: 1 rule")]
    assert our_table(town.balancer) == written
    run(town.balancer, ["nft", "add rule inet dyad services ip daddr 10.9.9.9 drop"])
    assert driver.apply(text) == [("", "packet rules written: 1 rule")]
    assert our_table(town.balancer) == written
    # A restarted process finds its predecessor's table as it should be.
    with Driver(town.balancer) as successor:
        assert successor.apply(text) == []
    assert ("", "packet rules removed") in driver.apply()
    assert our_table(town.balancer) == ""


def test_without_nft_only_services_with_several_ports_are_not_served(town):
    vip = "10.77.0.115"
    town.direct(vip)
    town.answer([104])
    hidden = ["unshare", "-m", "sh", "-c", 'mount --bind /dev/null /usr/sbin/nft && exec "$0"']
    with Driver(town.balancer, hidden) as driver:
        driver.apply(texts.service("pacs", vip, "80, 443", SERVERS), texts.service("dicom", vip, "104", SERVERS))
        status = driver.status()
        assert "install the package nftables" in status["pacs"]["not_served"]
        assert status["dicom"]["not_served"] == ""
        assert set(who_of(town.clients[0], vip, 104)) == {"rs1", "rs2"}
