# SPDX-License-Identifier: Apache-2.0
"""A change touches what changed and nothing else; what somebody else changed is put back; what is somebody else's stays."""

import texts
from lab import Lab
from topology import Caller, Driver, Watch, run, table, wait_for, who_of

VIP = "10.77.0.120"
SERVERS = {"A": "10.77.0.41", "B": "10.77.0.42"}


def web(port="80", servers=SERVERS, **more):
    return texts.service("web", VIP, port, servers, **more)


def ready(town):
    town.direct(VIP)
    town.answer([80, 81])


def test_the_second_apply_writes_nothing(town, driver):
    ready(town)
    text = web() + texts.service("pacs", "10.77.0.121", "80, 443", SERVERS, persistence=texts.source_ip(granularity=24))
    with Watch(town.balancer) as first:
        driver.apply(text)
    assert first.altering == 6
    with Watch(town.balancer) as second:
        assert driver.apply(text) == []
    assert second.altering == 0
    assert second.asking > 0


def test_what_somebody_changed_is_put_back(town, driver):
    ready(town)
    driver.apply(web())
    wanted = table(town.balancer)
    for spoiled, said in (
            ("ipvsadm -D -t {0}:80", f"service web {VIP}:80/tcp wrr added"),
            ("ipvsadm -d -t {0}:80 -r 10.77.0.41:80", "server A 10.77.0.41:80 dr weight 100 added"),
            ("ipvsadm -e -t {0}:80 -r 10.77.0.41:80 -g -w 7", "server A 10.77.0.41:80: weight 7 -> 100"),
            ("ipvsadm -e -t {0}:80 -r 10.77.0.41:80 -m -w 100", "server A 10.77.0.41:80: mode nat -> dr"),
            ("ipvsadm -a -t {0}:80 -r 10.77.0.49:80 -g", "server 10.77.0.49:80 removed"),
            ("ipvsadm -E -t {0}:80 -s rr -p 60", f"service web {VIP}:80/tcp: scheduler rr -> wrr, persistence 60 s -> none"),
            ("ipvsadm -A -t {0}:8080 -s rr", f"service {VIP}:8080/tcp removed")):
        run(town.balancer, spoiled.format(VIP).split())
        assert said in [text for _, text in driver.apply(web())], spoiled
        assert table(town.balancer) == wanted, spoiled


def test_the_quick_read_back_sees_what_only_netlink_tells(town, driver):
    """Servers come in one call a service, but for what that call does not know."""
    ready(town)
    many = "".join(texts.service(f"s{i}", VIP, str(2000 + i), SERVERS, mode="nat") for i in range(30))
    special = texts.service("tunnel", VIP, "3000", SERVERS, mode="tun", tunnel='{ type = "gue", port = 6080 }') + \
        texts.service("six", "fd00:77::120", "3001", {"S": "fd00:77::41"}, mode="nat")
    asked = []
    for text in (many, many + special):
        driver.apply(text)
        with Watch(town.balancer) as watch:
            assert driver.apply(text) == []
        asked.append(watch.asking)
    assert asked[0] < 10, "not one for each service"
    assert asked[1] == asked[0] + 2
    wanted = table(town.balancer)
    for spoiled in ("-e -t {0}:3000 -r 10.77.0.41 -i -w 100 --tun-type gre", "-e -t {0}:3000 -r 10.77.0.42 -i -w 100 --tun-type gue --tun-port 6081",
                    "-e -t [fd00:77::120]:3001 -r [fd00:77::41]:3001 -m -w 7", "-d -t [fd00:77::120]:3001 -r [fd00:77::41]:3001",
                    "-a -t {0}:2007 -r 10.77.0.49 -m", "-d -t {0}:2029 -r 10.77.0.42"):
        run(town.balancer, ["ipvsadm", *spoiled.format(VIP).split()])
        assert table(town.balancer) != wanted, spoiled
        assert driver.apply(many, special), spoiled
        assert table(town.balancer) == wanted, spoiled


def test_services_of_others_are_left_alone_and_said_once(town, driver):
    ready(town)
    run(town.balancer, ["ipvsadm", "-A", "-t", "10.99.0.1:80", "-s", "rr"])
    run(town.balancer, ["ipvsadm", "-A", "-f", "7", "-s", "rr"])
    said = [text for _, text in driver.apply(web()) if "left alone" in text]
    assert len(said) == 2
    assert driver.apply(web()) == []
    driver.ask("purge")
    assert table(town.balancer) == ["-A -f 7 -s rr", "-A -t 10.99.0.1:80 -s rr"]


def test_a_connection_survives_changes_around_it(town, driver):
    ready(town)
    driver.apply(web())
    with Caller(town.clients[0], VIP, 80) as held:
        with Watch(town.balancer) as watch:
            done = driver.apply(web(), texts.service("more", VIP, "81", SERVERS))
        assert watch.altering == 3
        assert {service for service, _ in done} == {"more"}
        driver.apply(web(balance="wlc"))
        assert held.lives()


def test_servers_come_and_go(town, driver):
    ready(town)
    driver.apply(web(servers={"A": "10.77.0.41"}))
    assert set(who_of(town.clients[0], VIP, 80)) == {"rs1"}
    driver.apply(web(servers={"B": "10.77.0.42"}))
    assert set(who_of(town.clients[0], VIP, 80)) == {"rs2"}
    driver.apply(web("81"))
    assert table(town.balancer)[0] == f"-A -t {VIP}:81 -s wrr"
    assert len(table(town.balancer)) == 3
    assert set(who_of(town.clients[0], VIP, 81)) == {"rs1", "rs2"}


def test_a_service_that_gets_a_second_port_moves_to_a_mark_and_back(town, driver):
    ready(town)
    driver.apply(web())
    with Caller(town.clients[0], VIP, 80) as held:
        driver.apply(web("80, 81"))
        assert table(town.balancer)[0].startswith("-A -f ")
        assert len(table(town.balancer)) == 3
        assert set(who_of(town.clients[0], VIP, 81)) == {"rs1", "rs2"}
        driver.apply(web())
        assert table(town.balancer)[0] == f"-A -t {VIP}:80 -s wrr"
        assert set(who_of(town.clients[0], VIP, 80)) == {"rs1", "rs2"}
        del held


def test_a_restarted_process_takes_over_and_removes_what_the_next_configuration_leaves_out(town, driver):
    ready(town)
    text = web() + texts.service("old", "10.77.0.122", "80", SERVERS)
    driver.apply(text)
    with Driver(town.balancer) as successor:
        with Watch(town.balancer) as watch:
            assert successor.apply(text) == []
        assert watch.altering == 0
        assert successor.apply(web()) == [("old", "service old 10.77.0.122:80/tcp removed")]
    # Even one that never knew the old configuration removes what is on a configured address.
    driver.apply(text)
    with Driver(town.balancer) as stranger:
        assert stranger.apply(texts.service("new", "10.77.0.122", "81", SERVERS), web())
    assert not [line for line in table(town.balancer) if "10.77.0.122:80 " in line]


def test_purge_leaves_nothing_of_ours():
    settings = ["sysctl", "-ar", r"^net\.ipv4\.(vs\.|ip_forward)"]
    with Lab(heartbeat_links=0, nodes=1, clients=0, observers=0) as lab, Driver(lab.nodes[0]) as driver:
        host = lab.nodes[0]
        before = run(host, settings).stdout
        driver.apply(web(), texts.service("pacs", "10.77.0.121", "80, 443", SERVERS))
        assert run(host, settings).stdout != before
        driver.ask("purge")
        assert table(host) == []
        assert run(host, ["nft", "list", "tables"]).stdout == ""
        assert run(host, settings).stdout == before


def test_a_wrong_configuration_changes_nothing(town, driver):
    ready(town)
    driver.apply(web())
    before = table(town.balancer)
    lines = driver.ask("apply /dev/null")
    assert lines and lines[0][0] == "error"
    assert table(town.balancer) == before
    wait_for(lambda: set(who_of(town.clients[0], VIP, 80)) == {"rs1", "rs2"}, "both servers")


def test_hundreds_of_objects_in_one_apply(town, driver):
    text = "".join(texts.service(f"s{i}", VIP, str(2000 + i), SERVERS) for i in range(100))
    assert len(driver.apply(text)) >= 300
    assert len(table(town.balancer)) == 300
    assert driver.apply(text) == []
    driver.apply()
    assert table(town.balancer) == []
