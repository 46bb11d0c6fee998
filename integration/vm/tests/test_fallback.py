# SPDX-License-Identifier: Apache-2.0
"""When no real server is left: the node's own page, another server, or nothing; and back again."""

import pytest

import texts
from topology import Answerer, Caller, table, who, who_of

SERVERS = {"A": "10.77.0.41", "B": "10.77.0.42"}
DOWN = {"web__A": "down", "web__B": "down"}


@pytest.fixture
def vip(town):
    address = "10.77.0.112"
    town.masqueraded(address)
    town.answer([80])
    return address


def test_the_page_on_the_services_own_address(town, driver, vip):
    town.answerers.append(Answerer(town.balancer, [9081]))   # in the page's place: dyadd has that, libbalance has not
    text = texts.service("web", vip, "80", SERVERS, mode="nat", fallback='"local"')
    driver.apply(text)
    assert set(who_of(town.clients[0], vip, 80)) == {"rs1", "rs2"}
    assert ("web", f"server fallback {vip}:9081 nat weight 1 added") in driver.apply(text, **DOWN)
    assert set(who_of(town.clients[0], vip, 80, times=3)) == {town.balancer.name}
    done = driver.apply(text, web__A="down")
    assert ("web", f"server {vip}:9081 removed") in done
    assert set(who_of(town.clients[0], vip, 80, times=3)) == {"rs2"}


@pytest.mark.parametrize("persistence", [None, texts.source_ip("600s")])
def test_another_server(town, driver, vip, persistence):
    elsewhere = town.clients[1]
    town.also_through_balancer(elsewhere)
    town.answerers.append(Answerer(elsewhere, [8080]))
    more = {"persistence": persistence} if persistence else {}
    text = texts.service("web", vip, "80", SERVERS, mode="nat", fallback=f'"{elsewhere.address()}:8080"', **more)
    driver.apply(text, **DOWN)
    assert who(town.clients[0], vip, 80) == elsewhere.name
    driver.apply(text)
    assert set(who_of(town.clients[0], vip, 80)) <= {"rs1", "rs2"}   # not kept by what it remembered of the client


def test_connections_of_a_drained_server_go_on_beside_the_fallback(town, driver, vip):
    town.answerers.append(Answerer(town.balancer, [9081]))
    text = texts.service("web", vip, "80", {"A": "10.77.0.41"}, mode="nat", fallback='"local"')
    driver.apply(text)
    with Caller(town.clients[0], vip, 80) as old:
        driver.apply(text, web__A="drain")
        assert who(town.clients[0], vip, 80) == town.balancer.name
        assert old.lives() and old.server == "rs1"


def test_disabled_is_refused(town, driver, vip):
    text = texts.service("web", vip, "80", SERVERS, mode="nat")
    driver.apply(text, **DOWN)
    assert [line for line in table(town.balancer) if "-w 0" not in line] == [f"-A -t {vip}:80 -s wrr"]
    with pytest.raises(OSError):
        who(town.clients[0], vip, 80)
