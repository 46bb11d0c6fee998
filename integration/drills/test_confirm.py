# SPDX-License-Identifier: Apache-2.0
"""A configuration that nobody confirms goes back by itself, on both nodes, whatever is restarted meanwhile."""

import time

import pytest
from lab import Lab, Pair, RealServer, conf
from lab.node import Refused
from lab.wait import until

WEB = "10.77.0.100"


@pytest.fixture
def pair():
    with Lab(heartbeat_links=1, real_servers=1, clients=1, observers=0) as lab:
        RealServer(lab.real_servers[0])
        made = Pair(lab, text(lab, 1))
        made.start()
        yield made


def text(lab, weight):
    server = {"rs1": {"address": lab.real_servers[0].address(), "weight": weight}}
    return conf.cluster(conf.service("web", WEB, 80, server, check=conf.health()))


def apply(pair, weight, within):
    """Applied to be confirmed; returns when that was, in seconds."""
    pair.primary.write("cluster.toml", text(pair.lab, weight))
    done = pair.primary.dyad("apply", pair.primary.config_dir, "--confirm", within)
    assert "run `dyad confirm` within" in done.stdout, done.stdout
    return time.monotonic()


def weights(pair):
    return [n.server("web", "rs1")["weight"] for n in pair.nodes]


def confirmations_of(node):
    return node.status()["config"]["confirmation"]


def confirmations(pair):
    return [confirmations_of(n) for n in pair.nodes]


def is_back(pair):
    try:
        return weights(pair) == [1, 1] and pair.settled()
    except (OSError, Refused):
        return False


def wait_back(pair, since, least, most):
    until(lambda: is_back(pair), most, "back on both", describe=pair.describe)
    assert time.monotonic() - since >= least, "not before its time"
    assert confirmations(pair) == [None, None]


def test_unconfirmed_it_goes_back_by_itself_and_says_so(pair):
    since = apply(pair, 7, "3s")
    until(lambda: weights(pair) == [7, 7], 2, "in force on both", describe=pair.describe)
    for said in confirmations(pair):
        assert said["back_to"] == "1.1" and 0 < said["left_ms"] <= 3000, said
    assert "NOT CONFIRMED" in pair.primary.dyad("status").stdout
    wait_back(pair, since, 2.9, 6)
    for node in pair.nodes:
        assert any("was not confirmed within 3s" in e["text"] + e["who"] for e in node.events()), node.events()
    assert pair.primary.status()["config"]["edited"], "the operator's text is still there to be mended"


def test_confirmed_it_stays_also_over_a_restart(pair):
    since = apply(pair, 7, "3s")
    assert "is confirmed and stays" in pair.primary.dyad("confirm").stdout
    pair.primary.kill("cluster")
    pair.settle()
    until(lambda: time.monotonic() - since > 4.5, 6, "its time is over")
    assert weights(pair) == [7, 7]
    assert pair.primary.dyad("confirm", check=False).returncode == 1


def test_the_cluster_process_killed_meanwhile(pair):
    since = apply(pair, 7, "4s")
    pair.primary.kill("cluster")
    until(lambda: (pair.primary.answers() or {"config": {}})["config"].get("confirmation"), 3, "it waits on",
          describe=pair.describe)
    wait_back(pair, since, 3.9, 8)


def test_the_whole_node_restarted_meanwhile(pair):
    since = apply(pair, 7, "5s")
    pair.primary.kill()
    pair.primary.wait_gone()
    pair.primary.start()
    wait_back(pair, since, 4.9, 12)


def test_the_whole_node_away_when_the_time_is_over(pair):
    since = apply(pair, 7, "2s")
    pair.primary.kill()
    pair.primary.wait_gone()
    until(lambda: time.monotonic() - since > 2.5, 4, "its time is over")
    pair.primary.start()
    wait_back(pair, since, 2.5, 12)


def test_both_nodes_restarted_meanwhile(pair):
    since = apply(pair, 7, "4s")
    until(lambda: weights(pair) == [7, 7], 2, "in force on both", describe=pair.describe)
    for node in pair.nodes:
        node.kill()
    for node in pair.nodes:
        node.wait_gone()
        node.start(within=None)
    wait_back(pair, since, 3.9, 15)


def test_the_secondary_away_goes_back_when_it_returns(pair):
    since = apply(pair, 7, "2s")
    pair.secondary.kill()
    pair.secondary.wait_gone()
    until(lambda: pair.primary.server("web", "rs1")["weight"] == 1, 6, "back on the primary", describe=pair.describe)
    pair.secondary.start()
    wait_back(pair, since, 1.9, 12)


def test_what_waits_must_be_settled_first(pair):
    apply(pair, 7, "60s")
    for path, body, part in (("/v1/apply", {"cluster_toml": text(pair.lab, 8)}, "dyad confirm"),):
        with pytest.raises(Refused) as refused:
            pair.primary.call("POST", path, body)
        assert part in str(refused.value)
    with pytest.raises(Refused) as refused:
        pair.secondary.call("POST", "/v1/confirm")
    assert "primary" in str(refused.value)
    pair.primary.dyad("rollback", "1")
    until(lambda: weights(pair) == [1, 1], 2, "back at once", describe=pair.describe)
    until(lambda: confirmations(pair) == [None, None], 2, "settled on both", describe=pair.describe)


def test_a_promoted_secondary_goes_back_in_the_place_of_a_dead_primary(pair):
    apply(pair, 7, "5s")
    pair.primary.kill()
    pair.primary.wait_gone()
    until(lambda: not pair.secondary.status()["peer"]["alive"], 5, "dead", describe=pair.describe)
    pair.secondary.dyad("promote")
    until(lambda: pair.secondary.server("web", "rs1")["weight"] == 1, 8, "back", describe=pair.describe)
    assert confirmations_of(pair.secondary) is None
    pair.primary.start()
    until(lambda: is_back(pair), 12, "the old primary has it too", describe=pair.describe)
    assert confirmations(pair) == [None, None]


def test_a_planned_promotion_waits_for_the_confirmation(pair):
    apply(pair, 7, "60s")
    until(lambda: confirmations(pair)[1], 2, "known to the secondary", describe=pair.describe)
    done = pair.secondary.dyad("promote", check=False)
    assert done.returncode == 1 and "waits for a confirmation" in done.stderr, done
