# SPDX-License-Identifier: Apache-2.0
"""Changes that layer 4 is told of, instead of looking for them."""

import pytest

import texts
from topology import Driver, run, wait_for

VIP = "10.77.0.120"
SERVERS = {"A": "10.77.0.41", "B": "10.77.0.42"}
SERVICE = f"-t {VIP}:80"


@pytest.fixture
def watching(town, driver):
    town.only_balancer(VIP)
    driver.apply(texts.service("web", VIP, "80", SERVERS))
    assert driver.ask("watch") == []
    # The interface of the watch is a change itself.
    wait_for(lambda: driver.ask("changed") == [["no"]], "it is quiet")
    return driver


@pytest.mark.parametrize("change, undo", [
    (f"ipvsadm -d {SERVICE} -r 10.77.0.41:80", f"ipvsadm -a {SERVICE} -r 10.77.0.41:80 -g -w 100"),
    (f"ipvsadm -e {SERVICE} -r 10.77.0.41:80 -g -w 1", f"ipvsadm -e {SERVICE} -r 10.77.0.41:80 -g -w 100"),
    ("ipvsadm -A -t 10.77.0.121:80 -s rr", "ipvsadm -D -t 10.77.0.121:80"),
    ("ipvsadm -C", ""),
    ("nft add table inet dyad_test", "nft delete table inet dyad_test"),
    ("ip address add 10.77.0.122/32 dev eth0", "ip address del 10.77.0.122/32 dev eth0"),
    ("ip link add name dyad-test type dummy", "ip link del dyad-test"),
    ("ip rule add fwmark 77 lookup 77", "ip rule del fwmark 77 lookup 77")])
def test_whatever_anybody_changes_is_told(town, watching, change, undo):
    for command in filter(None, (change, undo)):
        run(town.balancer, command.split())
        assert watching.ask("changed") == [["yes"]], command
        assert watching.ask("changed") == [["no"]], command


def test_reading_and_renewing_are_no_changes(town, watching):
    renew = f"ip address replace {VIP}/32 dev eth0 valid_lft 60 preferred_lft 60".split()
    run(town.balancer, renew)
    watching.ask("changed")
    for command in ("ipvsadm -Ln --stats", "nft list ruleset", "ip address", " ".join(renew)):
        run(town.balancer, command.split())
        assert watching.ask("changed") == [["no"]], command
    watching.status()
    assert watching.ask("changed") == [["no"]]


def test_a_watch_without_its_interface_says_so(town, watching):
    run(town.balancer, ["ip", "link", "del", "dyad-watch"])
    assert watching.ask("changed") == [["blind"]]
    assert watching.ask("watch") == []
    watching.ask("changed")
    run(town.balancer, f"ipvsadm -d {SERVICE} -r 10.77.0.41:80".split())
    assert watching.ask("changed") == [["yes"]]


def test_the_interface_of_a_watch_that_was_killed_is_taken_over(town):
    town.only_balancer(VIP)
    killed = Driver(town.balancer)
    killed.apply(texts.service("web", VIP, "80", SERVERS))
    assert killed.ask("watch") == []
    killed.process.kill()
    killed.process.wait()
    assert "dyad-watch" in run(town.balancer, ["ip", "link"]).stdout
    with Driver(town.balancer) as other:
        assert other.ask("watch") == []
        run(town.balancer, f"ipvsadm -d {SERVICE} -r 10.77.0.41:80".split())
        assert other.ask("changed") == [["yes"]]
    assert "dyad-watch" not in run(town.balancer, ["ip", "link"]).stdout


def test_an_interface_of_somebodys_is_left_alone(town, driver):
    town.only_balancer(VIP)
    driver.apply(texts.service("web", VIP, "80", SERVERS))
    run(town.balancer, "ip link add dyad-watch type dummy".split())
    assert driver.ask("watch") == [["error", 'interface dyad-watch is somebody\'s; rename it, or remove it with "ip link del dyad-watch"']]
    assert "state DOWN" in run(town.balancer, "ip link show dyad-watch".split()).stdout
    run(town.balancer, "ip link del dyad-watch".split())


def test_without_the_privilege_it_says_so(town):
    with Driver(town.balancer, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]) as stranger:
        (kind, text), = stranger.ask("watch")
        assert kind == "error" and text.endswith("needs the privileges CAP_NET_ADMIN and CAP_NET_RAW; run as root or grant the "
                                                 "capabilities")
