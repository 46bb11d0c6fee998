# SPDX-License-Identifier: Apache-2.0
"""Drained, halted, down and unchecked servers; persistent clients; what cannot be served."""

import subprocess

import pytest

import texts
from lab import Lab
from lab.wait import until
from topology import Caller, Driver, run, table, wait_for, who, who_of

VIP = "10.77.0.130"
SERVERS = {"A": "10.77.0.41", "B": "10.77.0.42"}


def web(**more):
    return texts.service("web", VIP, "80", SERVERS, **more)


@pytest.fixture
def ready(town):
    town.direct(VIP)
    town.answer([80])
    return town


def weights(town):
    return {line.split()[4]: int(line.split()[-1]) for line in table(town.balancer) if line.startswith("-a")}


def test_a_drained_server_keeps_its_connections_and_gets_no_new_ones(ready, driver):
    driver.apply(web())
    with Caller(ready.clients[0], VIP, 80) as one, Caller(ready.clients[0], VIP, 80) as two:
        on_a = one if one.server == "rs1" else two
        assert driver.apply(web(), web__A="drain") == [("web", "server A 10.77.0.41:80: weight 100 -> 0 (drained)")]
        assert weights(ready) == {"10.77.0.41:80": 0, "10.77.0.42:80": 100}
        assert set(who_of(ready.clients[0], VIP, 80)) == {"rs2"}
        assert on_a.lives()
    assert driver.apply(web()) == [("web", "server A 10.77.0.41:80: weight 0 -> 100")]
    assert set(who_of(ready.clients[0], VIP, 80)) == {"rs1", "rs2"}


@pytest.mark.parametrize("state, why", [("down", "down"), ("unknown", "not checked yet")])
def test_a_server_that_is_not_known_to_work_gets_nothing(ready, driver, state, why):
    driver.apply(web())
    assert driver.apply(web(), web__B=state) == [("web", f"server B 10.77.0.42:80: weight 100 -> 0 ({why})")]
    assert set(who_of(ready.clients[0], VIP, 80)) == {"rs1"}


def test_a_halted_server_is_out_at_once(ready, driver):
    driver.apply(web())
    with Caller(ready.clients[0], VIP, 80) as one, Caller(ready.clients[0], VIP, 80) as two:
        on_a, on_b = (one, two) if one.server == "rs1" else (two, one)
        driver.apply(web(), web__A="halt")
        assert weights(ready) == {"10.77.0.42:80": 100}
        assert on_a.is_reset()
        assert on_b.lives()
        assert set(who_of(ready.clients[0], VIP, 80)) == {"rs2"}
    driver.apply(web())
    assert set(who_of(ready.clients[0], VIP, 80)) == {"rs1", "rs2"}


def test_a_client_keeps_its_server_and_leaves_it_when_it_is_drained(ready, driver):
    text = web(persistence=texts.source_ip())
    driver.apply(text)
    assert table(ready.balancer)[0] == f"-A -t {VIP}:80 -s wrr -p 300"
    servers = set(who_of(ready.clients[0], VIP, 80))
    assert len(servers) == 1
    name, other = ("A", "rs2") if servers == {"rs1"} else ("B", "rs1")
    driver.apply(text, **{f"web__{name}": "drain"})
    wait_for(lambda: who(ready.clients[0], VIP, 80) == other, "the client moves to the other server")


def test_granularity_makes_neighbours_one_client(ready, driver):
    driver.apply(web(persistence=texts.source_ip(granularity=24)))
    assert table(ready.balancer)[0] == f"-A -t {VIP}:80 -s wrr -p 300 -M 255.255.255.0"
    assert len({who(client, VIP, 80) for client in ready.clients * 2}) == 1


def test_a_scheduler_that_the_kernel_lacks_stops_only_its_service(ready, driver):
    driver.apply(web(), texts.service("power", VIP, "81", SERVERS, balance="twos"))
    status = driver.status()
    assert status["web"]["not_served"] == ""
    assert status["power"]["not_served"] == ("this kernel has no scheduler twos; load the module with \"modprobe ip_vs_twos\", "
                                             "or choose another balance")
    assert len(table(ready.balancer)) == 3
    assert set(who_of(ready.clients[0], VIP, 80)) == {"rs1", "rs2"}


def test_what_the_kernel_needs_is_set_and_said():
    """In a fresh namespace, whose settings nobody touched yet."""
    with Lab(heartbeat_links=0, nodes=1, clients=0, observers=0) as lab, Driver(lab.nodes[0]) as driver:
        text = texts.service("dicom", VIP, "104", SERVERS, mode="nat")
        said = [line for service, line in driver.apply(text) if not service]
        assert said == [f"sysctl net.ipv4.vs.{name} 0 -> 1" for name in ("expire_nodest_conn", "expire_quiescent_template", "sloppy_tcp",
                                                                        "nat_icmp_send")] + [
            "sysctl net.ipv4.ip_forward 0 -> 1", "sysctl net.ipv4.conf.all.send_redirects 1 -> 0",
            "sysctl net.ipv4.conf.eth0.send_redirects 1 -> 0"]
        run(lab.nodes[0], ["sysctl", "-w", "net.ipv4.ip_forward=0"])
        assert driver.apply(text) == [("", "sysctl net.ipv4.ip_forward 0 -> 1")]
        assert driver.apply(text) == []


def test_without_the_privilege_it_says_so(ready):
    with Driver(ready.balancer, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]) as driver:
        path = driver.folder / "cluster.toml"
        path.write_text("format = 1\n\n" + web())
        driver.folder.chmod(0o755)
        assert driver.ask(f"apply {path}") == [
            ["error", "programming IPVS needs the privilege CAP_NET_ADMIN; run as root or grant the capability"]]
    assert table(ready.balancer) == []


@pytest.fixture
def no_ipvs():
    """A kernel without IPVS: the modules are out and cannot be loaded."""
    rule = "/etc/modprobe.d/dyad-test.conf"
    loaded = [line.split()[0] for line in open("/proc/modules", encoding="ascii") if line.startswith("ip_vs")]
    with open(rule, "w", encoding="ascii") as file:
        file.write("install ip_vs /bin/false\n")
    for module in [*(m for m in loaded if m != "ip_vs"), "ip_vs"]:   # the kernel ends the namespaces of earlier tests in its own time
        until(lambda: subprocess.run(["rmmod", module], check=False).returncode == 0, 20, f"{module} is out", every=0.2)
    yield
    subprocess.run(["rm", "-f", rule], check=True)
    subprocess.run(["modprobe", "ip_vs"], check=True)


@pytest.mark.alone
def test_a_kernel_without_ipvs_is_no_error(no_ipvs):
    with Lab(heartbeat_links=0, nodes=1, clients=0, observers=0) as lab:
        with Driver(lab.nodes[0]) as driver:
            assert driver.apply(web()) == []
            assert driver.status()["web"]["not_served"] == (
                "this kernel has no IPVS (ip_vs); load the module with \"modprobe ip_vs\", or use a kernel that has it, such as "
                "Debian's linux-image-amd64")
            assert driver.ask("purge") == []
            # It comes by itself once the module is there.
            subprocess.run("rm /etc/modprobe.d/dyad-test.conf; modprobe ip_vs", shell=True, check=True)
            driver.apply(web())
            assert driver.status()["web"]["not_served"] == ""
            assert len(table(lab.nodes[0])) == 3


@pytest.mark.alone
def test_the_module_is_loaded_when_it_can_be(no_ipvs):
    subprocess.run(["rm", "/etc/modprobe.d/dyad-test.conf"], check=True)
    with Lab(heartbeat_links=0, nodes=1, clients=0, observers=0) as lab, Driver(lab.nodes[0]) as driver:
        driver.apply(web())
        assert len(table(lab.nodes[0])) == 3


@pytest.fixture
def stays(ready, driver):
    """A persistent service whose clients may stay with a drained server; the client's server and the other one."""
    text = web(persistence=texts.source_ip(drained="stay"))
    driver.apply(text)
    assert quiescent(ready) == "1"
    mine = who(ready.clients[0], VIP, 80)
    return text, *(("A", "rs1", "B", "rs2") if mine == "rs1" else ("B", "rs2", "A", "rs1"))


def quiescent(town):
    return town.balancer.run(["sysctl", "-n", "net.ipv4.vs.expire_quiescent_template"]).stdout.strip()


def test_clients_may_stay_with_a_drained_server_and_new_ones_go_elsewhere(ready, driver, stays):
    text, name, mine, other, others = stays
    driver.apply(text, **{f"web__{name}": "drain"})
    assert set(who_of(ready.clients[0], VIP, 80)) == {mine}
    assert set(who_of(ready.clients[1], VIP, 80)) == {others}
    driver.apply(text)
    assert quiescent(ready) == "1"


def test_clients_leave_a_server_that_is_down_though_they_may_stay_with_a_drained_one(ready, driver, stays):
    text, name, _, other, others = stays
    second = texts.service("second", VIP, "81", SERVERS, persistence=texts.source_ip(drained="stay"))
    ready.answer([81])
    driver.apply(text, second, second__B="drain")
    assert quiescent(ready) == "0"
    driver.apply(text, second, second__B="drain", **{f"web__{name}": "down"})
    wait_for(lambda: who(ready.clients[0], VIP, 80) == others, "the client moves to the server that is up")
    assert len([line for line in table(ready.balancer) if line.startswith(f"-a -t {VIP}:80 ")]) == 1


def test_one_service_whose_clients_must_leave_decides_for_all_and_an_event_says_so(ready, driver, stays):
    text, name, *_ = stays
    second = texts.service("second", VIP, "81", SERVERS, persistence=texts.source_ip())
    driver.apply(text, second, **{f"web__{name}": "drain"})
    assert quiescent(ready) == "0"
    said = driver.apply(text, second, second__A="drain", **{f"web__{name}": "drain"})
    assert ("", "clients of drained servers of service web do not stay, because those of service second must leave and the kernel makes "
                "no difference between the two") in said
    assert quiescent(ready) == "1"
    assert not [line for service, line in driver.apply(text, second, second__A="drain", **{f"web__{name}": "drain"}) if "do not stay" in line]
