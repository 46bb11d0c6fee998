# SPDX-License-Identifier: Apache-2.0
"""`dyad doctor` finds what is wrong with real servers by asking them, and says what to do about it."""

import pathlib

import pytest
from lab import Lab, Pair, conf
from lab.wait import until
from topology import Answerer, run

WITHIN = 90  # seconds
DIRECT, CLOSED, TRANSLATED, TUNNEL, GATEWAY = (f"10.77.0.{n}" for n in (150, 151, 152, 153, 154))
pytestmark = pytest.mark.xdist_group("doctor")   # they share a pair


class Ward:
    """A pair whose services have a server that is well and servers that are not."""

    def __init__(self):
        self.lab = Lab(heartbeat_links=2, real_servers=3, clients=1, observers=0)
        self.well, self.ill, self.bare = self.lab.real_servers
        names = {"well": self.well.address(), "ill": self.ill.address(), "bare": self.bare.address()}
        some = {name: names[name] for name in ("well", "bare")}
        on = '{ type = "on" }'
        services = [conf.service("direct", DIRECT, 80, names, mode="dr", check=on),
                    conf.service("closed", CLOSED, 81, {"well": names["well"]}, mode="dr", check=on),
                    conf.service("translated", TRANSLATED, 80, names, mode="nat", check=on),
                    conf.service("tunnel", TUNNEL, 80, some, mode="tun", check=on)]
        for server in (self.well, self.ill):
            server.ip_batch([f"addr add {DIRECT}/32 dev lo"])
        self.well.ip_batch([f"addr add {CLOSED}/32 dev lo", f"addr add {TUNNEL}/32 dev lo", "link set tunl0 up",
                            f"route add default via {GATEWAY}"])
        self.sysctl(self.well, arp_ignore=1, arp_announce=2, rp_filter=0)
        self.sysctl(self.well, "tunl0", rp_filter=0)
        for server in self.lab.real_servers:
            self.lab.on_close(Answerer(server, [80]).stop)
        heartbeats = conf.heartbeat(keepalive="250ms", warntime="1s", deadtime="2s", initdead="8s", address_lifetime="4s")
        self.pair = Pair(self.lab, conf.cluster(conf.floating(GATEWAY), *services, heartbeats=heartbeats))
        self.pair.start(WITHIN)
        until(self.has_addresses, WITHIN, "the addresses are there")

    def has_addresses(self):
        try:
            return len(self.pair.active.status()["addresses"]) == 5
        except (OSError, StopIteration):   # a slow machine: nobody is active yet, or says so in time
            return False

    @staticmethod
    def sysctl(host, interface="all", **values):
        with host.inside():
            for name, value in values.items():
                pathlib.Path(f"/proc/sys/net/ipv4/conf/{interface}/{name}").write_text(str(value))


@pytest.fixture(scope="module")
def ward():
    made = Ward()
    with made.lab:
        yield made


def examined(node, service=""):
    """(service, server) -> [(grade, text)]"""
    found = {}
    for f in node.call("POST", "/v1/doctor", {"service": service} if service else {}, timeout=WITHIN)["findings"]:
        found.setdefault((f["service"], f["server"]), []).append((f["grade"], f["text"]))
        assert f["remedy"] or f["grade"] in ("fine", "untested") or not f["server"], f
    return found


def only(found, service, server, grade, words):
    """The server has this one finding."""
    assert len(found[service, server]) == 1, found[service, server]
    (said, text), = found[service, server]
    assert said == grade and words in text, (said, text)


def test_what_is_wrong_with_each_real_server(ward):
    found = examined(ward.pair.active)
    only(found, "direct", "well", "fine", f"takes packets for {DIRECT}:80, and does not answer ARP")
    only(found, "direct", "ill", "fault", f"answers ARP for {DIRECT} ({ward.ill.mac})")
    only(found, "direct", "bare", "fault", f"takes no packets for {DIRECT}:80")
    only(found, "closed", "well", "fault", f"no program listens on {CLOSED}:81")
    only(found, "translated", "well", "fine", "sends its replies back through this node")
    only(found, "translated", "ill", "warning", "and not a client 192.0.2.1")   # it has no default route
    assert found["tunnel", "well"][0] == ("fine", f"{ward.well.address()} takes packets for {TUNNEL}:80 out of the tunnel")
    assert found["tunnel", "well"][1][0] == "warning" and "MTU 1500" in found["tunnel", "well"][1][1]
    assert found["tunnel", "bare"][0][0] == "fault"
    machine = found["", ""]
    assert any(grade == "fine" and "has IPVS" in text for grade, text in machine)
    assert any(grade == "fine" and text.startswith("net.ipv4.ip_forward is 1: ") for grade, text in machine)
    assert not [text for grade, text in machine if grade == "fault"]


def test_the_questions_leave_no_half_open_connection(ward):
    examined(ward.pair.active, "direct")
    for server in ward.lab.real_servers:
        until(lambda: not run(server, ["ss", "-Htn", "state", "syn-recv"]).stdout, 10, "nothing is half open")


def test_a_server_whose_answers_go_elsewhere_is_left_without_half_open_connections(ward):
    """Its default route leads through another machine, so this node never sees what it answers a stranger."""
    ward.ill.ip_batch([f"route add default via {ward.lab.clients[0].address()}"])
    try:
        only(examined(ward.pair.active, "translated"), "translated", "ill", "warning", "and not a client 192.0.2.1")
        until(lambda: not run(ward.ill, ["ss", "-Htn", "state", "syn-recv"]).stdout, 10, "nothing is half open")
    finally:
        ward.ill.ip_batch(["route del default"])


def test_a_server_whose_gateway_is_the_passive_nodes_own_address(ward):
    ward.ill.ip_batch([f"route add default via {ward.pair.passive.host.address()}"])
    try:
        only(examined(ward.pair.passive, "translated"), "translated", "ill", "fault", "through this node, which is passive")
    finally:
        ward.ill.ip_batch(["route del default"])


def test_the_command_line_says_it_and_fails(ward):
    said = ward.pair.active.dyad("doctor", "direct", check=False, timeout=WITHIN)
    assert said.returncode == 1
    assert "service direct\n" in said.stdout and "remedy: set arp_ignore = 1 and arp_announce = 2 there" in said.stdout
    assert "tunnel" not in said.stdout
    assert "takes packets for" not in said.stdout and "fine (hidden without --all)" in said.stdout
    assert "takes packets for" in ward.pair.active.dyad("doctor", "direct", "--all", check=False, timeout=WITHIN).stdout
    unknown = ward.pair.active.dyad("doctor", "nothing", check=False, timeout=WITHIN)
    assert unknown.returncode == 1 and "there is no service" in unknown.stderr


def test_the_passive_node_asks_too_but_cannot_see_the_way_of_replies(ward):
    found = examined(ward.pair.passive)
    only(found, "direct", "well", "fine", "takes packets")
    only(found, "direct", "ill", "fault", "answers ARP")
    only(found, "translated", "", "untested", "active node alone")
    assert ("direct", "") not in found   # the peer's answer for the address is no duplicate


def test_a_halted_server_is_not_asked(ward):
    ward.pair.active.servers("halt", service="direct", server="bare")
    try:
        only(examined(ward.pair.active, "direct"), "direct", "bare", "untested", "is halted by an operator")
    finally:
        ward.pair.active.servers("online", service="direct", server="bare")


@pytest.mark.parametrize("service, address", [("direct", DIRECT), ("translated", TRANSLATED), ("tunnel", TUNNEL)])
def test_an_address_on_another_machine(ward, service, address):
    thief = ward.lab.clients[0]
    thief.ip_batch([f"addr add {address}/32 dev eth0"])
    try:
        only(examined(ward.pair.active, service), service, "", "fault", f"{thief.mac} answers ARP for it")
    finally:
        thief.ip_batch([f"addr del {address}/32 dev eth0"])


@pytest.mark.parametrize("rules", ids=["policy", "last-rule", "another-chain"], argvalues=[
    "type filter hook forward priority 0; policy drop;",
    "type filter hook input priority 0; policy accept; meta l4proto != sctp accept; counter drop;",
    "type filter hook input priority 0; policy accept; meta l4proto != sctp accept; counter goto away;",
])
def test_somebodys_packet_filter(ward, rules):
    host = ward.pair.active.host
    run(host, ["nft", "-f", "-"], input=f"table inet site {{\nchain away {{\ncounter drop\n}}\nchain pass {{\n{rules}\n}}\n}}\n")
    try:
        assert any(grade == "warning" and "inet site pass" in text for grade, text in examined(ward.pair.active, "direct")["", ""])
    finally:
        run(host, ["nft", "delete", "table", "inet", "site"])


def test_a_server_is_well_after_its_script(ward):
    node = ward.pair.active
    script = node.dyad("realserver-script", "direct").stdout
    for server in (ward.ill, ward.bare):
        run(server, ["sh", "-s"], input=script)
    found = examined(node, "direct")
    for server in ("well", "ill", "bare"):
        only(found, "direct", server, "fine", "takes packets")
